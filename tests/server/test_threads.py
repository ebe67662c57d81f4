"""The threads of handlers: nothing is lost or waits for ever, however much comes at once and however it ends."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial
from typing import Any

import pytest

from madang.http import threads
from madang.http.threads import Threads


def test_more_work_than_threads() -> None:
    """All of it is done, by no more threads than were allowed, each result where it was asked for."""
    pool, seen, together, most = Threads(3), set(), 0, 0
    lock = threading.Lock()

    def work(number: int) -> int:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        seen.add(threading.get_ident())
        time.sleep(0.001)
        with lock:
            together -= 1
        return number * 2

    async def main() -> list[int]:
        first = await asyncio.gather(*(pool.run(partial(work, number)) for number in range(50)))
        return [*first, await pool.run(lambda: work(50))]

    assert asyncio.run(main()) == [number * 2 for number in range(51)]
    assert most <= 3
    assert len(seen) <= 3


def test_failures_are_raised_where_the_work_is_waited_for() -> None:
    """Any exception comes back, and the thread goes on; the end of an iterator does not hang its caller."""

    def fails(error: BaseException) -> Any:
        raise error

    async def main() -> str:
        pool = Threads(1)
        for error, kind in ((KeyError("x"), KeyError), (StopIteration(), RuntimeError), (SystemExit(), SystemExit)):
            with pytest.raises(kind):
                await pool.run(partial(fails, error))
        return await pool.run(lambda: "still here")

    assert asyncio.run(main()) == "still here"


def test_nobody_waits_any_more() -> None:
    """Work that was given up goes on to its end and does no harm to what comes after it."""
    done = threading.Event()

    async def main() -> str:
        pool, begun = Threads(1), threading.Event()

        def slow() -> None:
            begun.set()
            time.sleep(0.02)
            done.set()

        task = asyncio.create_task(pool.run(slow))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await pool.run(lambda: "next")

    assert asyncio.run(main()) == "next"
    assert done.is_set()


def test_idle_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread without work ends after a while, and work that comes then finds a new one."""
    monkeypatch.setattr(threads, "_IDLE", 0.01)
    pool = Threads(2)

    async def main() -> tuple[int, int]:
        first = await pool.run(threading.get_native_id)
        while any(thread.native_id == first for thread in threading.enumerate()):
            await asyncio.sleep(0.005)
        return first, await pool.run(threading.get_native_id)

    assert all(asyncio.run(main()))


def test_a_loop_that_was_closed() -> None:
    """Work whose loop is gone when it ends harms neither its thread nor the next loop."""
    pool, release = Threads(1), threading.Event()

    async def begin() -> None:
        task = asyncio.create_task(pool.run(lambda: release.wait(200)))
        await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(begin())
    release.set()

    async def again() -> int:
        return await asyncio.wait_for(pool.run(lambda: 7), 200)

    assert asyncio.run(again()) == 7
