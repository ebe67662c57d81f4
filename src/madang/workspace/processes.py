"""Processes that outlived the command of madang that had started them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def end_left(is_meant: Callable[[psutil.Process], bool]) -> int:
    """End the processes that are meant, until there are none. Returns how many there were.

    The follower may be among them; it looks after all runs and is left alone. ``is_meant`` may raise `psutil.Error`.
    """
    import psutil  # noqa: PLC0415 - few commands ask for it

    def is_left(process: psutil.Process) -> bool:
        with suppress(psutil.Error):  # gone, dead already, or somebody else's
            return is_meant(process) and "madang.follower" not in process.cmdline()
        return False

    ended = 0
    while found := [process for process in psutil.process_iter() if is_left(process)]:
        ended += len(found)
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.02)
    return ended
