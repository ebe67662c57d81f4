"""Many lines of history at once, in columns: at its end a client sends all that it has not sent yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec

from madang.domain.commands import Columns
from madang.formats.wandb.values import to_point

LONGEST_KEY = 100_000
_STEP, _TIME = "_step", "_timestamp"
_FEW_KEYS = 24  # of rows that are read as one type: its fields are looked for one after the other
_PLAIN = frozenset({float, int, str, bool})
_WHOLE = frozenset({int})
_NUMBERS = frozenset({float, int})
_INT64 = 1 << 63
_LATEST = 1e12  # seconds since 1970
_Row = dict[str, Any]
_Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""Keys, and the values of each in the order of the rows."""


def columns_of_lines(lines: Sequence[str]) -> list[Columns] | None:
    """The rows that `values.row_of_line` makes of each line, by their keys.

    None where a line needs a look of its own: it is no object of JSON, has no step or time, null or nested objects, or
    stands at the step of another one.
    """
    text = "\n".join(lines)
    if len(lines) < 2 or text.count("\n") != len(lines) - 1:
        return None  # a line that is several
    try:
        tables = _tables(text, len(lines))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    groups = []
    for names, values in tables:
        if not _is_usual(names) or (group := _columns(dict(zip(names, values, strict=True)))) is None:
            return None
        groups.append(group)
    return groups if len(set(chain.from_iterable(group.steps for group in groups))) == len(lines) else None


def _tables(text: str, count: int) -> Iterator[_Table]:
    """Rows with the same keys together; the client does not mind the order of keys."""
    first = _objects().decode(text[: text.index("\n")])
    names = tuple(sorted(first))
    if len(names) <= _FEW_KEYS:
        try:
            rows = _rows_of(names).decode_lines(text)
        except msgspec.ValidationError:  # others have other keys
            pass
        else:
            return iter([(names, list(zip(*map(msgspec.structs.astuple, rows), strict=True)))])
    return _grouped(_objects().decode_lines(text))


@cache
def _objects() -> msgspec.json.Decoder[_Row]:
    return msgspec.json.Decoder(_Row)


@lru_cache(maxsize=64)
def _rows_of(names: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    fields = [(f"value{place}", Any) for place in range(len(names))]
    own = {field: name for (field, _), name in zip(fields, names, strict=True)}
    return msgspec.json.Decoder(msgspec.defstruct("Row", fields, rename=own, forbid_unknown_fields=True, gc=False))


def _grouped(rows: list[_Row]) -> Iterator[_Table]:
    groups: dict[frozenset[str], list[_Row]] = {}
    for row in rows:
        groups.setdefault(frozenset(row), []).append(row)
    for keys, found in groups.items():
        names = tuple(keys)
        yield names, list(zip(*map(itemgetter(*names), found), strict=True)) if len(names) > 1 else []


def _is_usual(names: Sequence[str]) -> bool:
    is_whole = len(names) > 2 and _STEP in names and _TIME in names and "" not in names
    return is_whole and max(map(len, names)) <= LONGEST_KEY


def _columns(values: dict[str, tuple[Any, ...]]) -> Columns | None:
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
