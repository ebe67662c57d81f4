"""Staging folders of many threads at once: nobody clears away what another has just made."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from madang import staging as staging_module
from madang.errors import StorageError
from madang.staging import Staging


def test_many_at_once(tmp_path: Path) -> None:
    """Every one of many stagings that begin and end together puts its file in place."""

    def write(number: int) -> None:
        with Staging(str(tmp_path)) as staging:
            aside = staging.new_path()
            Path(aside).write_text(str(number))
            staging.add(aside, str(tmp_path / f"{number}.txt"))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(300)))
    assert sorted(int(path.stem) for path in tmp_path.glob("*.txt")) == list(range(300))
    assert list((tmp_path / ".incoming").iterdir()) == []


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_disk_that_fails_while_more_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Whichever of the waits for the disk meets the failure, it is told, and nothing gets its final name."""
    monkeypatch.setattr(staging_module, "_FIRST", 20)
    calls = count()

    def sync(descriptor: int) -> None:
        if next(calls) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(staging_module, "sync_file_system", sync)
    monkeypatch.setattr("madang.durable.sync_file_system", sync)

    def fill() -> None:
        with Staging(str(tmp_path)) as staging:
            for number in range(50):
                _write(staging, tmp_path / "made" / str(number))
                if failing < 2:
                    staging.relieve()
            if failing:
                staging.begin_sync()
            if failing == 2:  # what the disk was let begin with was not all
                next(calls)
                _write(staging, tmp_path / "made" / "more")

    with pytest.raises(StorageError, match="Input/output"):
        fill()
    assert not (tmp_path / "made").exists()
    assert list((tmp_path / ".incoming").iterdir()) == []


def test_what_the_disk_began_with_gets_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were added before, between and after waits that nobody stood still for are all there."""
    monkeypatch.setattr(staging_module, "_FIRST", 20)
    monkeypatch.setattr(staging_module, "_PORTION", 30)
    with Staging(str(tmp_path)) as staging:
        for number in range(200):
            _write(staging, tmp_path / "made" / f"{number % 7}" / str(number))
            staging.relieve()
            if number == 150:
                staging.begin_sync()
    made = {path.name: path.read_text() for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert made == {str(number): str(number) for number in range(200)}


def _write(staging: Staging, final: Path) -> None:
    """A file aside that holds its own name."""
    aside = staging.path_for(str(final))
    Path(aside).write_text(final.name)
    staging.add(aside, str(final))
