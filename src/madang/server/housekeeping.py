"""What a hub does when nobody asks: see who fell silent, pack segments of runs that ended, remove models that lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from madang.errors import MadangError
from madang.services.drafts import Drafts
from madang.services.model_registry.losers import Losers
from madang.services.packing import Packing
from madang.services.streams import Streams
from madang.services.sweeping.agents import SweepAgents

EVERY = 300.0  # seconds between two looks
LISTEN_EVERY = 30.0  # seconds between two looks at who was heard
AFTER = 120_000_000  # µs after the end of a run: until then late pieces still come
log = logging.getLogger("madang.server")


class Housekeeping:
    """A task of the server's event loop; it holds a thread only while it works."""

    def __init__(
        self,
        packing: Packing,
        losers: Callable[[], Losers] | None = None,
        streams: Streams | None = None,
        drafts: Callable[[], Drafts] | None = None,
        agents: SweepAgents | None = None,
    ) -> None:
        self._packing = packing
        self._drafts = drafts
        self._losers = losers
        self._streams = streams
        self._agents = agents
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; once."""
        self._tasks = self._tasks or [asyncio.create_task(self._work()), asyncio.create_task(self._listen())]

    def stop(self) -> None:
        """End at the next moment at which nothing is half done."""
        for task in self._tasks:
            task.cancel()

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            with contextlib.suppress(MadangError, OSError):  # a database that is busy or gone: the next look may do it
                while await run_in_threadpool(self.once):
                    await asyncio.sleep(0)
                await run_in_threadpool(self.remove_losers)
                await run_in_threadpool(self.drop_drafts)

    async def _listen(self) -> None:
        while True:
            await asyncio.sleep(LISTEN_EVERY)
            with contextlib.suppress(MadangError, OSError):
                await run_in_threadpool(self.note_silent)

    def note_silent(self) -> None:
        """Note which runs and trials have lost the client or agent that carried them out."""
        if self._streams is not None:
            self._streams.give_up_silent()
        if self._agents is not None:
            self._agents.settle_lost()

    def once(self) -> int:
        """Pack some; 0 when there was nothing to pack."""
        return self._packing.pack_pieces(time.time_ns() // 1000 - AFTER)

    def remove_losers(self) -> None:
        """Remove the bytes of models that lost and have expired. Only a hub does that unasked."""
        if self._losers is not None:
            self._losers().remove(time.time_ns() // 1000)

    def drop_drafts(self) -> None:
        """Drop versions that nobody finished, and those whose time has passed."""
        if self._drafts is not None:
            self._drafts().clean(time.time_ns() // 1000)
