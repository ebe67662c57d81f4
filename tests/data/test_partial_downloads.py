"""A large download that broke off is gone on with by the next command, and is right in the end whatever lay there."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.data import knobs

from madang.backends.objects.memory import MemoryObjects
from madang.errors import Unavailable
from madang.workspace.data.remotes import partial_downloads
from madang.workspace.data.remotes.remote_objects import Brought, RemoteObjects
from madang.workspace.data.repo.repository import Repository

BODY = os.urandom(5 << 20)
NAME = hashlib.md5(BODY).hexdigest()
KEY = f"files/md5/{NAME[:2]}/{NAME[2:]}"


class _Cut(io.RawIOBase):
    """A body that breaks off."""

    def __init__(self, body: BinaryIO, count: int) -> None:
        self._body, self._left = body, count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._left:
            raise Unavailable("The line is dead.")
        piece = self._body.read(min(self._left, len(buffer)))
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)


class Store(MemoryObjects):
    """A store whose answers break off after so many bytes, as long as it has numbers for it."""

    def __init__(self) -> None:
        super().__init__()
        self.cuts: list[int] = []
        self.starts: list[int] = []

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """See `Objects.open`."""
        self.starts.append(start)
        found = super().open(key, start=start, length=length)
        return io.BufferedReader(_Cut(found, self.cuts.pop(0))) if self.cuts else found


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that holds the object; a mebibyte is large."""
    monkeypatch.setattr(partial_downloads, "LARGE", 1 << 20)
    made = Store()
    made.put(KEY, BODY)
    return made


def bring(repo: Repository, store: Store, sizes: Mapping[str, int] | None = None) -> Brought:
    """One command's download."""
    return RemoteObjects(store, repo.cache, 2).bring(sizes or {NAME: len(BODY)}, lambda _: None)


def parts(repo: Repository) -> list[Path]:
    """What is kept of downloads that broke off."""
    return list((Path(repo.cache.folder) / ".parts").glob("*"))


def check(repo: Repository) -> None:
    """The object is in the cache as one that dvc would have put there, and nothing else is left."""
    path = Path(repo.cache.path(NAME))
    assert path.read_bytes() == BODY
    assert path.stat().st_mode & 0o777 == 0o444
    assert parts(repo) == []


def test_the_next_command_goes_on(repo: Repository, store: Store) -> None:
    """Twice cut, each attempt asks for what is missing only."""
    store.cuts = [3 << 20, 1 << 20]
    for _ in range(2):
        with pytest.raises(Unavailable):
            bring(repo, store)
    assert bring(repo, store).got == [NAME]
    assert store.starts == [0, 3 << 20, 4 << 20]
    check(repo)


@pytest.mark.parametrize("room", [knobs.ENOUGH, 0])
def test_its_copy_for_the_workspace(
    repo: Repository, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """A copy that is made meanwhile goes when the download breaks off; that of the next one has all from the first."""
    knobs.lower(room, monkeypatch.setattr)
    place = tmp_path / "aside"
    store.cuts = [3 << 20]
    repo.cache.early_copies.want("large", str(place), {"": NAME})
    with pytest.raises(Unavailable):
        bring(repo, store)
    assert not place.exists()
    repo.cache.early_copies.want("large", str(place), {"": NAME})
    assert bring(repo, store).got == [NAME]
    assert store.starts == [0, 3 << 20]
    prepared = repo.cache.early_copies.prepared("large")
    assert prepared is not None
    if room:
        assert place.read_bytes() == BODY
        assert prepared.made[""].size == len(BODY)
    else:
        assert prepared.begun == {"": 0}
    check(repo)


@pytest.mark.parametrize("damage", ["wrong", "longer", "empty"])
def test_what_lay_there_is_not_believed(repo: Repository, store: Store, damage: str) -> None:
    """A beginning that is wrong, or more than the whole, does not get into the object."""
    store.cuts = [3 << 20]
    with pytest.raises(Unavailable):
        bring(repo, store)
    (part,) = parts(repo)
    part.write_bytes({"wrong": b"x" * (2 << 20), "longer": BODY + b"more", "empty": b""}[damage])
    assert bring(repo, store).got == [NAME]
    check(repo)


def test_the_remote_is_wrong(repo: Repository, store: Store) -> None:
    """Wrong bytes of a remote are told as before, and nothing of them stays."""
    store.put(KEY, BODY[:-1] + b"?")
    store.cuts = [3 << 20]
    with pytest.raises(Unavailable):
        bring(repo, store)
    assert bring(repo, store).damaged == [NAME]
    assert parts(repo) == []


def test_two_at_once(repo: Repository, store: Store) -> None:
    """A beginning that somebody writes is left to them; of several free ones the longest is taken."""
    first, descriptor = partial_downloads.claim(repo.cache.folder, NAME)
    assert bring(repo, store).got == [NAME]
    assert parts(repo) == [Path(first)]
    os.write(descriptor, BODY[:5])
    os.close(descriptor)
    other = Path(first).with_name(f"{NAME}.other")
    other.write_bytes(BODY[:7])
    path, descriptor = partial_downloads.claim(repo.cache.folder, NAME)
    assert (path, parts(repo)) == (str(other), [other])
    os.close(descriptor)


def test_old_ones_go(repo: Repository, store: Store) -> None:
    """What nobody continued for a week goes with the next large download."""
    area = Path(repo.cache.folder) / ".parts"
    area.mkdir(parents=True)
    (area / "0.x").write_bytes(b"old")
    old = time.time() - partial_downloads.KEPT_SECONDS - 60
    os.utime(area / "0.x", (old, old))
    bring(repo, store)
    check(repo)
