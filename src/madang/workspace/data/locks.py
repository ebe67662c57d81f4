"""The locks of a repository, shared with the real dvc: one command at a time changes it.

``.dvc/tmp/lock`` is an flock that dies with its owner, so there is never a lock file to delete. ``.dvc/tmp/rwlock``
names the paths that a running pipeline stage of dvc reads and writes while it has let the first lock go.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from madang.errors import Conflict

WAIT_SECONDS = 3.0  # as dvc waits


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
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f" {os.getpid()}\n".encode(), 0)
        _check_stages(tmp_dir, writes)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: str, wait: float) -> None:
    end = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                owner = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip()
                who = f" (process {owner})" if owner.isdigit() else ""
                raise Conflict(
                    f"Another madang or dvc command{who} is working in this repository.",
                    hint="Wait for it to end, then repeat. Nothing has to be deleted.",
                ) from None
            time.sleep(0.05)
        else:
            return


def _check_stages(tmp_dir: str, writes: Sequence[str]) -> None:
    try:
        with open(os.path.join(tmp_dir, "rwlock"), encoding="utf-8") as file:
            held = json.load(file)
    except (FileNotFoundError, ValueError):
        return  # none was ever taken, or dvc died while writing it; dvc itself says so on its next run
    if not isinstance(held, dict):
        return
    for mode in ("write", "read"):
        for path, owners in (held.get(mode) or {}).items():
            for owner in owners if isinstance(owners, list) else [owners]:
                pid = owner.get("pid")
                if pid != os.getpid() and any(_overlap(path, one) for one in writes) and _lives(pid):
                    raise Conflict(
                        f"{path} is in use by process {pid}: {owner.get('cmd')}.",
                        hint="Wait for it to end, then repeat.",
                    )


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + os.sep) or other.startswith(one + os.sep)


def _lives(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
