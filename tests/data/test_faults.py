"""Locks, disks and remotes that fail: each command says what happened, loses nothing, and works when it is repeated."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.data.helpers import Tool, make, objects, read

from madang.backends.objects.local import LocalObjects
from madang.errors import MadangError, Unavailable
from madang.formats.dvc import listing
from madang.ports.objects import ObjectStat, Source
from madang.workspace.data.files.adding import add
from madang.workspace.data.files.checkout import checkout
from madang.workspace.data.records.outs import resolve
from madang.workspace.data.remotes.transfer import fetch, push
from madang.workspace.data.repo import locks
from madang.workspace.data.repo.repository import Repository

FILES = {"d/a": b"aaaa", "d/b": b"bbbb" * 100_000, "d/sub/c": b"cccc", "d/sub/d": b"aaaa", "s": b"single"}


@pytest.fixture
def tracked(repo: Repository, root: Path) -> Repository:
    """A repository with a tracked folder and file, and a default remote."""
    make(root, FILES)
    add(repo, ["d", "s"])
    repo.settings.write("project", [("core", "remote", "r"), ('remote "r"', "url", "elsewhere")])
    repo.close()
    return Repository(repo.root)


# -- locks ------------------------------------------------------------------------------------------------------------


def test_many_commands_at_once(root: Path, madang: Tool, dvc: Tool) -> None:
    """Of commands that start together each succeeds or says who works; repeated, all data is tracked and sound."""
    script = "import sys; from madang.cli.main import run; sys.exit(run(sys.argv[1:]))"
    names = [f"file {number}" for number in range(6)]
    make(root, {name: name.encode() * 1000 for name in names})
    started = [
        subprocess.Popen([sys.executable, "-c", script, "add", name], cwd=root, stderr=subprocess.PIPE, text=True)
        for name in names
    ]
    for process in started:
        _, told = process.communicate()
        assert process.returncode == 0 or "is working in this repository" in told
    for name in names:
        assert madang(root, "add", name).code == 0
    assert madang(root, "status", "-q").code == 0
    assert dvc(root, "status", "-q").code == 0
    assert sorted((root / ".gitignore").read_text().splitlines()) == [f"/{name}" for name in names]


def test_a_lock_of_the_dead(root: Path, madang: Tool, dvc: Tool) -> None:
    """A lock file that names a process, dead or alive, holds nobody up when nobody holds the lock itself."""
    make(root, {"s": b"s"})
    for pid in (1, os.getpid(), 2**22 + 1):
        (root / ".dvc" / "tmp" / "lock").write_text(f" {pid}\n")
        assert madang(root, "add", "s").code == 0
        assert dvc(root, "status", "-q").code == 0


def test_a_lock_of_the_living(root: Path, madang: Tool, dvc: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a process holds the lock, writers say which one; readers go on; when it is killed, so do writers."""
    monkeypatch.setattr(locks.hold.__wrapped__, "__defaults__", ((), 0.1))  # type: ignore[attr-defined]
    make(root, {"s": b"s", "d/a": b"a"})
    assert madang(root, "add", "s", "d").code == 0
    script = (
        "import fcntl, os, sys; f = open('.dvc/tmp/lock', 'r+'); fcntl.flock(f, fcntl.LOCK_EX);"
        "f.write(f' {os.getpid()}\\n'); f.truncate(); f.flush(); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for command in (["add", "s"], ["checkout"], ["undo"], ["remove", "s.dvc"]):
            answer = madang(root, *command)
            assert answer.code != 0
            assert str(holder.pid) in answer.err
        assert madang(root, "status", "-q").code == 0
        holder.kill()
    assert madang(root, "add", "s").code == 0


def test_a_number_that_another_process_has_now(root: Path, madang: Tool) -> None:
    """A stage that died holds nothing, though a later process has its number; one that lives does."""
    make(root, {"s": b"s"})
    rwlock = root / ".dvc" / "tmp" / "rwlock"
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as holder:
        rwlock.write_text(json.dumps({"write": {str(root / "s"): {"pid": holder.pid, "cmd": "dvc repro"}}, "read": {}}))
        assert "in use by process" in madang(root, "add", "s").err
        past = time.time() - 3600
        os.utime(rwlock, (past, past))
        assert madang(root, "add", "s").code == 0


# -- disks ------------------------------------------------------------------------------------------------------------


class Disk:
    """Makes operations below one folder fail as a disk would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: str, number: int, room: int = 0) -> None:
        self.folder, self.number, self.room = folder, number, room
        self._real = {name: getattr(os, name) for name in ("open", "mkdir", "rename", "link", "unlink", "write")}
        for name in ("mkdir", "rename", "link", "unlink"):
            monkeypatch.setattr(os, name, self._refusing(name))
        monkeypatch.setattr(os, "open", self._open)

    def _refusing(self, name: str) -> Callable[..., object]:
        def call(*paths: object, **options: object) -> object:
            for path in paths:
                if isinstance(path, str) and path.startswith(self.folder):
                    raise OSError(self.number, os.strerror(self.number), path)
            return self._real[name](*paths, **options)

        return call

    def _open(self, path: str, flags: int, *rest: int, **options: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and os.fspath(path).startswith(self.folder):
            raise OSError(self.number, os.strerror(self.number), path)
        descriptor: int = self._real["open"](path, flags, *rest, **options)
        return descriptor


def test_a_read_only_cache(tracked: Repository, root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no new object works; what does says so, changes nothing, and works once the cache may be written."""
    record = (root / "s.dvc").read_bytes()
    (root / "d" / "a").unlink()
    (root / "s").write_bytes(b"new bytes")
    with monkeypatch.context() as patch:
        Disk(patch, str(root / ".dvc" / "cache"), errno.EROFS)
        assert madang(root, "status").code == 0
        assert madang(root, "checkout", "d").code == 0
        answer = madang(root, "add", "s")
        assert answer.code == 1
        assert "Read-only file system" in answer.err
        assert madang(root, "gc", "-w", "-f").code == 255
    assert (root / "d" / "a").read_bytes() == b"aaaa"
    assert (root / "s.dvc").read_bytes() == record
    assert madang(root, "add", "s").code == 0
    assert madang(root, "status", "-q").code == 0


def test_a_small_disk(root: Path, tmp_path: Path, madang: Tool) -> None:
    """A file-size limit of the system (as a full disk: the write is cut) leaves no half object, and names the file."""
    make(root, {"large": os.urandom(3_000_000), "small": b"small"})
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000));"
        "from madang.cli.main import run; sys.exit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "add", "small", "large"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"{root / '.dvc' / 'cache'} cannot be written: File too large" in done.stderr
    assert [body for _, body in objects(root / ".dvc" / "cache").values()] in ([], [b"small"])
    assert not (root / "large.dvc").exists()
    assert madang(root, "add", "small", "large").code == 0
    assert len(objects(root / ".dvc" / "cache")) == 2


