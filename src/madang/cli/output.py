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


def colours_wanted() -> bool:
    """Colours only for a terminal, and never when the user asked for none (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def note(text: str) -> None:
    """Say something about the work, on standard error."""
    click.echo(text, err=True)


def error(failure: MadangError) -> None:
    """Print one expected failure: what happened, then the next step."""
    click.echo(f"{click.style('error', fg='red')} [{failure.code}]: {failure.message}", err=True)
    if failure.hint:
        click.echo(f"  → {failure.hint}", err=True)


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
    return value


def width(text: str) -> int:
    """Columns that a text takes in a terminal: Korean syllables take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
    """Print aligned columns; ``right`` are the indexes of right-aligned ones. Control characters are shown escaped."""
    cells = [[printable(cell) for cell in row] for row in rows]
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


def printable(text: str) -> str:
    """The text with control characters shown escaped: a name must not move the cursor."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
