"""The local executors: in this process one task at a time, or each in a process of its own, side by side."""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, field

from madang.domain.values import mutable
from madang.errors import MadangError
from madang.ports.executor import Made, Result, Task

Execute = Callable[[Task], Result]
"""Runs one task to its end, in the calling process."""
Show = Callable[[str, bytes], None]
"""Gets a task's name and a whole line (or a long piece) of its output."""

_PIECE = 1 << 16


class InPlace:
    """One task at a time, in this process: its output and its input are the user's."""

    jobs = 1

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._results: list[Result] = []

    def submit(self, task: Task) -> None:
        """See `Executor.submit`."""
        self._results.append(self._execute(task))

    def wait(self) -> Result:
        """See `Executor.wait`."""
        return self._results.pop(0)

    def close(self) -> None:
        """See `Executor.close`."""


@mutable
class _Child:
    name: str
    pid: int
    told: bytearray = field(default_factory=bytearray)  # the result
    line: bytearray = field(default_factory=bytearray)  # output that has no line end yet
    open_ends: int = 2


class SideBySide:
    """Each task in a forked process; lines of their output are handed on with the task's name."""

    def __init__(self, execute: Execute, jobs: int, show: Show, settle: Callable[[], None] = lambda: None) -> None:
        """``settle`` is called in a task's process when its result is on its way: nobody waits for it meanwhile."""
        self.jobs = jobs
        self._settle = settle
        self._ended_ones: list[int] = []
        self._is_closed = False
        self._execute = execute
        self._show = show
        self._selector = selectors.DefaultSelector()
        self._children: set[int] = set()

    def submit(self, task: Task) -> None:
        """See `Executor.submit`."""
        output, output_end = os.pipe()
        result, result_end = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._be_the_child(task, output_end, result_end)
        os.close(output_end)
        os.close(result_end)
        child = _Child(task.name, pid)
        self._children.add(pid)
        self._selector.register(output, selectors.EVENT_READ, (child, True))
        self._selector.register(result, selectors.EVENT_READ, (child, False))

    def _be_the_child(self, task: Task, output: int, result: int) -> None:
        code = 1
        try:
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.set_inheritable(result, False)
            try:
                ended = self._execute(task)
            except MadangError as error:
                ended = Result(task.name, 1, error=error.message, hint=error.hint)
            except OSError as error:
                ended = Result(task.name, 1, error=f"The system refused {error.filename or ''}: {error.strerror}.")
            sys.stdout.flush()
            sys.stderr.flush()
            body = json.dumps(asdict(ended)).encode()
            while body:
                body = body[os.write(result, body) :]
            for end in (result, nothing):
                os.close(end)
            os.dup2(0, 1)
            os.dup2(0, 2)
            self._settle()
            code = 0
        finally:
            os._exit(code)  # nothing of the parent's is ended here

    def wait(self) -> Result:
        """See `Executor.wait`."""
        while True:
            for key, _ in self._selector.select():
                child, is_output = key.data
                piece = os.read(key.fd, _PIECE)
                if piece:
                    self._take(child, is_output, piece)
                    continue
                self._selector.unregister(key.fd)
                os.close(key.fd)
                child.open_ends -= 1
                if not child.open_ends:
                    return self._ended(child)
                if not is_output:
                    self._stop_listening(child)
                    return self._ended(child)

    def _stop_listening(self, child: _Child) -> None:
        """The task is over: what it left running keeps the pipe, and is not waited for."""
        for key in list(self._selector.get_map().values()):
            if key.data[0] is child:
                os.set_blocking(key.fd, False)
                with suppress(BlockingIOError):
                    while piece := os.read(key.fd, _PIECE):
                        self._take(child, True, piece)
                self._selector.unregister(key.fd)
                os.close(key.fd)

    def _take(self, child: _Child, is_output: bool, piece: bytes) -> None:
        if not is_output:
            child.told += piece
            return
        child.line += piece
        whole, newline, rest = bytes(child.line).rpartition(b"\n")
        if newline:
            for line in whole.split(b"\n"):
                self._show(child.name, line)
            child.line = bytearray(rest)
        elif len(child.line) > _PIECE:
            self._show(child.name, bytes(child.line))
            child.line.clear()

    def _ended(self, child: _Child) -> Result:
        if child.line:
            self._show(child.name, bytes(child.line))
        self._children.discard(child.pid)
        self._ended_ones.append(child.pid)
        try:
            told = json.loads(child.told)
        except ValueError:
            return Result(child.name, 1, error="The process that ran it died.", hint="Repeat the command.")
        made = {path: Made(**one) for path, one in told.pop("made").items()}
        return Result(**told, made=made)

    def close(self) -> None:
        """See `Executor.close`."""
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        for pid in (*self._children, *self._ended_ones):
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._children.clear()
        self._ended_ones.clear()
        if not self._is_closed:
            for key in list(self._selector.get_map().values()):
                self._selector.unregister(key.fd)
                os.close(key.fd)
            self._selector.close()
            self._is_closed = True
