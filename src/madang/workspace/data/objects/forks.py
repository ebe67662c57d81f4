"""Do one thing to many small files in forked processes.

Python runs on one core at a time, and work on a small file is Python and short system calls: threads would only take
turns. A worker is a fork of the command, so it has everything in memory already. The workers take numbers of chunks
from one pipe that they share, and each answers through a pipe of its own.

What fails in a worker is done again here, where it fails with the error that it is, or succeeds. When the command stops
early, it has the workers end the item that each is at, and takes what they have done. When it dies, they find nobody to
answer and end; until then they hold its locks, because an flock lasts as long as any process has its file open: nobody
clears up after them too early.
"""

from __future__ import annotations

import fcntl
import gc
import os
import select
import signal
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from madang.durable import write_all
from madang.errors import StorageError
from madang.workspace.data.progress import Advance

_T = TypeVar("_T")
_R = TypeVar("_R")

_MOST = 16  # workers: with more of them the file system is what they wait for
CHUNK = 64
_TASK = struct.Struct("<I")  # number of the chunk
_ANSWER = struct.Struct("<IIQ")  # number of the chunk, bytes of its results, units done since the last answer
_NONE = 0xFFFFFFFF  # instead of a number: no chunk is done yet, but units are
_TELL_AFTER = 32 << 20  # units: bytes of large files among the small ones
_TASKS_AT_ONCE = select.PIPE_BUF // _TASK.size  # a pipe takes so many whole or not at all
_ROOM = 1 << 20  # bytes of answers that may wait while the command waits for the disk
_PATIENCE = 1.0  # seconds for workers to end the item that they are at
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


