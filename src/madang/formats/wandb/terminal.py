"""Console lines of a W&B run from what its process wrote, as W&B's client makes them: progress bars leave one line."""

from __future__ import annotations

from collections.abc import Iterable

from madang.domain.series import ConsoleLine
from madang.domain.values import mutable
from madang.formats.wandb.records import Output

_HEIGHT = 32  # lines that a cursor can go back
_WIDTH = 4096  # signs of a line; more are dropped


@mutable
class _Line:
    stream: str
    time: int
    signs: list[str]


class _Screen:
    """What one stream writes to. Its lines stand among those of the other stream, in the order of their beginning."""

    def __init__(self, stream: str, lines: list[_Line]) -> None:
        self._stream = stream
        self._lines = lines
        self._view: list[_Line] = []
        self._row = self._column = 0
        self._escape = ""

    def write(self, text: str, time: int) -> None:
        """Take in a piece of output. Of the control sequences only those that move the cursor up and down count."""
        for sign in text:
            if self._escape:
                self._escaped(sign, time)
            elif sign == "\x1b":
                self._escape = sign
            elif sign == "\r":
                self._column = 0
            elif sign == "\n":
                self._column = 0
                self._down()
            else:
                self._put(sign, time)

    def _escaped(self, sign: str, time: int) -> None:
        if self._escape == "\x1b" and sign == "[":
            self._escape = "\x1b["
            return
        before, self._escape = self._escape, ""
        if before == "\x1b[" and sign == "A":
            self._row = max(0, self._row - 1)
        elif before == "\x1b[" and sign == "B":
            self._down()
        else:
            for each in before + sign:
                self._put(each, time)

    def _down(self) -> None:
        self._row += 1
        if self._row >= _HEIGHT:
            del self._view[:1]
            self._row -= 1

    def _put(self, sign: str, time: int) -> None:
        while self._row >= len(self._view):
            made = _Line(self._stream, time, [])
            self._view.append(made)
            self._lines.append(made)
        signs = self._view[self._row].signs
        if self._column < _WIDTH:
            signs.extend(" " * (self._column - len(signs)))
            signs[self._column : self._column + 1] = sign
        self._column += 1


def console_lines(output: Iterable[Output]) -> list[ConsoleLine]:
    """The lines that stand in the console in the end, numbered from 1."""
    lines: list[_Line] = []
    screens = {is_error: _Screen("err" if is_error else "out", lines) for is_error in (False, True)}
    for piece in output:
        if piece.is_line:
            lines += [_Line("out", piece.time, list(text)) for text in piece.text.removesuffix("\n").split("\n")]
        else:
            screens[piece.is_error].write(piece.text, piece.time)
    return [ConsoleLine(number, line.stream, line.time, "".join(line.signs)) for number, line in enumerate(lines, 1)]