@pytest.mark.parametrize(
    "held",
    [
        5,
        [],
        {"write": 5},
        {"write": {"ROOT/s": 5}},
        {"write": {"ROOT/s": {"pid": [1]}}, "read": {"ROOT/s": [None, {"pid": 1 << 80}, {"pid": -1}]}},
    ],
)
def test_a_list_of_running_stages_of_another_form(held: object, tracked: Repository, root: Path) -> None:
    """What dvc never writes there holds nothing, and ends no command."""
    path = os.path.join(tracked.tmp_dir, "rwlock")
    Path(path).write_text(json.dumps(held).replace("ROOT", str(root)))
    with locks.hold(tracked, [str(root / "s")]):
        pass


# -- remotes ----------------------------------------------------------------------------------------------------------


class Chaos(LocalObjects):
    """A folder as a remote that misbehaves at one of its operations."""

    def __init__(self, root: str, at: int, fault: str) -> None:
        super().__init__(root)
        self.at, self.fault, self.count = at, fault, 0

    def _is_now(self, *kinds: str) -> bool:
        self.count += 1
        if self.count == self.at and self.fault == "away":
            raise Unavailable("The remote went away.")
        return self.count >= self.at and self.fault in kinds

    def stat(self, key: str) -> ObjectStat | None:
        """May lie about the size, or that nothing is there."""
        found = super().stat(key)
        if self._is_now("size") and found is not None:
            return ObjectStat(key, found.size + 1)
        return None if self._is_now("gone") else found

    def list(self, prefix: str = "") -> Iterator[ObjectStat]:
        """May lie about sizes."""
        for found in super().list(prefix):
            yield ObjectStat(found.key, found.size + 1) if self._is_now("size") else found

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """May give fewer, more or other bytes."""
        with super().open(key, start=start, length=length) as file:
            body = file.read()
        if self._is_now("short", "long", "other"):
            body = {"short": body[:-1], "long": body + b"!" * 3_000_000, "other": b"?" * len(body)}[self.fault]
        return io.BytesIO(body)

    def read(self, key: str) -> bytes:
        """As `open`."""
        return self.open(key).read()

    def put(self, key: str, source: Source, *, if_absent: bool = False) -> bool:
        """May go away."""
        self._is_now()
        return super().put(key, source, if_absent=if_absent)


