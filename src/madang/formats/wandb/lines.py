"""Many lines of history at once, in columns: at its end a client sends all that it has not sent yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec

from madang.domain.commands import Columns
from madang.formats.wandb.values import to_point

LONGEST_KEY = 100_000
_STEP, _TIME = "_step", "_timestamp"
_MOST_SHAPES = 64  # sets of keys of one piece
_PLAIN = frozenset({float, int, str, bool})
_WHOLE = frozenset({int})
_NUMBERS = frozenset({float, int})
_INT64 = 1 << 63
_LATEST = 1e12  # seconds since 1970
_Row = dict[str, Any]


@cache
def _decoder() -> msgspec.json.Decoder[_Row]:
    return msgspec.json.Decoder(_Row)


def columns_of_lines(lines: Sequence[str]) -> list[Columns] | None:
    """The rows that `values.row_of_line` makes of each line, by their keys.

    None where a line needs a look of its own: it is no object of JSON, has no step or time, null or nested objects, or
    stands at the step of another one.
    """
    if len(lines) < 2 or not (rows := _decoded(lines)):
        return None
    shapes = set(map(tuple, rows))
    if len(shapes) > _MOST_SHAPES or not all(map(_is_usual, shapes)):
        return None
    groups = [_columns(names, found) for names, found in _grouped(rows, shapes)]
    steps: set[int] = set()
    for group in groups:
        if group is None:
            return None
        steps.update(group.steps)
    return [group for group in groups if group] if len(steps) == len(rows) else None


def _decoded(lines: Sequence[str]) -> list[_Row] | None:
    text = "\n".join(lines)
    if text.count("\n") != len(lines) - 1:
        return None  # a line that is several
    try:
        rows = _decoder().decode_lines(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return rows if len(rows) == len(lines) else None


def _is_usual(names: tuple[str, ...]) -> bool:
    is_whole = len(names) > 2 and _STEP in names and _TIME in names and "" not in names
    return is_whole and max(map(len, names)) <= LONGEST_KEY


def _grouped(rows: list[_Row], shapes: Iterable[tuple[str, ...]]) -> list[tuple[tuple[str, ...], list[_Row]]]:
    """Rows by the order of their keys, those of the first row first."""
    known = list(shapes)
    if len(known) == 1:
        return [(known[0], rows)]
    groups: dict[tuple[str, ...], list[_Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    return list(groups.items())


def _columns(names: tuple[str, ...], rows: list[_Row]) -> Columns | None:
    values = dict(zip(names, zip(*map(dict.values, rows), strict=True), strict=True))
    steps, times = values.pop(_STEP), _times(values.pop(_TIME))
    if times is None or not _WHOLE.issuperset(map(type, steps)) or not -_INT64 <= min(steps) <= max(steps) < _INT64:
        return None
    made: dict[str, Sequence[Any]] = {}
    for name, column in values.items():
        points = _points(column)
        if points is None:
            return None
        made[name] = points
    return Columns(made, steps, times)


def _times(seconds: Sequence[Any]) -> list[int] | None:
    """Seconds since 1970 as µs UTC."""
    if not _NUMBERS.issuperset(map(type, seconds)) or not 1 <= min(seconds) <= max(seconds) < _LATEST:
        return None
    return [round(item * 1_000_000) for item in seconds]


def _points(column: Sequence[Any]) -> Sequence[Any] | None:
    kinds = set(map(type, column))
    if kinds <= _PLAIN:
        return column
    if type(None) in kinds or any(type(item) is dict and item and "_type" not in item for item in column):
        return None
    return list(map(to_point, column))
