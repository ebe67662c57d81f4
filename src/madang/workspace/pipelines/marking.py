"""``.dvc/tmp/rwlock``: which paths running stages read and write, while the repository itself is not held.

The file is shared with dvc: ``{"write": {path: {pid, cmd}}, "read": {path: [{pid, cmd}]}}``, changed under a lock of
its own, ``rwlock.lock``. Marks of processes that are dead count for nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from madang.durable import unlink
from madang.workspace.data.repo.repository import Repository

_PAGE, _ROOM = 4096, 1024  # bytes: readers see the old text or the new one; what the file has at least


def mark(repository: Repository, stage: str, reads: Sequence[str], writes: Sequence[str]) -> None:
    """Say that a stage of this process reads and writes these paths (absolute)."""
    info = _info(stage)
    with _edited(repository) as held:
        for path in writes:
            held["write"][path] = info
        for path in reads:
            readers = held["read"].setdefault(path, [])
            if info not in readers:
                readers.append(info)


def unmark(repository: Repository, stage: str) -> None:
    """Take back what `mark` said of a stage."""
    info = _info(stage)
    with _edited(repository) as held:
        held["write"] = {path: owner for path, owner in held["write"].items() if owner != info}
        left = {path: [one for one in owners if one != info] for path, owners in held["read"].items()}
        held["read"] = {path: owners for path, owners in left.items() if owners}


def _info(stage: str) -> dict[str, Any]:
    return {"pid": os.getpid(), "cmd": f"madang repro {stage}"}


@contextmanager
def _edited(repository: Repository) -> Iterator[dict[str, Any]]:
    os.makedirs(repository.tmp_dir, exist_ok=True)
    path = os.path.join(repository.tmp_dir, "rwlock")
    guard = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        held = _read(path)
        yield held
        _write(path, json.dumps({mode: owners for mode, owners in held.items() if owners}).encode())
    finally:
        os.close(guard)


def _write(path: str, body: bytes) -> None:
    """One write: in place when it fits into the file and into a page, so that the disk is not asked to hurry."""
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            if len(body) <= size <= _PAGE:
                os.pwrite(descriptor, body.ljust(size), 0)
                return
        finally:
            os.close(descriptor)
    aside = f"{path}.{os.getpid()}"
    try:
        with open(aside, "wb") as file:
            file.write(body.ljust(_ROOM))
        os.rename(aside, path)
    except BaseException:
        unlink(aside)
        raise


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            held = json.load(file)
    except (FileNotFoundError, ValueError):
        held = {}
    if not isinstance(held, dict):
        held = {}
    return {mode: {p: o for p, o in (held.get(mode) or {}).items() if _lives(o)} for mode in ("write", "read")}


def _lives(owners: Any) -> bool:
    found = owners if isinstance(owners, list) else [owners]
    return any(isinstance(one, dict) and _is_process(one.get("pid")) for one in found)


def _is_process(pid: Any) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
