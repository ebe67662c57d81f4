"""Live updates: one poller for all streams of the server, asleep while nobody listens."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection
from typing import Any

from starlette.concurrency import run_in_threadpool

from madang.errors import MadangError, Unavailable
from madang.formats.wire import encode
from madang.http import answers
from madang.http.threads import Readers

INTERVAL = 0.4  # seconds between looks at the store while somebody listens
AFTER_MISTAKE = 5.0  # seconds
KEEP_ALIVE = 15.0  # seconds
MAX_STREAMS = 512

Look = Callable[[Collection[str] | None], int]
"""Catch up these runs (None: all) and return the revision of the store."""


class Live:
    """Wakes streams when the store has moved. Belongs to one event loop.

    ``look`` is called in a thread, never twice at once: with the ids of the runs that are watched, or None when a
    stream watches projects. ``readers`` run what each stream then reads.
    """

    def __init__(self, look: Look, readers: Readers | None = None) -> None:
        self._look = look
        self.readers = readers or Readers()
        self._runs: Counter[str] = Counter()
        self._projects = 0
        self._streams = 0
        self._revision = -1
        self._moves = 0  # how often the store has moved since the start
        self._moved = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return self._streams

    def stop(self) -> None:
        """End every stream; new ones are refused."""
        self._stopping = True
        self._wake()
        if self._poller is not None:
            self._poller.cancel()

    def _wake(self) -> None:
        self._moves += 1
        self._moved.set()
        self._moved = asyncio.Event()

    async def beats(self, runs: Collection[str] = ()) -> AsyncGenerator[bool, None]:
        """For a stream over these runs (none: over projects): True at the start and when the store may have moved.

        False comes each 15 s in which it has not.

        Raises:
            Unavailable: too many streams, or the server is stopping.
        """
        if self._stopping or self.streams >= MAX_STREAMS:
            raise Unavailable("The server takes no more live streams now.", hint="Try again in a minute.")
        self._enter(runs, 1)
        try:
            seen = self._moves
            yield True
            while not self._stopping:
                moved = await self._wait(seen)
                seen = self._moves
                yield moved
        finally:
            self._enter(runs, -1)

    def _enter(self, runs: Collection[str], by: int) -> None:
        self._streams += by
        for run in runs:
            self._runs[run] += by
            if not self._runs[run]:
                del self._runs[run]
        if not runs:
            self._projects += by
        if self.streams and self._poller is None and not self._stopping:
            self._poller = asyncio.create_task(self._poll())
        elif not self.streams and self._poller is not None:
            self._poller.cancel()
            self._poller = None

    async def _wait(self, seen: int) -> bool:
        if self._moves != seen:  # it moved while the stream was sending
            return True
        try:
            await asyncio.wait_for(self._moved.wait(), KEEP_ALIVE)
        except TimeoutError:
            return self._moves != seen  # it may have moved in the moment in which the time was up
        return True

    async def _poll(self) -> None:
        while True:
            watched, pause = None if self._projects else list(self._runs), INTERVAL
            try:
                revision = await run_in_threadpool(self._look, watched)
                if revision != self._revision:
                    self._revision = revision
                    self._wake()
            except (MadangError, OSError):
                pass  # a store that is busy now is asked again
            except Exception:  # noqa: BLE001 - a mistake of ours in one look must not leave every page without news
                answers.log.exception("the look for news failed; it is repeated")
                pause = AFTER_MISTAKE
                self._wake()  # each stream looks for itself, and ends where that fails too, so that its page knows
            await asyncio.sleep(pause)


def event(name: str, identity: str, body: Any) -> bytes:
    """One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    return b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), identity.encode(), encode(body))


COMMENT = b": \n\n"
