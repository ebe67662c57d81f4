"""Console output as lines of the run: what a terminal would show, without colours and without repaints.

``sys.stdout`` and ``sys.stderr`` stay the objects that they are; only their ``write`` gets a listener, so that every
holder of the stream is heard and nothing about it changes. Below `madang run` the launcher listens instead.
"""

from __future__ import annotations

import os
import sys
import time

from madang.domain import redact
from madang.errors import MadangError
from madang.formats.segment import CONSOLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from madang.sdk.run import Run

REPAINT = 1.0  # seconds between two records of a line that is painted over, such as a progress bar
LONGEST = 64 << 10  # characters of one line
_PIECES = 1000  # of a line whose end does not come
_ROWS = 100  # lines back that a cursor movement can reach

listeners: list[Console] = []


class _Screen:
    """One stream: the rows that can still change, and where the cursor is."""

    __slots__ = ("held", "pieces", "row", "rows", "stream")

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.rows: list[_Row] = []
        self.row = 0
        self.pieces: list[str] = []  # written, and without an effect on rows so far
        self.held = ""  # the beginning of an escape sequence whose end has not come yet


class _Row:
    __slots__ = ("n", "over", "painted", "recorded", "text")

    def __init__(self, n: int) -> None:
        self.n = n
        self.text = ""
        self.over = False  # the next text paints over this one
        self.recorded: str | None = None  # what the journal has
        self.painted = 0.0


class Console:
    """The console lines of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.n = 0
        self.screens = {"out": _Screen("out"), "err": _Screen("err")}
        self.troubled = False

    def feed(self, stream: str, text: str) -> None:
        """Take what a program wrote. Never raises: printing must not fail because of the record of it."""
        screen = self.screens[stream]
        if "\n" in text or "\r" in text or "\x1b" in text or len(screen.pieces) > _PIECES:
            self.run.serialize(lambda: self._take(screen, text))
        else:
            screen.pieces.append(text)  # print() writes each of its arguments by itself

    def flush(self) -> None:
        """Record every line as it stands now."""
        for screen in self.screens.values():
            self._take(screen, "")
            for row in screen.rows:
                self._record(screen, row, final=True)

    def _take(self, screen: _Screen, text: str) -> None:
        count = len(screen.pieces)  # another thread may append meanwhile
        text = "".join([screen.held, *screen.pieces[:count], text])
        del screen.pieces[:count]
        screen.held = ""
        if "\x1b" in text or "\b" in text:
            from madang.sdk.terminal import moves

            for piece in moves(text, screen):
                if isinstance(piece, int):
                    screen.row = max(0, screen.row - piece)
                    self._row(screen).over = True
                else:
                    self._write(screen, piece)
            return
        self._write(screen, text)

    def _write(self, screen: _Screen, text: str) -> None:
        first, *rest = text.split("\n")
        self._paint(screen, first)
        for line in rest:
            row = self._row(screen)
            self._record(screen, row, final=screen.row == len(screen.rows) - 1)
            row.over = True
            screen.row += 1
            self._paint(screen, line)
        gone = len(screen.rows) - _ROWS
        if gone > 0:
            for row in screen.rows[:gone]:
                self._record(screen, row, final=True)
            del screen.rows[:gone]
            screen.row = max(0, screen.row - gone)

    def _paint(self, screen: _Screen, text: str) -> None:
        """Write within one row; a carriage return lets what follows take the place of what stands there."""
        if not text:
            return
        row = self._row(screen)
        body = text.rstrip("\r")
        if "\r" in body:
            row.text = body.rpartition("\r")[2]
        elif body:
            row.text = (body if row.over else row.text + body)[: LONGEST + 1]
        row.over = body != text or (row.over and not body)
        if row.recorded is not None or "\r" in text:
            self._record(screen, row)

    def _row(self, screen: _Screen) -> _Row:
        while len(screen.rows) <= screen.row:
            self.n += 1
            screen.rows.append(_Row(self.n))
        return screen.rows[screen.row]

    def _record(self, screen: _Screen, row: _Row, *, final: bool = False) -> None:
        text = row.text
        if text == row.recorded:
            return
        now = time.monotonic()
        if not final and row.recorded is not None and now - row.painted < REPAINT:
            return
        shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        try:
            self.run.write_now(CONSOLE, {"n": row.n, "stream": screen.stream, "text": redact.text(shown)})
        except MadangError as error:  # the line stays to be recorded for as long as it can
            if not self.troubled and sys.__stderr__ is not None:
                self.troubled = True
                sys.__stderr__.write(f"madang: console output cannot be recorded now: {error}\n")
            return
        row.recorded, row.painted = text, now


def listen(run: Run) -> None:
    """Record what this process prints from now on, unless somebody outside does."""
    if os.environ.get("MADANG_CONSOLE") == "0":
        return
    console = Console(run)
    listeners.append(console)
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        if stream is not None and not hasattr(stream.write, "madang"):
            _patch(name, stream)

    def last() -> None:
        listeners.remove(console)
        console.run.serialize(console.flush)

    run.finishers.append(last)


def _patch(name: str, stream: Any) -> None:
    original: Callable[[str], int] = stream.write

    def write(text: str) -> int:
        count = original(text)
        for console in listeners:
            console.feed(name, text)
        return count

    write.madang = True  # type: ignore[attr-defined]  # this stream is listened to
    try:
        stream.write = write
    except AttributeError:
        return  # a stream of a kind that cannot be listened to
