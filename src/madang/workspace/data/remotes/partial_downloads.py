"""Partial downloads of large objects: what came before one broke off is kept, and the next one asks for the rest only.

They lie in ``CACHE/.parts``, named by their objects, and are held by whoever writes them. None is believed: it is read
again and hashed with the rest. One that nobody continued for a week goes.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress

from madang.durable import unlink

LARGE = 64 << 20  # bytes of an object from which on this pays
KEPT_SECONDS = 7 * 86_400.0
_FOLDER = ".parts"
_FINISHED = 0o444


def claim(cache: str, name: str) -> tuple[str, int]:
    """The longest beginning of an object that nobody writes just now, else a new empty one: its path, open and held.

    The caller writes all bytes anew from the first on, which for those that are there changes nothing.
    """
    folder = os.path.join(cache, _FOLDER)
    os.makedirs(folder, exist_ok=True)
    best: tuple[int, str, int] | None = None
    for path in _free(folder):
        descriptor = _held(path) if os.path.basename(path).startswith(f"{name}.") else None
        if descriptor is None:
            continue
        found = (os.fstat(descriptor).st_size, path, descriptor)
        shorter = min(found, best) if best is not None else None
        best = max(found, best) if best is not None else found
        if shorter is not None:
            unlink(shorter[1])
            os.close(shorter[2])
    if best is not None:
        return best[1], best[2]
    path = os.path.join(folder, f"{name}.{os.urandom(6).hex()}")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return path, descriptor


def finish(descriptor: int) -> None:
    """All bytes are there: it has the mode of an object, and nobody claims it any more."""
    os.fchmod(descriptor, _FINISHED)


def _free(folder: str) -> Iterator[str]:
    """Files in the folder, without those that are too old."""
    before = time.time() - KEPT_SECONDS
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        with suppress(FileNotFoundError):
            if entry.stat().st_mtime >= before:
                yield entry.path
            elif (descriptor := _held(entry.path)) is not None:
                unlink(entry.path)
                os.close(descriptor)


def _held(path: str) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(descriptor)
        if found.st_nlink and found.st_mode & 0o200:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
