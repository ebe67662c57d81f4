"""Workers of the queue: processes that run its tasks one after the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from madang.errors import MadangError
from madang.formats import store as layout
from madang.workspace.experiments.queue import Queue, Task


def work(queue: Queue, run: Callable[[Task], object]) -> None:
    """Run tasks until none waits. What a task prints goes to its log."""
    with _present(queue):
        while (task := queue.claim()) is not None:
            with _output_to(queue.log(task)):
                try:
                    run(task)
                except MadangError as error:
                    sys.stderr.write(f"error: {error}\n")


@contextmanager
def _present(queue: Queue) -> Iterator[None]:
    """Be counted among the workers."""
    folder = os.path.join(queue.area, "workers")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, str(os.getpid()))
    layout.hold(path)
    try:
        yield
    finally:
        layout.release(path)


def live_workers(queue: Queue) -> list[int]:
    """The process ids of the workers."""
    folder = os.path.join(queue.area, "workers")
    found = []
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if layout.is_held(os.path.join(folder, name)):
            found.append(int(name))
        else:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))
    return found


@contextmanager
def _output_to(path: str) -> Iterator[None]:
    """Send what this process and its children print to a file."""
    before = [os.dup(1), os.dup(2)]
    with open(path, "ab") as log:
        _redirect([log.fileno()] * 2)
    try:
        yield
    finally:
        _redirect(before)
        for descriptor in before:
            os.close(descriptor)


def _redirect(targets: list[int]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    for number, target in enumerate(targets, start=1):
        os.dup2(target, number)
