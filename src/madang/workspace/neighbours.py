"""Commands that are at work in one folder at the same time: what a file there holds may then be another one's."""

from __future__ import annotations

import fcntl
import hashlib
import os


class Neighbours:
    """Whether other commands ran in a folder since this was made; not known where the store cannot lock files."""

    def __init__(self, store: str, folder: str) -> None:
        self._file = -1
        self._was_alone = True
        self._began = 0
        name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]
        try:
            place = os.path.join(store, "tmp")
            os.makedirs(place, exist_ok=True)
            self._file = os.open(os.path.join(place, f"beside-{name}"), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            self._join()
        except OSError:
            self.close()

    def _join(self) -> None:
        """One byte for each command that began here, and a lock that is shared by those that live."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._was_alone = False
        os.write(self._file, b".")
        self._began = os.fstat(self._file).st_size
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def were_there(self) -> bool:
        """Whether one was at work already, or has begun since."""
        if self._file < 0:
            return False
        return not self._was_alone or os.fstat(self._file).st_size != self._began

    def close(self) -> None:
        """Be no neighbour any more."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
