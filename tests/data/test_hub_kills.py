"""A hub that is killed while data is sent to it: what it acknowledged is there and whole; the rest is sent again."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from madang.client import transport
from madang.client.data import ROOT, HubObjects
from madang.client.http import HubClient
from madang.errors import MadangError
from madang.testing.patience import wait_for

MADANG = [sys.executable, "-c", "from madang.cli.main import run; import sys; sys.exit(run(sys.argv[1:]))"]
ROUNDS = 4


def start(store: Path) -> tuple[subprocess.Popen[str], str]:
    """A hub over a folder, and its address."""
    command = [*MADANG, "hub", "--store", str(store), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def key_of(body: bytes) -> str:
    """Where an object with these bytes lies."""
    name = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return f"files/md5/{name[:2]}/{name[2:]}"


def objects(address: str) -> HubObjects:
    """The project's data."""
    return HubObjects(HubClient(address, token="", root=ROOT, attempts=1), "p")


def test_what_was_acknowledged_survives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL at random moments of packs and single uploads from four threads."""
    monkeypatch.setattr(transport, "FIRST_PAUSE", 0.001)
    chance = random.Random(7)
    acknowledged: dict[str, bytes] = {}
    for number in range(ROUNDS):
        process, address = start(tmp_path / "hub")
        with process:
            store = objects(address)
            found = dict(store.read_many(list(acknowledged)))
            assert found == acknowledged
            stop = threading.Event()

            def send(
                thread: int, store: HubObjects = store, number: int = number, stop: threading.Event = stop
            ) -> None:
                for count in range(10_000):
                    bodies = [b"%d %d %d %d" % (number, thread, count, item) for item in range(1 + thread * 20)]
                    pairs = [(key_of(body), body) for body in bodies]
                    try:
                        if thread:
                            store.put_many(pairs)
                        else:
                            store.put(*pairs[0])
                    except MadangError:
                        return
                    acknowledged.update(pairs)
                    if stop.is_set():
                        return

            threads = [threading.Thread(target=send, args=(thread,)) for thread in range(4)]
            for thread in threads:
                thread.start()
            wait_for(lambda found=found: len(acknowledged) > len(found))  # type: ignore[misc]
            time.sleep(chance.random() / 4)
            process.send_signal(signal.SIGKILL)
            stop.set()
            for thread in threads:
                thread.join()
            store.close()
    process, address = start(tmp_path / "hub")
    with process:
        store = objects(address)
        assert len(acknowledged) > ROUNDS
        assert dict(store.read_many(list(acknowledged))) == acknowledged
        listed = {stat.key for stat in store.list()}
        assert listed >= acknowledged.keys()
        for key, body in store.read_many(sorted(listed - acknowledged.keys())):
            assert key_of(body) == key  # what was stored without a word is whole too
        store.close()
        process.terminate()