class Crew(Generic[_T, _R]):
    """Workers that do ``work`` to all items.

    ``work`` changes only files, and where it fails it leaves nothing. Its results, of type ``kind``, go through
    MessagePack.
    """

    def __init__(self, work: Callable[[_T, Advance], _R], items: Sequence[_T], kind: Any, workers: int) -> None:
        self._work = work
        self._items = items
        self._decode = msgspec.msgpack.Decoder(list[kind]).decode
        self._chunks = -(-len(items) // CHUNK)
        self._given = 0  # chunks
        self._claimed = 0  # items whose results the caller has
        self._is_over = False
        self._done: dict[int, list[_R]] = {}  # by chunk; fewer results than items: the next one failed, or was left
        self._workers: dict[int, int] = {}  # process by the pipe that it answers through
        self._received: dict[int, bytearray] = {}
        self._poll = select.poll()
        self._tasks, self._to_workers = os.pipe()
        os.set_blocking(self._to_workers, False)
        for _ in range(min(workers, _MOST, self._chunks)):
            self._hire()

    def results(self, advance: Advance) -> Iterator[_R]:
        """The results in the order of the items. ``advance`` is told what the workers tell theirs.

        Raises:
            StorageError: a worker was killed. Whatever ``work`` raises.
        """
        for number in range(self._chunks):
            while number not in self._done:
                self._give()
                self._listen(advance)
            found = self._done[number]
            for offset, item in enumerate(self._chunk(number)):
                self._claimed += 1
                yield found[offset] if offset < len(found) else self._work(item, advance)
            del self._done[number]

    def end(self, unclaimed: dict[int, _R] | None = None) -> None:
        """Stop what is still going on. ``unclaimed`` gets results that nobody has yet, by the position of their item.

        What a worker makes that does not end its item in time stays as it is.
        """
        try:
            self._close_tasks()
            if unclaimed is not None and self._claimed < len(self._items):
                self._hurry()
                for number, found in self._done.items():
                    start = number * CHUNK
                    unclaimed.update((start + at, one) for at, one in enumerate(found) if start + at >= self._claimed)
        finally:
            self._dismiss()

    def _hurry(self) -> None:
        """Have the workers answer with what they have done."""
        for process in self._workers.values():
            os.kill(process, signal.SIGTERM)
        until = time.monotonic() + _PATIENCE
        while self._received and (left := until - time.monotonic()) > 0:
            self._listen(_unheard, left)

    def _dismiss(self) -> None:
        os.close(self._tasks)
        for answers, process in self._workers.items():
            os.close(answers)
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(process, 0)
        self._workers.clear()

    def _chunk(self, number: int) -> Sequence[_T]:
        return self._items[number * CHUNK : (number + 1) * CHUNK]

    def _give(self) -> None:
        """Give out as many chunks as the pipe takes."""
        while self._given < self._chunks:
            numbers = range(self._given, min(self._given + _TASKS_AT_ONCE, self._chunks))
            try:
                os.write(self._to_workers, b"".join(map(_TASK.pack, numbers)))
            except BlockingIOError:
                return
            self._given = numbers.stop
        self._close_tasks()  # so the workers see the end

    def _close_tasks(self) -> None:
        if self._to_workers >= 0:
            os.close(self._to_workers)
            self._to_workers = -1

    def _listen(self, advance: Advance, seconds: float | None = None) -> None:
        """Wait for answers."""
        if not self._received:
            raise StorageError(
                "A process that worked for this command was killed, perhaps for want of memory.",
                hint="Repeat the command: it goes on from here.",
            )
        for answers, _ in self._poll.poll(None if seconds is None else seconds * 1000):
            before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)  # behind half an answer none can be read
            try:
                body = os.read(answers, _ROOM)
                if body:
                    self._received[answers] += body
                    self._take(self._received[answers], advance)
                else:
                    self._poll.unregister(answers)
                    del self._received[answers]
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _take(self, received: bytearray, advance: Advance) -> None:
        """Take whole answers out of what was received."""
        begin = 0
        while len(received) >= begin + _ANSWER.size:
            number, size, units = _ANSWER.unpack_from(received, begin)
            end = begin + _ANSWER.size + size
            if len(received) < end:
                break
            if number != _NONE:
                self._done[number] = self._decode(received[end - size : end])
            advance(units)
            begin = end
        del received[:begin]

    def _hire(self) -> None:
        answers, to_command = os.pipe()
        with suppress(OSError):  # a user may have only so much room in pipes
            fcntl.fcntl(to_command, fcntl.F_SETPIPE_SZ, _ROOM)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)  # until either side can take one
        try:
            process = os.fork()
            if process == 0:
                self._serve(answers, to_command, before)
            self._workers[answers] = process
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(to_command)
        self._received[answers] = bytearray()
        self._poll.register(answers, select.POLLIN)

    def _serve(self, answers: int, to_command: int, mask: set[signal.Signals | int]) -> NoReturn:
        """What a worker does. Ctrl-C at the terminal reaches it too; the command, which is told as well, ends it."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, self._stop)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            gc.disable()
            for descriptor in (self._to_workers, answers, *self._workers):
                os.close(descriptor)
            while not self._is_over and (task := os.read(self._tasks, _TASK.size)):
                (number,) = _TASK.unpack(task)
                self._answer(number, to_command)
        finally:
            os._exit(0)  # without a word: the command sees which answers are missing

    def _stop(self, number: int, frame: object) -> None:
        self._is_over = True

    def _answer(self, number: int, to_command: int) -> None:
        units = 0

        def advance(done: int) -> None:
            nonlocal units
            units += done
            if units >= _TELL_AFTER:
                write_all(to_command, _ANSWER.pack(_NONE, 0, units))
                units = 0

        found: list[_R] = []
        with suppress(Exception):  # whatever it is, the command meets it when it repeats the work
            found.extend(self._work(item, advance) for item in self._chunk(number) if not self._is_over)
        body = msgspec.msgpack.encode(found)
        write_all(to_command, _ANSWER.pack(number, len(body), units) + body)


def _unheard(done: int) -> None:
    return
