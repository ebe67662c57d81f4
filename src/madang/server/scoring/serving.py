"""Which version answers: the wanted one is looked for again and again, and takes over when it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.concurrency import run_in_threadpool

from madang.errors import MadangError
from madang.http.threads import Threads
from madang.server.scoring.workers import Answer, Limits, Model, Pool

log = logging.getLogger("madang.serving")

_LOOKING = Threads(2)  # nobody waits for a hub that is silent, or for a download, when the server is to end
_RETRY = (5.0, 300.0)  # seconds until a version that failed is tried again while it is still wanted: at first, at most


@dataclass(frozen=True)
class Target:
    """A version of a model: what it is called, and what tells it from others."""

    ref: str  # wine:v3
    digest: str


class Source(Protocol):
    """Where the wanted version is looked up. Called from threads."""

    def wanted(self) -> Target:
        """The version that the name means now. Raises `MadangError`."""

    def fetch(self, target: Target) -> Model:
        """Its files on this machine, and how it is loaded. Raises `MadangError`."""


@dataclass
class State:
    """What is served, and what went wrong, for probes and people. Times are seconds since 1970."""

    served: Target | None = None
    since: float = 0.0
    swaps: int = 0
    wanted: Target | None = None
    failure: str = ""  # why the wanted version is not served
    failures: int = 0  # versions that could not be loaded
    lost: str = ""  # why nobody knows which version is wanted


class Serving:
    """The pool that answers now, and the task that looks for a newer version."""

    def __init__(
        self, source: Source, limits: Limits, *, every: float, stop_within: float, record: Callable[[State], None]
    ) -> None:
        self.state = State()
        self.pool: Pool | None = None
        self._source = source
        self.limits = limits
        self._every = every
        self._stop_within = stop_within
        self._record = record
        self._task: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._retry_at = 0.0
        self._retry_in = _RETRY[0]

    async def start(self) -> None:
        """Serve the wanted version.

        Raises:
            MadangError: it is not there, or cannot be loaded.
        """
        target = await _LOOKING.run(self._source.wanted)
        await self._swap(target)
        if self._every:
            self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """End when what was asked is answered."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        closing = [self.pool.close(self._stop_within)] if self.pool else []
        await asyncio.gather(*closing, *self._leaving)
        self.pool = None

    async def ask(self, body: bytes, content_type: str) -> tuple[Answer, Target]:
        """Have a request answered, by the version that is served when it comes. See `Pool.ask`."""
        pool, target = self.pool, self.state.served
        assert pool is not None
        assert target is not None
        return await pool.ask(body, content_type), target

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self.look()

    async def look(self) -> None:
        """Look for the wanted version and swap to it; what fails leaves everything as it is."""
        state = self.state
        try:
            target = await _LOOKING.run(self._source.wanted)
        except (MadangError, OSError) as error:
            if not state.lost:
                log.warning("cannot look for the wanted version; %s goes on: %s", _name(state.served), error)
            state.lost = str(error)
            return
        state.lost = ""
        is_new = target != state.wanted
        state.wanted = target
        if target == state.served:
            state.failure = ""
            return
        if state.failure and not is_new and time.monotonic() < self._retry_at:
            return
        self._retry_in = _RETRY[0] if is_new else min(self._retry_in * 2, _RETRY[1])
        try:
            await self._swap(target)
        except (MadangError, OSError) as error:
            state.failure = str(error)
            state.failures += 1
            self._retry_at = time.monotonic() + self._retry_in
            log.error("%s cannot be served; %s goes on: %s", target.ref, _name(state.served), error)

    async def _swap(self, target: Target) -> None:
        model = await _LOOKING.run(lambda: self._source.fetch(target))
        pool = Pool(model, self.limits)
        await pool.open()
        for warning in pool.warnings:
            log.warning("%s: %s", target.ref, warning)
        before, old = self.pool, self.state.served
        self.pool = pool
        self.state.served = self.state.wanted = target
        self.state.since, self.state.failure = time.time(), ""
        if before is not None:
            self.state.swaps += 1
            task = asyncio.create_task(before.close(self._stop_within))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        log.info("%s is served%s", target.ref, f" instead of {_name(old)}" if old else "")
        try:
            await run_in_threadpool(self._record, self.state)
        except (MadangError, OSError) as error:  # the model is served all the same
            log.error("cannot write down what is served: %s", error)


def _name(target: Target | None) -> str:
    return target.ref if target else "nothing"
