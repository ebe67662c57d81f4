"""For tests of several processes: wait for what must come, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

_SECONDS = 200.0  # a busy machine may stall any process for long; only what never comes is an error


def wait_for(condition: Callable[[], object]) -> None:
    """Stay until something holds, however slow the machine is."""
    end = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
