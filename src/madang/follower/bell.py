"""A pipe with a name in the store, by which a program wakes the follower: it need not wait for the next look."""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress


class Bell:
    """Sleep that others may cut short. Where there can be no such pipe it is plain sleep."""

    def __init__(self, path: str) -> None:
        self._pipe = -1
        with suppress(OSError):
            with suppress(FileExistsError):
                os.mkfifo(path, 0o600)
            # For writing too: or it would read as ended once a program has rung and closed it.
            self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def sleep(self, seconds: float) -> None:
        """Sleep until somebody rings, and not longer than that."""
        if self._pipe < 0:
            time.sleep(seconds)
        elif select.select((self._pipe,), (), (), seconds)[0] and not os.read(self._pipe, 1 << 16):
            self.close()  # no pipe but a file, which is always ready

    def close(self) -> None:
        """Let go of the pipe; it stays for the next follower."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
