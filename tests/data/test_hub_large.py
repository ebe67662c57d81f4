"""Sending a large object to a hub goes on where it was cut: in one command, in the next, after the hub died."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from madang.client import large
from madang.client.data import ROOT, HubObjects
from madang.client.http import HubClient
from madang.config import HubConfig
from madang.domain.access import Permission, local
from madang.errors import AccessDenied, CorruptData, InvalidInput, TooLarge, Unavailable
from madang.services.arriving import Claim
from madang.services.resuming import KEPT_SECONDS, Uploads
from madang.testing.patience import wait_for
from madang.wiring import open_hub

MADANG = [sys.executable, "-c", "from madang.cli.main import run; import sys; sys.exit(run(sys.argv[1:]))"]
SIZE = 12 << 20
BODY = os.urandom(SIZE)


def key_of(body: bytes) -> str:
    """Where an object with these bytes lies."""
    name = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return f"files/md5/{name[:2]}/{name[2:]}"


KEY = key_of(BODY)


class Hub:
    """A hub in a process of its own, that can be killed and started again over the same store."""

    def __init__(self, store: Path) -> None:
        self.store = store
        with closing(open_hub(HubConfig(store=str(store)))) as engine:
            who = local("admin")
            self.tokens = {
                name: engine.access.create_token(who, name, level, None)[1]
                for name, level in (("writer", Permission.WRITE), ("reader", Permission.READ))
            }
        self.start()

    def start(self) -> None:
        """Begin to serve."""
        line = [*MADANG, "hub", "--store", str(self.store), "--port", "0"]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def kill(self) -> None:
        """End without a warning."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def objects(self, address: str = "", person: str = "writer", attempts: int = 5) -> HubObjects:
        """The project's data, perhaps by way of another address."""
        client = HubClient(address or self.address, token=self.tokens[person], root=ROOT, attempts=attempts)
        return HubObjects(client, "p")

    def unfinished(self) -> list[Path]:
        """What is kept of uploads that were cut."""
        return list((self.store / "tmp" / "uploads").glob("*"))


