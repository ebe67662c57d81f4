"""The pipe that wakes the follower."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from madang.follower.bell import Bell


def ring(path: Path) -> None:
    """Write a byte, as programs do."""
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.write(pipe, b"\0")
    os.close(pipe)


def test_it_cuts_a_sleep_short(tmp_path: Path) -> None:
    """A ring ends the sleep, also one that came before; then it sleeps again; a second follower takes the same pipe."""
    for _ in range(2):
        bell = Bell(str(tmp_path / "bell"))
        ring(tmp_path / "bell")
        ring(tmp_path / "bell")
        bell.sleep(3600)
        began = time.monotonic()
        bell.sleep(0.05)
        assert time.monotonic() - began >= 0.05
        caller = threading.Timer(0.05, ring, (tmp_path / "bell",))
        caller.start()
        bell.sleep(3600)
        caller.join()
        bell.close()


@pytest.mark.parametrize("kind", ["nothing", "file", "folder"])
def test_without_a_pipe_it_sleeps(tmp_path: Path, kind: str) -> None:
    """Where no pipe can be made, or something else has its name, the sleep lasts as long as it was told."""
    path = tmp_path / "no folder" / "bell" if kind == "nothing" else tmp_path / "bell"
    if kind == "file":
        path.write_bytes(b"xyz")
    elif kind == "folder":
        path.mkdir()
    bell = Bell(str(path))
    for _ in range(3):  # a file is read to its end first
        began = time.monotonic()
        bell.sleep(0.05)
    assert time.monotonic() - began >= 0.05
    bell.close()
