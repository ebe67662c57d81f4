"""Threads for handlers. A general pool spends more on handing work over and back than a small request takes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from madang.errors import Unavailable
from madang.ports.records import WouldWait

T = TypeVar("T")
_Task = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]
_IDLE = 10.0  # seconds after which a thread without work ends
_PATIENCE = 30.0  # seconds for which a read tries to take in what it has to tell
_SHORTEST, _LONGEST = 0.05, 0.5  # seconds between two tries


class Threads:
    """At most so many threads, started when work finds none idle. For the event loops of one process."""

    def __init__(self, most: int = 40) -> None:
        self.most = most
        self._work: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[[], Any]]] = (
            SimpleQueue()
        )
        self._lock = threading.Lock()
        self._threads = 0
        self._free = 0  # threads that wait, less the work that waits for them

    @property
    def waiting(self) -> int:
        """How much work has no thread yet."""
        with self._lock:
            return max(-self._free, 0)

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises in a thread. It goes on to its end when nobody waits for it any more."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:
            self._free -= 1
            starts = self._free < 0 and self._threads < self.most
            if starts:
                self._threads += 1
                self._free += 1
        self._work.put((loop, future, work))
        if starts:
            threading.Thread(target=self._serve, name="handler", daemon=True).start()
        return await future

    def _serve(self) -> None:
        while True:
            try:
                loop, future, work = self._work.get(timeout=_IDLE)
            except Empty:
                with self._lock:
                    if self._free <= 0:
                        continue  # something is on its way to this thread
                    self._free -= 1
                    self._threads -= 1
                    return
            value, failure = None, None
            if not future.cancelled():
                try:
                    value = work()
                except BaseException as error:  # noqa: BLE001 - it is raised where the work is waited for
                    failure = error
            with self._lock:
                self._free += 1
            with suppress(RuntimeError):  # the loop was closed
                loop.call_soon_threadsafe(_tell, future, value, failure)
            del loop, future, work, value, failure


HANDLERS = Threads()
"""Where the handlers of all edges run that read."""

WRITERS = Threads(24)
"""Where those run that write: while a lock keeps them all, there are threads left for who reads."""


class Readers:
    """The threads of handlers that read. One that a lock keeps from what it must take in first comes again later.

    It holds no thread until then, so that a process that keeps the lock of the records for long stops nobody who can be
    answered without it. Nothing is told that lacks what was acknowledged: after half a minute it is `Unavailable`.
    ``briefly`` is that of the records (`ports.records.Records`).
    """

    def __init__(self, briefly: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._briefly = briefly

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises. It may be called several times, and goes on from nothing."""
        until, pause = time.monotonic() + _PATIENCE, _SHORTEST
        while True:
            try:
                return await HANDLERS.run(lambda: self._tried(work))
            except WouldWait as error:
                if time.monotonic() > until:
                    raise Unavailable("The records are in use by another process.", hint="Try again.") from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST)

    def _tried(self, work: Callable[[], T]) -> T:
        with self._briefly():
            return work()


def _tell(future: asyncio.Future[Any], value: Any, failure: BaseException | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(value)
    elif isinstance(failure, StopIteration):  # no future takes it
        future.set_exception(RuntimeError("a handler ended an iterator"))
    else:
        future.set_exception(failure)
