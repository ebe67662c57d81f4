"""Do one thing to many items at once: on a few threads, or, to many small files, in a few processes."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

from madang.workspace.data.progress import Advance

_T = TypeVar("_T")
_R = TypeVar("_R")

MANY = 2_000  # files for which forking pays
_CHUNK = 64
_WAITING = 256  # chunks of results that may wait for the consumer


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def workers() -> int:
    """Threads for work on local files: some wait for the interpreter or the disk while the others read and hash."""
    return min(8, cores() + 2)


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

    Only a bounded number of results waits, so a slow consumer holds the workers back. When this generator is closed, or
    ends with an error, every worker has finished its item, and none has begun another.
    """
    count = threads or workers()
    if len(items) <= chunk or count < 2:
        for item in items:
            yield work(item)
        return
    from concurrent.futures import Future, ThreadPoolExecutor  # noqa: PLC0415 - 20 ms, only for many items

    is_over = False

    def do(start: int) -> list[_R]:
        return [work(item) for item in items[start : start + chunk] if not is_over]

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
            is_over = True
            for future in waiting:
                future.cancel()


def each_file(
    work: Callable[[_T, Advance], _R],
    items: Sequence[_T],
    kind: Any,
    advance: Advance,
    *,
    below: str = "",
    at_once: int | None = None,
    unclaimed: dict[int, _R] | None = None,
) -> Generator[_R, None, None]:
    """Results of ``work(item, advance)`` for each of perhaps many small files, in order.

    ``work`` may be done by forked processes: it changes nothing but files, and where it fails it leaves nothing; its
    results are of the type ``kind``, which MessagePack can carry, and paths in them lie in the folder ``below``. The
    caller closes this generator before it touches what the work has made: only then has all work stopped. ``at_once``
    is how many are worked on at the same time (default: what suits this machine). ``unclaimed`` gets the results that
    forked processes have when this ends early and nobody has taken them, by the position of the item.

    Raises:
        StorageError: a process was killed. Whatever ``work`` raises.
    """
    if len(items) < MANY or at_once == 1 or not _may_fork() or not _is_text(below):
        yield from each(lambda item: work(item, advance), items, threads=at_once)
        return
    from madang.workspace.data.objects.forks import Crew  # noqa: PLC0415 - 15 ms, only for many items

    crew = Crew(work, items, kind, at_once or cores())
    try:
        yield from crew.results(advance)
    finally:
        crew.end(unclaimed)


def _may_fork() -> bool:
    """Whether forked workers would be faster, and are safe: of other threads they would keep the locks for ever."""
    return sys.platform == "linux" and cores() > 1 and len(os.listdir("/proc/self/task")) == 1


def _is_text(path: str) -> bool:
    """Whether a path is UTF-8; others cannot be sent by workers."""
    return not any("\ud800" <= sign <= "\udfff" for sign in path)
