"""The scoring processes of one version of a model: started, asked, started again when they die, ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from madang import scoring
from madang.errors import CorruptData, InvalidInput, MadangError, NotFound, Refused, TooLarge, Unavailable
from madang.scoring import frames

log = logging.getLogger("madang.serving")

_PROGRAM = os.path.join(os.path.dirname(scoring.__file__), "__main__.py")
_ERRORS = {kind.code: kind for kind in (NotFound, Refused, InvalidInput, CorruptData)}
_LOADED_WITHIN = 600.0  # seconds
_ENDED_WITHIN = 3.0  # seconds between being asked to end and being killed
_BACK_OFF = (0.1, 30.0)  # seconds before a process is started again: at first, at most
_STEADY = 60.0  # seconds of life after which a death counts as the first again


@dataclass(frozen=True)
class Limits:
    """What one version of a model takes on."""

    workers: int = 1
    queue: int = 100  # requests that wait for a process
    seconds: float = 60.0  # for one request, waiting included
    body: int = 64 << 20  # bytes


@dataclass(frozen=True)
class Model:
    """What a scoring process is told, and how it is started."""

    told: Mapping[str, Any]  # the first message, see `scoring.worker`
    python: str = sys.executable
    folder: str = "/"  # the present folder of the process
    env: Mapping[str, str] | None = None
    example: bytes = b""  # a request that the model's author has left, as JSON


@dataclass(frozen=True)
class Answer:
    """What a scoring process said."""

    status: int
    type: str
    body: bytes


class Worker:
    """One process, which holds the model and answers one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process, connection: socket.socket) -> None:
        self.process = process
        self.warnings: list[str] = []
        self._connection = connection
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    @classmethod
    async def start(cls, model: Model) -> Worker:
        """Start a process and wait until it has loaded the model.

        Raises:
            MadangError: it cannot be loaded, or may not.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    model.python, _PROGRAM, str(theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL, stdout=sys.stderr, pass_fds=[theirs.fileno()],
                    cwd=model.folder, env=model.env, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                ours.close()
                raise Unavailable(f"Cannot start {model.python}: {error.strerror}.") from error
        made = cls(process, ours)
        try:
            made._reader, made._writer = await asyncio.open_connection(sock=ours)
            async with asyncio.timeout(_LOADED_WITHIN):
                head, _ = await made._exchange(model.told)
        except (OSError, EOFError, TimeoutError) as error:
            await made.end(at_once=True)
            raise Unavailable("The process that scores has died while it was loading the model.") from error
        except BaseException:
            await made.end(at_once=True)
            raise
        if not head.get("ready"):
            await made.end()
            raise _ERRORS.get(str(head.get("code")), MadangError)(str(head["message"]), hint=str(head.get("hint", "")))
        made.warnings = [str(one) for one in head.get("warnings") or ()]
        return made

    async def ask(self, body: bytes, content_type: str) -> Answer:
        """Have a request answered. Raises `OSError` or `EOFError` when the process dies of it."""
        head, answer = await self._exchange({"type": content_type}, body)
        return Answer(int(head["status"]), str(head["type"]), answer)

    async def _exchange(self, head: Mapping[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
        self._writer.write(frames.encode(head, body))
        await self._writer.drain()
        lengths = frames.lengths(await self._reader.readexactly(frames.PREFIX.size))
        answer = frames.decode_head(await self._reader.readexactly(lengths[0]))
        return answer, await self._reader.readexactly(lengths[1])

    async def end(self, *, at_once: bool = False) -> None:
        """Have the process end: it does when its socket is closed, and is killed when it does not."""
        if hasattr(self, "_writer"):
            self._writer.close()
        self._connection.close()
        if not at_once:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ENDED_WITHIN):
                    await self.process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # also what the model has started
        await self.process.wait()


class Pool:
    """All processes of one version. Use: `open`, `ask` from any number of tasks, `close`."""

    def __init__(self, model: Model, limits: Limits) -> None:
        self.model = model
        self.limits = limits
        self.warnings: list[str] = []
        self.restarts = 0
        self.in_flight = 0
        self._all: set[Worker] = set()
        self._idle: asyncio.LifoQueue[Worker] = asyncio.LifoQueue()
        self._waiting = 0
        self._next_try = 0.0  # when a process comes back that has died; monotonic
        self._deaths = 0  # one after the other
        self._last_death = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._drained = asyncio.Event()
        self._drained.set()

    async def open(self) -> None:
        """Start the processes, the first alone: if it cannot load the model, neither can the others.

        Raises:
            MadangError: the model cannot be loaded, or cannot score the example that came with it.
        """
        first = await Worker.start(self.model)
        self._take(first)
        self.warnings = first.warnings
        try:
            if self.model.example:
                await self._warm()
            more = (Worker.start(self.model) for _ in range(self.limits.workers - 1))
            for made in await asyncio.gather(*more, return_exceptions=True):
                if isinstance(made, BaseException):
                    raise made
                self._take(made)
        except BaseException:
            await self.close(0)
            raise

    async def _warm(self) -> None:
        answer = await self.ask(self.model.example, "application/json")
        if answer.status != 200:
            text = answer.body.decode("utf-8", "replace")[:500]
            raise InvalidInput(f"The model cannot score the example that was stored with it: {text}")

    @property
    def alive(self) -> int:
        """Processes that can score, busy ones too."""
        return sum(worker.process.returncode is None for worker in self._all)

    def _take(self, worker: Worker) -> None:
        self._all.add(worker)
        self._idle.put_nowait(worker)

    async def ask(self, body: bytes, content_type: str) -> Answer:
        """Have a request answered; once more by another process when the first one dies of whatever.

        Raises:
            Unavailable: too many requests wait, no process is there, or two have died.
            TimeoutError: it took too long.
        """
        self.in_flight += 1
        self._drained.clear()
        try:
            async with asyncio.timeout(self.limits.seconds):
                for _ in range(2):
                    worker = await self._free()
                    try:
                        answer = await worker.ask(body, content_type)
                    except (OSError, EOFError, CorruptData):
                        self._lose(worker)
                    except BaseException:  # it still works on a request that nobody waits for
                        self._lose(worker)
                        raise
                    else:
                        self._idle.put_nowait(worker)
                        return answer
            raise Unavailable("The processes that were to score this have died.", hint="Try again.")
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self._drained.set()

    async def _free(self) -> Worker:
        """A process that has nothing to do."""
        if not self.alive and self.retry_after() > 1:
            raise Unavailable("The process that scores has died again and again.", hint="It is started again later.")
        if self._idle.empty() and self._waiting >= self.limits.queue:
            raise Unavailable(f"{self._waiting} requests wait already.", hint="Try again, or start more --workers.")
        self._waiting += 1
        try:
            while True:
                worker = await self._idle.get()
                if worker.process.returncode is None:
                    return worker
                self._lose(worker)  # somebody has killed it while it had nothing to do
        finally:
            self._waiting -= 1

    def retry_after(self) -> int:
        """Whole seconds after which it makes sense to ask again."""
        return max(1, round(self._next_try - time.monotonic() + 0.5)) if not self.alive else 1

    @property
    def waiting(self) -> int:
        """Requests that wait for a process."""
        return self._waiting

    def _lose(self, worker: Worker) -> None:
        """A process is of no use any more: another one takes its place, later the more often it happens."""
        self._all.discard(worker)
        now = time.monotonic()
        self._deaths = 1 if now - self._last_death > _STEADY else self._deaths + 1
        self._last_death = now
        delay = min(_BACK_OFF[0] * 2 ** (self._deaths - 1), _BACK_OFF[1])
        self._next_try = now + delay
        task = asyncio.create_task(self._replace(worker, delay))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, worker: Worker, delay: float) -> None:
        await worker.end(at_once=True)
        log.warning("a scoring process has died (exit %s); another one starts", worker.process.returncode)
        while not self._is_closing:
            await asyncio.sleep(delay)
            try:
                made = await Worker.start(self.model)
            except MadangError as error:
                delay = min(delay * 2, _BACK_OFF[1])
                self._next_try = time.monotonic() + delay
                log.error("a scoring process cannot be started again: %s", error)
                continue
            self.restarts += 1
            self._take(made)
            return

    async def close(self, within: float) -> None:
        """End the processes when they have answered what they were asked, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._drained.wait()
        self._is_closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        ending, self._all = self._all, set()
        await asyncio.gather(*(worker.end(at_once=self.in_flight > 0) for worker in ending))


def check_size(size: int, limits: Limits) -> None:
    """Raises `TooLarge` for a body over the limit."""
    if size > limits.body:
        raise TooLarge(f"A request has at most {limits.body} bytes here.", hint="Send fewer rows at once.")
