"""Rows of a listing: aligned columns, and folders drawn as a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import click

from madang.cli import output

T = TypeVar("T")


def branches(
    top: T, children: Callable[[T], Sequence[T]], level: int | None = None, prefix: str = ""
) -> Iterator[tuple[T, str]]:
    """Everything below ``top``, ``level`` steps down (None: all), each with the lines that lead to it."""
    below = children(top) if level is None or level > 0 else ()
    for index, child in enumerate(below):
        is_last = index == len(below) - 1
        yield child, prefix + ("└── " if is_last else "├── ")
        deeper = prefix + ("    " if is_last else "│   ")
        yield from branches(child, children, None if level is None else level - 1, deeper)


def print_rows(rows: list[list[str]], with_size: bool) -> None:
    """Print aligned columns; the first is aligned to the right when it holds sizes."""
    widths = [max(output.width(row[index]) for row in rows) for index in range(len(rows[0]) - 1)] if rows else []
    for row in rows:
        parts = []
        for index, cell in enumerate(row[:-1]):
            pad = " " * (widths[index] - output.width(cell))
            parts.append(pad + cell if with_size and index == 0 else cell + pad)
        click.echo("  ".join([*parts, row[-1]]))
