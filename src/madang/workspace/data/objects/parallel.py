"""Do one thing to many items on a few threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

_CHUNK = 64
_WAITING = 256  # chunks of results that may wait for the consumer


def workers() -> int:
    """Threads for work on local files: some wait for the interpreter or the disk while the others read and hash."""
    return min(8, (os.cpu_count() or 1) + 2)


def apart(items: Sequence[_T], *, chunk: int = _CHUNK) -> list[_T]:
    """The items in an order in which those that `each` works on at the same time were far from each other.

    For making sorted names: in one folder the system lets only one thread at a time make a file.
    """
    parts = workers()
    length = -(-len(items) // (parts * chunk)) * chunk
    return [
        item
        for start in range(0, length, chunk)
        for part in range(parts)
        for item in items[part * length + start : part * length + start + chunk]
    ]


def each(
    work: Callable[[_T], _R], items: Sequence[_T], *, threads: int | None = None, chunk: int = _CHUNK
) -> Generator[_R, None, None]:
    """Results of ``work`` for each item, in order. The first error of a worker is raised here; later items may be done.

    Only a bounded number of results waits, so a slow consumer holds the workers back.
    """
    count = threads or workers()
    if len(items) <= chunk or count < 2:
        for item in items:
            yield work(item)
        return
    from concurrent.futures import Future, ThreadPoolExecutor  # noqa: PLC0415 - 20 ms, only for many items

    def do(start: int) -> list[_R]:
        return [work(item) for item in items[start : start + chunk]]

    waiting: deque[Future[list[_R]]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for start in range(0, len(items), chunk):
                waiting.append(pool.submit(do, start))
                if len(waiting) >= _WAITING:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
