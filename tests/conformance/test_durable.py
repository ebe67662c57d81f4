"""Small files that are replaced: what a crash leaves beside them goes, and nothing else does."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from madang.durable import write_file

LEFT = ".0123456789abcdef.madang"


def test_what_a_crash_left_goes(tmp_path: Path) -> None:
    """An old file of a writer that died goes with the next write in its folder; names that only look alike stay."""
    alike = [".0123456789abcdef.madang2", ".0123.madang", "0123456789abcdef.madang", ".xyz3456789abcdef.madang"]
    for name in (LEFT, *alike):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (0, 0))
    write_file(str(tmp_path / "a"), b"new")
    assert sorted(os.listdir(tmp_path)) == sorted(["a", *alike])


def test_what_somebody_writes_stays(tmp_path: Path) -> None:
    """A file that is young, or held by the process that writes it, is not touched."""
    left, held = tmp_path / LEFT, tmp_path / ".fedcba9876543210.madang"
    left.write_bytes(b"half")
    with held.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.utime(held, (0, 0))
        write_file(str(tmp_path / "a"), b"new")
    assert sorted(os.listdir(tmp_path)) == sorted([LEFT, held.name, "a"])


def test_a_folder_of_that_name_stays(tmp_path: Path) -> None:
    """Only files are cleared away, and a link is not followed."""
    (tmp_path / LEFT).mkdir()
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / ".fedcba9876543210.madang").symlink_to("mine")
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0), follow_symlinks=False)
    write_file(str(tmp_path / "a"), b"new")
    assert (tmp_path / LEFT).is_dir()
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_refused_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses, the old file is whole and no other lies beside it."""
    (tmp_path / "a").write_bytes(b"old")

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_file(str(tmp_path / "a"), b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]
