"""Files that are read once: hashed and copied at the same time."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from tests.data.helpers import make

from madang.workspace.data.files.adding import add
from madang.workspace.data.objects import reading
from madang.workspace.data.repo.repository import Repository


class OnePlace:
    """Room for one copy, which is needed."""

    def __init__(self, path: str) -> None:
        self._path = path

    def new_path(self) -> str:
        """See `Room.new_path`."""
        return self._path

    def path_for(self, md5: str, size: int) -> str:
        """See `Room.path_for`."""
        return self._path


def test_a_full_disk_under_a_large_file() -> None:
    """A refusal of the disk or of the source in the copying thread reaches the caller, and no thread is left."""
    body = os.urandom(20 * reading.CHUNK + 7)
    before = threading.active_count()

    def filler(source: BinaryIO, last: int = len(body)) -> reading.Fill:
        def fill(buffer: memoryview) -> int:
            if source.tell() >= last:
                raise OSError(5, "Input/output error")
            return source.readinto(buffer[:70_000])  # type: ignore[attr-defined,no-any-return]

        return fill

    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space"):
        reading.write_and_hash(filler(io.BytesIO(body), 1 << 30), full.fileno())
    with open(os.devnull, "wb", buffering=0) as sink:
        md5 = reading.write_and_hash(filler(io.BytesIO(body), 1 << 30), sink.fileno())
        assert md5 == hashlib.md5(body).hexdigest()
        with pytest.raises(OSError, match="Input/output"):
            reading.write_and_hash(filler(io.BytesIO(body), len(body) // 2), sink.fileno())

    def refused_later(target: int, body: bytes) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch, open(os.devnull, "wb", buffering=0) as sink:
        patch.setattr(reading, "write_all", refused_later)
        with pytest.raises(OSError, match="No space"):
            reading.write_and_hash(filler(io.BytesIO(body), 1 << 30), sink.fileno())
    assert threading.active_count() == before


def test_a_large_copy_is_what_was_hashed(tmp_path: Path) -> None:
    """Bytes that are copied by one thread and hashed by another are the same, whole, at sizes near each border."""
    for size in (
        0,
        1,
        reading.SMALL,
        reading.SMALL + 1,
        8 * reading.CHUNK,
        8 * reading.CHUNK + 1,
        30 * reading.CHUNK + 9,
    ):
        body = os.urandom(size)
        source, aside = tmp_path / "source", tmp_path / f"aside{size}"
        source.write_bytes(body)
        told: list[int] = []
        hashed = reading.hash_file(str(source), OnePlace(str(aside)), advance=told.append)
        assert hashed.md5 == hashlib.md5(body).hexdigest()
        assert aside.read_bytes() == body
        assert sum(told) == size


def test_what_was_read_before_a_stop_is_kept(repo: Repository, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An add that is stopped half-way has stored what it read; the next one reads only the others."""
    make(root, {f"d/{number:03}": b"%d" % number for number in range(300)})
    settle()
    original = reading.hash_file
    read: list[str] = []
    enough = threading.Event()

    def noting(path: str, *rest: Any, **others: Any) -> reading.Hashed:
        found = original(path, *rest, **others)
        read.append(path)
        if len(read) >= 200:
            enough.set()
        return found

    def stopping(path: str, *rest: Any, **others: Any) -> reading.Hashed:
        if path.endswith("/010"):  # the other threads are far ahead when it stops
            assert enough.wait(60)
            raise KeyboardInterrupt
        return noting(path, *rest, **others)

    with monkeypatch.context() as patch:
        patch.setattr("madang.workspace.data.objects.taking.hash_file", stopping)
        with pytest.raises(KeyboardInterrupt):
            add(repo, [str(root / "d")])
    stored = len(repo.cache.names())
    assert stored == len(read) >= 200
    assert not (root / "d.dvc").exists()
    monkeypatch.setattr("madang.workspace.data.objects.taking.hash_file", noting)
    add(repo, [str(root / "d")])
    assert len(read) == len(set(read)) == 300
    assert len(repo.cache.names()) == 301


def settle() -> None:
    """Let the clock move on, so that what was just written counts as unchanged afterwards."""
    time.sleep(0.05)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A folder that replaced a file is opened without complaint; the refusal to read it names it all the same."""
    with pytest.raises(IsADirectoryError) as refused:
        reading.hash_file(str(tmp_path))
    assert refused.value.filename == str(tmp_path)
