"""The end of a run: the last events, the disk, the follower."""

from __future__ import annotations

import os
import sys
import time

from madang.formats import segment as codec
from madang.sdk import follow
from madang.sdk.opened import FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from madang.sdk.core import Core
    from madang.sdk.run import Run

_FOREIGN = ("/site-packages/", "/dist-packages/", "/.venv/", "/venv/")


_ended: list[tuple[Run, dict[str, int]]] = []  # runs whose follower is not waited for yet, with their segments' sizes


def end(run: Run, outcome: dict[str, Any], wait: bool = True) -> None:
    """Write what is left, then the outcome, and close; then (with ``wait``) wait a while for the follower.

    Raises:
        StorageError: the disk refused the end of the run; it will be shown as crashed.
    """
    try:
        if run.mode != "disabled" and (run.segment or not run.forked):
            for finisher in run.finishers:
                finisher()
            write_imports(run, run.places.root)
            run.append(codec.FINISHED, {key: value for key, value in outcome.items() if value is not None})
    finally:
        written = run.close(outcome["status"])
    if not wait:
        _ended.append((run, written))
        return
    _settle(run, written)


def settle(seconds: float = 0.5) -> None:
    """Wait for the follower of runs that ended without it: for the first, then at most ``seconds`` for the others.

    The follower goes on with the rest. A hub is waited for as ever.
    """
    until = 0.0
    while _ended:
        run, written = _ended.pop(0)
        _settle(run, written, max(0.0, until - time.monotonic()) if until and not run.hub else None)
        until = until or time.monotonic() + seconds


def _settle(run: Run, written: dict[str, int], limit: float | None = None) -> None:
    try:
        if written and not run.forked:
            follow.wait(run, written, limit)
    finally:
        run.release(written)


def write_imports(run: Core, root: str) -> None:
    """Record which source files of the work tree the process has imported, and when each was last changed."""
    files = imported(root) if root else []
    if files:
        run.append(codec.IMPORTS, {"files": files})


def imported(root: str) -> list[tuple[str, int]]:
    """(path relative to the root, modification time in µs) of the local source files among the loaded modules."""
    start = root.rstrip("/") + "/"
    found: dict[str, int] = {}
    # Python forgets the script's own __file__ before it calls exit handlers
    script = os.path.join(FOLDER, sys.argv[0]) if sys.argv else ""
    for path in [script, *(getattr(module, "__file__", None) for module in list(sys.modules.values()))]:
        if not isinstance(path, str) or not path.endswith(".py"):
            continue
        path = os.path.abspath(path)
        if not path.startswith(start) or any(part in path[len(start) - 1 :] for part in _FOREIGN):
            continue
        try:
            found[path[len(start) :]] = os.stat(path).st_mtime_ns // 1000
        except OSError:
            continue  # deleted meanwhile
    return sorted(found.items())
