"""Objects of a pull are written to the cache and to the workspace in one pass."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from tests.data.helpers import NFC, NFD, Tool, make, read

from madang.workspace.data.files import applying
from madang.workspace.data.files.links import Linker
from madang.workspace.data.objects import early_copies, parallel
from madang.workspace.data.objects.copying import copy, go_on
from madang.workspace.data.objects.state import FileKey

BODY = os.urandom(3 << 20)


@pytest.fixture
def pulling(root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose one large file is in its remote only."""
    monkeypatch.setattr(early_copies, "LARGE", 1 << 20)
    madang(root, "remote", "add", "-d", "r", str(root.parent / "store"))
    make(root, {"large": BODY})
    assert madang(root, "add", "large").code == 0
    assert madang(root, "push").code == 0
    (root / "large").unlink()
    shutil.rmtree(root / ".dvc" / "cache")
    return root


def left_aside(root: Path) -> list[Path]:
    """Files that wait for a name."""
    return [path for path in root.glob(".dvc/**/.incoming/*") if path.name != "in-use"]  # a lock of the cache


def test_no_second_copy(pulling: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace gets the right bytes although nothing is copied out of the cache; it may be written to."""

    def refuse(self: Linker, source: str, target: str) -> None:
        raise AssertionError(f"{source} was copied again")

    with monkeypatch.context() as patch:
        patch.setattr(Linker, "make", refuse)
        assert madang(pulling, "pull").code == 0
    (cached,) = pulling.glob(".dvc/cache/files/md5/??/*")
    assert (pulling / "large").read_bytes() == cached.read_bytes() == BODY
    assert cached.stat().st_mode & 0o777 == 0o444
    assert not cached.samefile(pulling / "large")
    assert (pulling / "large").stat().st_mode & 0o200
    assert madang(pulling, "status", "-q").code == 0
    assert not left_aside(pulling)


def test_wrong_bytes_come_nowhere(pulling: Path, madang: Tool) -> None:
    """An object that is not what its name says reaches neither the cache nor the workspace."""
    (stored,) = pulling.parent.glob("store/files/md5/??/*")
    stored.chmod(0o644)
    stored.write_bytes(BODY[:-1] + bytes([BODY[-1] ^ 1]))
    assert madang(pulling, "pull").code == 1
    assert not (pulling / "large").exists()
    assert not list(pulling.glob(".dvc/cache/files/md5/??/*"))
    assert not left_aside(pulling)


def test_without_room_for_the_second_copy(pulling: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses the copy on the way costs nothing but the time of copying it again."""

    def refuse(descriptor: int, body: bytes | memoryview) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(early_copies, "write_all", refuse)
    assert madang(pulling, "pull").code == 0
    assert hashlib.md5((pulling / "large").read_bytes()).digest() == hashlib.md5(BODY).digest()
    assert not left_aside(pulling)


@pytest.mark.parametrize("room", [0, 1 << 20])
def test_a_copy_that_stays_behind(pulling: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Where more could only be written by sharing the disk, checkout goes on with the copy behind what is there."""
    begun = list[int]()

    def noted(source: str, target: str, start: int) -> FileKey:
        begun.append(start)
        assert os.path.getsize(target) == start
        return go_on(source, target, start)

    monkeypatch.setattr(early_copies, "unwritten_room", iter([room, 0]).__next__)
    monkeypatch.setattr(applying, "go_on", noted)
    assert madang(pulling, "pull").code == 0
    assert begun == [room]
    assert (pulling / "large").read_bytes() == BODY
    assert madang(pulling, "status", "-q").code == 0
    assert not left_aside(pulling)


def test_a_copy_that_stays_behind_a_wrong_object(pulling: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an object that turns out to be wrong nothing reaches the workspace."""
    monkeypatch.setattr(early_copies, "unwritten_room", iter([1 << 20, 0]).__next__)
    test_wrong_bytes_come_nowhere(pulling, madang)


def test_a_file_that_is_there_is_kept(pulling: Path, madang: Tool) -> None:
    """Bytes of the user in the place of the file are refused to be replaced, as without copies on the way."""
    (pulling / "large").write_bytes(b"mine")
    assert madang(pulling, "pull").code != 0
    assert (pulling / "large").read_bytes() == b"mine"


FILES = {f"d/{number % 5}/{number:03}": b"%d" % number * 9 for number in range(100)} | {
    f"d/{NFC}/같은 것": b"same",
    f"d/{NFD}/same again": b"same",
    "d/empty": b"",
    "d/large": BODY,
}


@pytest.fixture(params=[1, 10_000], ids=["by workers", "by threads"])
def pulling_folder(root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A repository whose folder of files is in its remote only."""
    monkeypatch.setattr(early_copies, "LARGE", 1 << 20)
    monkeypatch.setattr(parallel, "MANY", request.param)
    monkeypatch.setattr(parallel, "_may_fork", lambda: True)
    madang(root, "remote", "add", "-d", "r", str(root.parent / "store"))
    make(root, FILES)
    assert madang(root, "add", "d").code == 0
    assert madang(root, "push").code == 0
    (root / "d").rename(root.parent / "old data")
    (root / ".dvc" / "cache").rename(root.parent / "old cache")
    return root


def test_the_files_of_a_folder(pulling_folder: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The large one is written when its object comes, the others while theirs become durable; all are known then."""

    def refuse(self: Linker, source: str, target: str) -> None:
        raise AssertionError(f"{source} was copied again")

    with monkeypatch.context() as patch:
        patch.setattr(Linker, "make", refuse)
        assert madang(pulling_folder, "pull").code == 0
    assert read(pulling_folder / "d") == {name[2:]: body for name, body in FILES.items()}
    assert all(path.stat().st_mode & 0o200 for path in (pulling_folder / "d").rglob("*") if path.is_file())
    assert madang(pulling_folder, "status", "-q").code == 0
    assert not left_aside(pulling_folder)


def test_small_files_that_cannot_be_copied_yet(
    pulling_folder: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a copy fails half-way, or its object was moved on already, checkout makes it."""

    def refuse(source: str, target: str) -> FileKey:
        if target.endswith("1"):
            raise FileNotFoundError(2, "No such file", source)
        if target.endswith("2"):
            Path(target).write_bytes(b"half")
            raise OSError(28, "No space left on device", target)
        return copy(source, target)

    monkeypatch.setattr(early_copies, "copy", refuse)
    assert madang(pulling_folder, "pull").code == 0
    assert read(pulling_folder / "d") == {name[2:]: body for name, body in FILES.items()}
    assert madang(pulling_folder, "status", "-q").code == 0
    assert not left_aside(pulling_folder)


def test_what_is_there_already_comes_from_the_cache(pulling_folder: Path, madang: Tool) -> None:
    """Objects that the cache has, and those that come, make up the folder together."""
    (pulling_folder.parent / "old cache").rename(pulling_folder / ".dvc" / "cache")
    for path in sorted(pulling_folder.glob(".dvc/cache/files/md5/??/*"))[::2]:
        path.unlink()
    assert madang(pulling_folder, "pull").code == 0
    assert read(pulling_folder / "d") == {name[2:]: body for name, body in FILES.items()}
    assert not left_aside(pulling_folder)


def test_one_wrong_object_of_a_folder(pulling_folder: Path, madang: Tool) -> None:
    """The files of whole objects are restored; the one whose object is damaged is named and is not there."""
    name = hashlib.md5(FILES["d/2/042"]).hexdigest()
    stored = pulling_folder.parent / "store" / "files" / "md5" / name[:2] / name[2:]
    stored.chmod(0o644)
    stored.write_bytes(b"other")
    answer = madang(pulling_folder, "pull")
    assert answer.code == 1
    assert name in answer.err
    assert read(pulling_folder / "d") == {name[2:]: body for name, body in FILES.items() if name != "d/2/042"}
    assert not left_aside(pulling_folder)


def test_a_link_type_that_shares_makes_no_copies(pulling_folder: Path, madang: Tool) -> None:
    """With hard links the files are the objects themselves."""
    madang(pulling_folder, "config", "cache.type", "hardlink")
    assert madang(pulling_folder, "pull").code == 0
    name = hashlib.md5(BODY).hexdigest()
    cached = pulling_folder / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]
    assert cached.samefile(pulling_folder / "d" / "large")
    assert not left_aside(pulling_folder)
