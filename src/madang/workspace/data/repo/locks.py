"""The locks of a repository, shared with the real dvc: one command at a time changes it.

``.dvc/tmp/lock`` is an flock that dies with its owner, so there is never a lock file to delete. ``.dvc/tmp/rwlock``
names the paths that a running pipeline stage of dvc reads and writes while it has let the first lock go.

A cache may be shared by several repositories or work trees, each with a lock of its own. So whoever relies on objects
holds ``CACHE/.incoming/in-use`` shared as well, and whoever deletes objects holds it alone.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from madang.errors import Conflict
from madang.staging import STAGING, clear_abandoned, scratch
from madang.workspace.data.repo.gitignores import protect_own
from madang.workspace.data.repo.repository import Repository

WAIT_SECONDS = 3.0  # as dvc waits
PATIENCE = "MADANG_WAIT_FOR_LOCK"  # a variable of the environment: true waits as long as it takes
_PIDS = 1 << 31
_CLOCKS = 2.0  # seconds by which the clocks of processes and files may differ


@contextmanager
def hold(repository: Repository, writes: Sequence[str] = (), wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the repository while its data is changed, and its objects, so that nobody deletes one. What commands that
    died left is cleared.

    ``writes`` are the absolute paths to be changed. Raises as `exclusive` and `using`.
    """
    repository.check_locks_are_shared()
    with (
        exclusive(repository.tmp_dir, writes, wait),
        using(repository.cache.folder, wait),
        scratch(repository.private_dir),
    ):
        protect_own(repository)
        left = os.path.join(repository.private_dir, STAGING)
        if os.path.isdir(left):
            clear_abandoned(left)
        yield


@contextmanager
def using(cache: str, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Keep others from deleting objects of a cache, and clear up after those who died while they wrote some.

    A cache that may not be written is used without: nobody can delete from it either.

    Raises:
        Conflict: another command deletes objects just now.
    """
    with _in_use(cache, fcntl.LOCK_SH, wait, "is deleting objects of"):
        yield


@contextmanager
def emptying(cache: str, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Be the only one who uses a cache, to delete from it.

    Raises:
        Conflict: another command, perhaps of another work tree, is using it. OSError: it may not be written.
    """
    with _in_use(cache, fcntl.LOCK_EX, wait, "is using"):
        yield


@contextmanager
def _in_use(cache: str, how: int, wait: float, what: str) -> Iterator[None]:
    area = os.path.join(cache, STAGING)
    try:
        descriptor = _opened(area)
    except OSError:
        if how == fcntl.LOCK_EX:
            raise
        yield
        return
    try:
        if not _taken(descriptor, how, wait):
            raise Conflict(f"Another command {what} the cache {cache}.", hint="Wait for it to end, then repeat.")
        clear_abandoned(area)
        yield
    finally:
        os.close(descriptor)


def _opened(area: str) -> int:
    path = os.path.join(area, "in-use")
    try:
        os.makedirs(area, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # another user's file: the lock is the same


@contextmanager
def exclusive(tmp_dir: str, writes: Sequence[str] = (), wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the repository while its data is changed; ``writes`` are the absolute paths to be changed.

    Raises:
        Conflict: another command holds it, or a running stage uses one of the paths; the message names the process.
    """
    os.makedirs(tmp_dir, exist_ok=True)
    path = os.path.join(tmp_dir, "lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(descriptor, path, wait)
        owner = f" {os.getpid()}\n".encode()
        if os.pread(descriptor, len(owner) + 1, 0) != owner:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, owner, 0)
        _check_stages(tmp_dir, writes)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: str, wait: float) -> None:
    if not _taken(descriptor, fcntl.LOCK_EX, wait):
        owner = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip()
        who = f" (process {owner})" if owner.isdigit() else ""
        raise Conflict(
            f"Another madang or dvc command{who} is working in this repository.",
            hint="Wait for it to end, then repeat. Nothing has to be deleted.",
        )


def _taken(descriptor: int, how: int, wait: float) -> bool:
    """Whether the lock could be had in this many seconds, or at any time when the user has patience."""
    end = time.monotonic() + (math.inf if os.environ.get(PATIENCE, "").lower() == "true" else wait)
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
        else:
            return True


def _check_stages(tmp_dir: str, writes: Sequence[str]) -> None:
    try:
        with open(os.path.join(tmp_dir, "rwlock"), encoding="utf-8") as file:
            written = os.fstat(file.fileno()).st_mtime
            held = json.load(file)
    except (FileNotFoundError, ValueError, RecursionError):
        return  # none was ever taken, or dvc died while writing it; dvc itself says so on its next run
    for path, owner in _owners(held):
        pid = owner.get("pid")
        if pid != os.getpid() and any(_overlap(path, one) for one in writes) and _lives(pid, written):
            raise Conflict(
                f"{path} is in use by process {pid}: {owner.get('cmd')}.",
                hint="Wait for it to end, then repeat.",
            )


def _owners(held: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """The paths in use, and who uses each; what has another form than dvc gives it holds nothing."""
    for mode in ("write", "read"):
        paths = held.get(mode) if isinstance(held, dict) else None
        for path, owners in paths.items() if isinstance(paths, dict) else ():
            for owner in owners if isinstance(owners, list) else [owners]:
                if isinstance(owner, dict):
                    yield path, owner


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + os.sep) or other.startswith(one + os.sep)


def _lives(pid: object, since: float) -> bool:
    """Whether a process lives and did already at a time: a later one has the number of one that died."""
    if not isinstance(pid, int) or not 0 < pid < _PIDS:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    started = _started(pid)
    return started is None or started <= since + _CLOCKS


def _started(pid: int) -> float | None:
    """When a process began, in seconds since 1970; None where the system does not tell."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/stat", encoding="utf-8") as file:
            boot = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return boot + ticks / os.sysconf("SC_CLK_TCK")
