"""What a process with a run hooks into: its exit, uncaught errors, forks. Installed once, with the first run."""

from __future__ import annotations

import atexit
import os

from madang.formats import store as layout
from madang.sdk.run import Run, active

_installed = False


def install(run: Run) -> None:
    """Watch over a new run."""
    global _installed
    if not _installed:
        _installed = True
        atexit.register(_at_exit)
        os.register_at_fork(after_in_child=_after_fork)


def _at_exit() -> None:
    for run in reversed(list(active)):
        if run.failure is not None:
            run.end("failed", error=run.failure)
        else:
            run.end("finished", exit_code=0)


def _after_fork() -> None:
    layout.forget_held()
    for run in active:
        run.after_fork()
