"""Large objects of a pull are written to the cache and to the workspace in one pass."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make

from madang.workspace.data.files import links
from madang.workspace.data.files.links import Linker
from madang.workspace.data.objects import early_copies

BODY = os.urandom(3 << 20)


@pytest.fixture
def pulling(root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose one large file is in its remote only."""
    monkeypatch.setattr(links, "_LARGE", 1 << 20)
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


def test_a_file_that_is_there_is_kept(pulling: Path, madang: Tool) -> None:
    """Bytes of the user in the place of the file are refused to be replaced, as without copies on the way."""
    (pulling / "large").write_bytes(b"mine")
    assert madang(pulling, "pull").code != 0
    assert (pulling / "large").read_bytes() == b"mine"
