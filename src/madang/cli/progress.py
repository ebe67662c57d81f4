"""How far long work is: a bar in a terminal, now and then a plain line elsewhere, nothing for what is quick."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress, TaskID

SHOW_AFTER = 1.0  # seconds
SHOW_EVERY = 0.1  # seconds: drawing costs more than the work on a small file
LINE_EVERY = 10.0  # seconds between plain lines


class _Shown(Protocol):
    def update(self, done: int) -> None: ...

    def close(self) -> None: ...


def progress(total: int, unit: str, label: str = "") -> AbstractContextManager[Callable[[int], None]]:
    """Measure one piece of work; the value is a function to call with the units done since its last call.

    ``unit`` is ``"B"`` for bytes, else a plural noun; a ``total`` of 0 means that it is not known.
    Shown on standard error, and only when the work takes longer than a second.
    """
    return _Work(total, unit, label)


def quiet(total: int, unit: str, label: str = "") -> AbstractContextManager[Callable[[int], None]]:
    """The same, never shown (``--quiet``)."""
    return _Work(total, unit, label, shown=False)


class _Work:
    def __init__(self, total: int, unit: str, label: str, shown: bool = True) -> None:
        self._total, self._unit, self._label = total, unit, label
        self._done = 0
        self._started = time.monotonic()
        self._next = self._started + SHOW_AFTER if shown else float("inf")
        self._display: _Shown | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Callable[[int], None]:
        return self._advance

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display.close()

    def _advance(self, done: int) -> None:
        with self._lock:  # work tells of itself from several threads
            self._done += done
            now = time.monotonic()
            is_end = self._display is not None and self._done == self._total
            if now <= self._next and not is_end:
                return
            self._next = now + SHOW_EVERY
            if self._display is None:
                kind = _Bar if sys.stderr.isatty() else _Lines
                self._display = kind(self._total, self._unit, self._label, self._started)
            self._display.update(self._done)


class _Lines:
    """A line at the start and every ten seconds, for logs."""

    def __init__(self, total: int, unit: str, label: str, started: float) -> None:
        self._total, self._unit, self._label, self._started = total, unit, label, started
        self._next = 0.0

    def update(self, done: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + LINE_EVERY
            click.echo(line(self._label, done, self._total, self._unit, now - self._started), err=True)

    def close(self) -> None:
        return


class _Bar:
    """A bar with rate and remaining time."""

    def __init__(self, total: int, unit: str, label: str, started: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._total, self._unit, self._started = total, unit, started
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[text]}"),
        )
        self._progress: Progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: TaskID = self._progress.add_task(label, total=total or None, text="")
        self._progress.start()

    def update(self, done: int) -> None:
        text = line("", done, self._total, self._unit, time.monotonic() - self._started)
        self._progress.update(self._task, completed=done, text=text)

    def close(self) -> None:
        self._progress.stop()


def line(label: str, done: int, total: int, unit: str, seconds: float) -> str:
    """One line: label, part done, rate and the time that is left."""
    rate = done / seconds if seconds > 0 else 0.0
    parts = [f"{amount(done, unit)}" + (f" of {amount(total, unit)} ({100 * done // total} %)" if total else "")]
    parts.append(f"{amount(rate, unit)}/s")
    if total and rate:
        parts.append(f"{duration(max(0, total - done) / rate)} left")
    return (f"{label}: " if label else "") + ", ".join(parts)


def amount(count: float, unit: str) -> str:
    """A number of units as people write it; bytes in powers of 1000."""
    if unit != "B":
        return f"{count:,.0f} {unit}"
    for name in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or name == "TB":
            break
        count /= 1000
    return f"{count:.0f} {name}" if name == "B" or count >= 100 else f"{count:.1f} {name}"


def duration(seconds: float) -> str:
    """``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
