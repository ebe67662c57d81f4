"""How commands print: data on standard output, everything about it on standard error."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click

from madang.errors import MadangError

_WIDEST = 120  # signs of a cell
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Say nothing.")


def colours_wanted() -> bool:
    """Colours only for a terminal, and never when the user asked for none (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def note(text: str) -> None:
    """Say something about the work, on standard error."""
    click.echo(_lines(text), err=True)


def error(failure: MadangError) -> None:
    """Print one expected failure: what happened, then the next step."""
    click.echo(f"{click.style('error', fg='red')} [{failure.code}]: {_lines(failure.message)}", err=True)
    if failure.hint:
        click.echo(f"  → {_lines(failure.hint)}", err=True)


def os_error(failure: OSError) -> None:
    """Print a refusal by the operating system, naming the path."""
    where = f": {os.fsdecode(failure.filename)}" if failure.filename else ""
    click.echo(f"{click.style('error', fg='red')} [storage]: {failure.strerror or failure}{where}", err=True)


def data(value: Any) -> None:
    """Print a value as JSON on standard output (`--json`). Non-finite numbers become strings: JSON has none."""
    click.echo(json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if value != value:
            return "NaN"
        return value if abs(value) != float("inf") else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int) else str(value)  # a date of a YAML file


def width(text: str) -> int:
    """Columns that a text takes in a terminal: Korean syllables take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
    """Print aligned columns; ``right`` are the indexes of right-aligned ones. Control characters are shown escaped.

    A very long cell is cut, or one such name would push the columns of all rows off the screen; JSON has it whole.
    """
    cells = [[_cut(printable(cell)) for cell in row] for row in rows]
    widths = [max(width(row[index]) for row in [list(headers), *cells]) for index in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        parts = []
        for index, cell in enumerate(row):
            pad = " " * (widths[index] - width(cell))
            parts.append(pad + cell if index in right else cell + pad)
        return "  ".join(parts).rstrip()

    head = line(headers)
    click.echo(click.style(head, bold=True) if colours_wanted() else head)
    for row in cells:
        click.echo(line(row))


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def dvc_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, as_markdown: bool = False) -> None:
    """Print aligned columns as dvc does: every column two wider than its header at least; also for Markdown.

    Nothing is printed of an empty table, but in Markdown its head.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells and not as_markdown:
        return
    heads = [printable(header) for header in headers]
    widths = [max([width(head) + 2, *(width(row[at]) for row in cells)]) for at, head in enumerate(heads)]

    def line(row: Sequence[str]) -> str:
        padded = [cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True)]
        return f"| {' | '.join(padded)} |" if as_markdown else "  ".join(padded).rstrip()

    click.echo(line(heads))
    if as_markdown:
        click.echo(f"|{'|'.join('-' * (size + 2) for size in widths)}|")
    for row in cells:
        click.echo(line(row))
    if as_markdown:
        click.echo()


def _lines(text: str) -> str:
    """A text of several lines, each `printable`."""
    return "\n".join(map(printable, text.split("\n")))


def printable(text: str) -> str:
    """The text with control characters shown escaped: a name must not move the cursor."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
