"""A signal by which a program wakes the follower: it need not wait for the next look."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress

from madang.formats.store import BELL


class Bell:
    """Sleep that the signal `BELL`, or any other that this process handles, cuts short. For the main thread."""

    def __init__(self) -> None:
        self._rung, ring = os.pipe()
        for pipe in (self._rung, ring):
            os.set_blocking(pipe, False)
        signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
        signal.signal(BELL, lambda number, frame: None)  # what is ignored would not be written to the pipe

    def sleep(self, seconds: float) -> None:
        """Sleep until somebody rings, and not longer than that. A ring that came before counts."""
        select.select((self._rung,), (), (), seconds)
        with suppress(BlockingIOError):
            os.read(self._rung, 1 << 16)