@pytest.mark.parametrize("fault", ["away", "size", "gone", "short", "long", "other"])
def test_a_pull_from_a_remote_that_lies(tracked: Repository, root: Path, fault: str, madang: Tool) -> None:
    """Whatever it answers, nothing wrong arrives, nothing here is lost, and with a sound remote the pull completes."""
    store = str(root.parent / "store")
    push(tracked, resolve(tracked, []), lambda _: LocalObjects(store))
    os.rename(tracked.cache.folder, root.parent / "old cache")
    for name in ("d", "s"):
        (root / name).rename(root.parent / f"old {name}")
    (root / "s").write_bytes(b"mine, saved nowhere")
    for at in range(1, 30):
        chaos = Chaos(store, at, fault)
        repository = Repository(str(root))
        try:
            fetch(repository, resolve(repository, []), lambda _, chaos=chaos: chaos)  # type: ignore[misc]
            checkout(repository, resolve(repository, ["d"]))
        except MadangError:
            pass
        finally:
            repository.close()
        for path, (_, body) in objects(root / ".dvc" / "cache").items():
            assert hashlib.md5(body).hexdigest() == path[10:].replace("/", "")[:32]
        here = {name: body for name, body in read(root).items() if name.startswith("d/")}
        assert all(FILES[name] == body for name, body in here.items())
        assert (root / "s").read_bytes() == b"mine, saved nowhere"
        if chaos.count < at:
            break
        for one in (root / ".dvc" / "cache" / "files").rglob("*"):
            if one.is_file():
                one.unlink()
    repository = Repository(str(root))
    fetch(repository, resolve(repository, []), lambda _: LocalObjects(store))
    checkout(repository, resolve(repository, []), force=True)
    repository.close()
    assert {name: body for name, body in read(root).items() if name in FILES} == FILES
    assert madang(root, "undo").code == 0
    assert (root / "s").read_bytes() == b"mine, saved nowhere"


@pytest.mark.parametrize("fault", ["away", "size", "gone"])
def test_a_push_to_a_remote_that_lies(tracked: Repository, root: Path, fault: str) -> None:
    """A listing is never there without its files; the next push to a sound remote completes it."""
    for at in range(1, 40):
        store = root.parent / f"store {at}"
        chaos = Chaos(str(store), at, fault)
        with suppress(MadangError):
            push(tracked, resolve(tracked, []), lambda _, chaos=chaos: chaos)  # type: ignore[misc]
        _check_remote(store)
        push(tracked, resolve(tracked, []), lambda _, store=store: LocalObjects(str(store)))  # type: ignore[misc]
        assert len(_check_remote(store)) == 5
        if chaos.count < at:
            break


def _check_remote(store: Path) -> Sequence[str]:
    names = {path[10:].replace("/", ""): body for path, (_, body) in objects(store).items()}
    for name, body in names.items():
        assert hashlib.md5(body).hexdigest() == name[:32]
        if name.endswith(".dir"):
            assert set(listing.decode(body, name).values()) <= names.keys()
    return list(names)