class Network:
    """A way to a hub that breaks each connection after so many bytes, as long as it has numbers for it."""

    def __init__(self, address: str, cuts: list[int], before_cut: Callable[[int], None] = lambda _: None) -> None:
        self.cuts = cuts
        self._before_cut = before_cut  # called with the bytes that passed
        self.sent = 0  # bytes that went to the hub
        self._target = (urlsplit(address).hostname, urlsplit(address).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(self._target) as far:
            back = threading.Thread(target=self._pass_back, args=(far, near), daemon=True)
            back.start()
            passed = 0
            while piece := self._read(near):
                if self.cuts and passed + len(piece) > self.cuts[0]:
                    far.sendall(piece[: self.cuts[0] - passed])
                    self._before_cut(self.cuts.pop(0))
                    break
                passed += len(piece)
                self.sent += len(piece)
                far.sendall(piece)
            far.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _read(source: socket.socket) -> bytes:
        try:
            return source.recv(1 << 16)
        except OSError:
            return b""

    def _pass_back(self, far: socket.socket, near: socket.socket) -> None:
        try:
            while piece := self._read(far):
                near.sendall(piece)
        except OSError:
            return


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub, and clients that take a mebibyte for large and wait for nothing long."""
    monkeypatch.setattr(large, "LARGE", 1 << 20)
    monkeypatch.setattr(large, "FIRST_PAUSE", 0.05)
    made = Hub(tmp_path / "hub")
    yield made
    made.kill()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The object to send."""
    path = tmp_path / "object"
    path.write_bytes(BODY)
    return path


def settled(hub: Hub, least: int) -> None:
    """Wait until the hub has noticed that a sender is gone: so many bytes are there then."""
    wait_for(lambda: sum(path.stat().st_size for path in hub.unfinished()) >= least)


def test_one_command_goes_on(hub: Hub, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks three times costs no byte twice, but for those on their way."""
    starts, send_rest = list[int](), large._send_rest

    def sending(client: HubClient, where: Sequence[str], path: os.PathLike[str], at: int, size: int) -> None:
        starts.append(at)
        send_rest(client, where, path, at, size)

    monkeypatch.setattr(large, "_send_rest", sending)
    cuts = [6 << 20, 4 << 20, 2 << 20]
    network = Network(hub.address, cuts, lambda passed: settled(hub, starts[-1] + passed - (1 << 20)))
    store = hub.objects(network.address)
    assert store.put(KEY, file)
    assert store.read(KEY) == BODY
    assert network.cuts == []
    assert network.sent < SIZE + (4 << 20)
    assert hub.unfinished() == []
    store.close()
    network.close()


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_next_command_goes_on(hub: Hub, file: Path, is_killed: bool) -> None:
    """A command that gave up at 90 %, and perhaps a hub that died: the next command sends the rest only."""
    nine_tenths = SIZE * 9 // 10
    broken = Network(hub.address, [nine_tenths, *[100] * 100])
    store = hub.objects(broken.address, attempts=1)
    with pytest.raises(Unavailable):
        store.put(KEY, file)
    store.close()
    broken.close()
    settled(hub, nine_tenths - (1 << 20))
    if is_killed:
        hub.kill()
        hub.start()
    sound = Network(hub.address, [])
    store = hub.objects(sound.address)
    assert store.stat(KEY) is None
    assert store.put(KEY, file)
    assert sound.sent < SIZE // 4
    assert store.read(KEY) == BODY
    assert hub.unfinished() == []
    store.close()
    sound.close()


def test_what_came_was_damaged(hub: Hub, file: Path) -> None:
    """Bytes that went wrong on the hub's disk are found at the end; then all is sent anew, and is right."""
    test_cut(hub, file)
    (part,) = hub.unfinished()
    with part.open("r+b") as opened:
        opened.write(b"damaged")
    hub.kill()
    hub.start()
    store = hub.objects()
    assert store.put(KEY, file)
    assert store.read(KEY) == BODY
    assert hub.unfinished() == []
    store.close()


def test_cut(hub: Hub, file: Path) -> None:
    """What was cut is no object, belongs to its sender, and goes after a week."""
    network = Network(hub.address, [3 << 20, *[100] * 100])
    store = hub.objects(network.address, attempts=1)
    with pytest.raises(Unavailable):
        store.put(KEY, file)
    network.close()
    store.close()
    settled(hub, 2 << 20)
    store = hub.objects()
    assert store.stat(KEY) is None
    assert list(store.list()) == []
    store.close()
    reader = hub.objects(person="reader")
    with pytest.raises(AccessDenied):
        reader.put(KEY, file)
    reader.close()


def test_nobody_goes_on_with_it(hub: Hub, file: Path) -> None:
    """An upload that nobody continued for a week goes when the next one begins."""
    test_cut(hub, file)
    (part,) = hub.unfinished()
    old = part.stat().st_mtime - KEPT_SECONDS - 3600
    os.utime(part, (old, old))
    other = file.parent / "other"
    other.write_bytes(BODY[::-1])
    store = hub.objects()
    assert store.put(key_of(BODY[::-1]), other)
    assert hub.unfinished() == []
    store.close()


def test_two_send_the_same(hub: Hub, file: Path) -> None:
    """Two who send one object at once with one token both end well, and it is whole."""
    store = hub.objects()
    threads = [threading.Thread(target=store.put, args=(KEY, file)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read(KEY) == BODY
    assert hub.unfinished() == []
    store.close()


def test_processes_of_a_hub_believe_files_alone(tmp_path: Path) -> None:
    """What a process remembers of an upload does not hold for other bytes that another one has taken since."""
    here, there = Uploads(str(tmp_path)), Uploads(str(tmp_path))
    name = hashlib.md5(b"goodmore", usedforsecurity=False).hexdigest()

    def check() -> Claim:
        return Claim(f"md5:{name}")

    with here.opened("n", 0, 8, check) as part:
        part.take([b"good"])
    with pytest.raises(TooLarge), there.opened("n", 4, 8, check) as part:
        part.take([b"too many"])
    with there.opened("n", 0, 8, check) as part:
        part.take([b"evil"])
    with here.opened("n", 4, 8, check) as part:
        part.take([b"more"])
        with pytest.raises(CorruptData):
            part.finish()
    assert here.offset("n") == 0


def test_a_hub_that_cannot(hub: Hub, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a hub that does not know of it a large object is sent whole."""
    monkeypatch.setattr(large, "_arrived", lambda *_: int(hub.objects().read("files/md5/00/" + "0" * 30)))
    store = hub.objects()
    assert store.put(KEY, file)
    assert store.read(KEY) == BODY
    store.close()


@pytest.mark.parametrize("headers", [{}, {"upload-offset": "0"}, {"upload-offset": "-1", "upload-length": "5"}])
def test_what_is_no_number_is_refused(hub: Hub, headers: dict[str, str]) -> None:
    """Without a size and a place to go on from nothing is taken."""
    client = HubClient(hub.address, token=hub.tokens["writer"], root=ROOT)
    with pytest.raises(InvalidInput):
        client.request("PATCH", ("p", "uploads", *KEY.split("/")), headers=headers, body=b"12345")
    assert hub.unfinished() == []
    client.close()
