"""A damaged index is moved aside, never deleted, and by one process only.

Whoever opens the file holds a shared lock meanwhile, so that nobody opens it between the renames.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from madang.formats.store import refused

_KEPT = 2  # damaged databases
Identity = tuple[int, int]  # device and inode: another file under the same name is not the one that was found damaged


def identity(path: str) -> Identity | None:
    """Which file has this name now; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def locked(path: str, *, alone: bool) -> Iterator[None]:
    """Hold the lock beside the database at ``path``: alone to move it, with others to open it.

    Raises:
        StorageError: the lock file cannot be made.
    """
    try:
        descriptor = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise refused(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    except OSError as error:
        raise refused(path, error) from error
    finally:
        os.close(descriptor)


def set_aside(path: str, damaged: Identity | None) -> str:
    """Move the database at ``path`` and what belongs to it to a new name, which is returned.

    Empty when another process has done it: the name is free, or belongs to another file than the ``damaged`` one.

    Raises:
        StorageError: the file system refuses.
    """
    with locked(path, alone=True):
        if damaged is None or identity(path) != damaged:
            return ""
        aside = f"{path}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        name, more = aside, 1
        while os.path.lexists(name):
            more += 1
            name = f"{aside}-{more}"
        # The database goes last: a process that dies in between leaves the damage to be found again.
        for ending in ("-wal", "-shm", ""):
            try:
                os.rename(path + ending, name + ending)
            except FileNotFoundError:
                continue
        _forget_old(path)
    return name


def _forget_old(path: str) -> None:
    """Remove damaged databases that were moved aside, but for the newest two: each is only an index of what is here."""
    folder, name = os.path.split(path)
    found = [entry for entry in os.listdir(folder) if entry.startswith(f"{name}.damaged-")]
    bases = {entry.removesuffix("-wal").removesuffix("-shm") for entry in found}
    newest = sorted(bases, key=_place)[-_KEPT:]
    for entry in found:
        if entry.removesuffix("-wal").removesuffix("-shm") not in newest:
            with suppress(OSError):  # it costs only space
                os.unlink(os.path.join(folder, entry))


def _place(name: str) -> tuple[str, int]:
    """The time in a name, and the number of those of the same second."""
    time_, _, number = name.rpartition(".damaged-")[2].partition("-")
    return time_, int(number) if number.isdigit() else 1
