"""A process that outlives a rollback which is killed, and at once ends what that has left half done.

It waits at the end of a pipe that only the rollback holds. A word through it says that all is done; its end without one
says that the rollback is gone. Where this process is gone too (a power cut), the next rollback does the same.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from madang.cli import records
from madang.errors import Conflict, MadangError
from madang.formats.store import find_store
from madang.ports.git import Git
from madang.ports.reader import Reader
from madang.services.model_registry import pointer_states
from madang.wiring import git as open_git
from madang.workspace import rollback as work

_DONE = b"."
_TRIES, _PAUSE = 300, 0.2  # what the killed rollback had started may still be at work


@contextlib.contextmanager
def guarded(root: str) -> Iterator[None]:
    """Have a process ready that ends this rollback of a work tree, should this process be killed meanwhile."""
    reading, writing = os.pipe()
    try:
        guard = subprocess.Popen(
            [sys.executable, "-c", "from madang.cli.rollback_guard import main; main()"],
            cwd=root,
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        os.close(reading)
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            os.write(writing, _DONE)
        os.close(writing)
        guard.wait()


def main() -> None:
    """Wait for the end of the rollback that has started this process."""
    if os.read(0, 1) == _DONE:
        return
    places = find_store()
    git = open_git(places.root)
    for _ in range(_TRIES):
        try:
            with work.alone(places.store), records.opened_reader() as reader:
                found = recover(git, places.store, reader)
                if found:
                    work.leave_word(git, places.store, found)
            return
        except Conflict:
            time.sleep(_PAUSE)  # git's lock, too
        except MadangError:
            return  # the next rollback tells the user why


def recover(git: Git, store: str, reader: Reader) -> str:
    """End what a killed rollback has left half done; returns what became of one, if any. Raises as `recover`."""
    left = work.interrupted(git, store)
    if left is None:
        return work.word_left(git, store)
    return work.recover(left, is_pointed=pointer_states.are_made(reader, left.moves, left.reason))
