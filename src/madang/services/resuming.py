"""Uploads of large objects that may be cut: what came is kept in a file, and its sender goes on behind it.

The file lies in a folder of unfinished uploads, named by project, key, sender and size. It belongs to nobody until all
of it came and its digests are right; one that nobody continued for a week goes.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from madang.durable import write_all
from madang.errors import Conflict, CorruptData, StorageError, TooLarge
from madang.services.arriving import Check

KEPT_SECONDS = 7 * 86_400.0  # since the last byte
_HASHES = 32  # running digests that are remembered between the parts of an upload
_PIECE = 1 << 20


class Part:
    """What came of one upload; nobody else writes to it meanwhile."""

    def __init__(self, path: str, file: Any, size: int, digests: _Digests) -> None:
        self.path = path
        self.size = size  # bytes of the whole
        self._file = file
        self._digests = digests

    @property
    def offset(self) -> int:
        """Bytes that are here."""
        return self._digests.count

    def take(self, pieces: Iterable[bytes]) -> None:
        """Append what comes. When it breaks off, what came stays.

        Raises:
            TooLarge: more than the whole; nothing is kept. What ``pieces`` raises.
        """
        for piece in pieces:
            if self.offset + len(piece) > self.size:
                os.unlink(self.path)
                raise TooLarge(f"More than the announced {self.size} bytes came.")
            write_all(self._file.fileno(), piece)
            self._digests.update(piece)

    def finish(self) -> str:
        """The BLAKE3 of the whole, ``blake3:HEX``.

        Raises:
            CorruptData: the bytes are not what was claimed; nothing is kept.
        """
        try:
            return self._digests.finish()
        except CorruptData:
            os.unlink(self.path)
            raise


class _Digests:
    """The digests of a file's first bytes."""

    def __init__(self, check: Check) -> None:
        from blake3 import blake3  # noqa: PLC0415 - commands that only read do not pay for it

        self.count = 0
        self.state: tuple[int, ...] = ()  # of the file when they were put away: another process may make it anew
        self._check = check
        self._own = blake3()

    def update(self, piece: bytes) -> None:
        self.count += len(piece)
        self._own.update(piece)
        self._check.update(piece)

    def finish(self) -> str:
        digest = f"blake3:{self._own.hexdigest()}"
        self._check.finish(digest)
        return digest


class Uploads:
    """The unfinished uploads of a hub. Thread-safe; several processes may share the folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, _Digests] = {}  # so that going on does not read again what came before

    def offset(self, name: str) -> int:
        """How many bytes of an upload are here.

        Raises:
            Conflict: more of them come just now.
        """
        try:
            with open(self._path(name), "rb") as file:
                _lock(file, fcntl.LOCK_SH)
                return os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            return 0

    @contextmanager
    def opened(self, name: str, offset: int, size: int, check: Callable[[], Check]) -> Iterator[Part]:
        """Go on with an upload behind its first ``offset`` bytes. The caller takes the file away when it is whole.

        Raises:
            Conflict: another number of bytes is here, or somebody is sending them just now.
            StorageError: the disk refused.
        """
        try:
            self._clear()
            os.makedirs(self._folder, exist_ok=True)
            with open(self._path(name), "ab", buffering=0) as file:
                self._own(file, name, offset)
                digests = self._digests(name, offset, check, _state(file))
                part = Part(self._path(name), file, size, digests)
                try:
                    yield part
                finally:
                    self._remember(name, digests, _state(file))
        except OSError as error:
            raise StorageError(f"Cannot keep an upload in {self._folder}: {error.strerror}.") from error

    def _own(self, file: Any, name: str, offset: int) -> None:
        _lock(file, fcntl.LOCK_EX)
        here = os.fstat(file.fileno()).st_size
        if here != offset or os.fstat(file.fileno()).st_nlink == 0:
            raise Conflict(f"{here} bytes of this object came, not {offset}.", hint="Go on from there.")

    def _digests(self, name: str, offset: int, check: Callable[[], Check], state: tuple[int, ...]) -> _Digests:
        with self._lock:
            known = self._known.pop(name, None)
        if known is not None and known.state == state:
            return known
        digests = _Digests(check())
        with open(self._path(name), "rb") as file:
            while digests.count < offset and (piece := file.read(min(_PIECE, offset - digests.count))):
                digests.update(piece)
        return digests

    def _remember(self, name: str, digests: _Digests, state: tuple[int, ...]) -> None:
        digests.state = state
        with self._lock:
            if os.path.exists(self._path(name)) and state[0] == digests.count:
                self._known[name] = digests
            while len(self._known) > _HASHES:
                del self._known[next(iter(self._known))]

    def _clear(self) -> None:
        """Remove what nobody continued."""
        before = time.time() - KEPT_SECONDS
        with suppress(FileNotFoundError):
            for entry in list(os.scandir(self._folder)):
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < before:
                        os.unlink(entry.path)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def _state(file: Any) -> tuple[int, ...]:
    """Size, identity and times of an open file: others where its bytes are."""
    facts = os.fstat(file.fileno())
    return facts.st_size, facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns


def _lock(file: Any, how: int) -> None:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict("This object is being sent just now.", hint="Wait, then ask how much of it came.") from None
