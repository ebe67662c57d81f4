"""Frames of many rows of metrics, in columns (kinds 34 and 35 in docs/formats/journal.md)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from madang.formats import segment as codec
from madang.formats.integers import coded_briefly, integers
from madang.formats.integers import size as size_of_integers
from madang.formats.journal import KeySet, from_json
from madang.formats.numbers import WIDTHS, Packed, packed

KINDS = (codec.ROWS, codec.TABLE)

MOST_ROWS = 1 << 16
"""Rows of a frame of kind 35: at even steps and times each may take but a byte, and far more memory."""

_HEAD = struct.Struct("<BII")
_PLAIN = "qq"  # the codings of times and steps in frames of the older kind: as they are
_WIDTHS = {**WIDTHS, "?": 1}  # bytes of a value in its column


class Table(NamedTuple):
    """Rows of one set of keys, with a column for each key; times are µs UTC."""

    times: Sequence[int]
    steps: Sequence[int]
    columns: Sequence[Sequence[Any]]


def encoded(number: int, letters: str, table: Table, rest: bytes) -> bytes:
    """The payload of a frame for the key set of this number; ``rest`` is the JSON of what has no column.

    Raises:
        OverflowError: a step or time has more than 64 bits.
    """
    (time, times), (step, steps) = coded_briefly(table.times), coded_briefly(table.steps)
    parts = [_HEAD.pack(codec.TABLE, number, len(table.steps)), (time + step).encode(), times, steps]
    for letter, column in zip(letters, table.columns, strict=True):
        if letter == "?":
            parts.append(bytes(column))
        elif letter != "v":
            parts.append(column.data if type(column) is Packed else packed(letter, column))
    return b"".join([*parts, rest])


def keyset_of(payload: bytes) -> int:
    """The number of the key set that a frame refers to."""
    return int.from_bytes(payload[1:5], "little")


def decoded(keys: KeySet, payload: bytes) -> Table:
    """The rows of a frame.

    Raises:
        ValueError: it does not have the declared shape.
    """
    try:
        kind, _, count = _HEAD.unpack_from(payload)
        if kind == codec.TABLE and count > MOST_ROWS:
            raise ValueError("more rows than a frame has")
        reader = _Reader(payload, count)
        codings = reader.take(2).decode("ascii") if kind == codec.TABLE else _PLAIN
        times, steps = map(reader.integers, codings)
        fixed = iter([reader.column(letter) for letter in keys.types if letter != "v"])
        rest = iter(_any_columns(reader.rest(), keys.types.count("v"), count))
    except (struct.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"a frame of many rows does not fit its keys: {error}") from error
    return Table(times, steps, [next(rest if letter == "v" else fixed) for letter in keys.types])


class _Reader:
    """Takes columns from a payload, one after the other."""

    def __init__(self, payload: bytes, count: int) -> None:
        if not 0 < count <= len(payload):  # rows without a value take no bytes if their steps and times are even
            raise ValueError("a number of rows that does not fit")
        self._payload = payload
        self._count = count
        self._place = _HEAD.size

    def take(self, size: int) -> bytes:
        """The next bytes."""
        start, self._place = self._place, self._place + size
        if self._place > len(self._payload):
            raise ValueError("a column that is cut")
        return self._payload[start : self._place]

    def rest(self) -> bytes:
        """What is left."""
        return self._payload[self._place :]

    def integers(self, coding: str) -> Sequence[int]:
        """The next column of times or steps."""
        if coding == _PLAIN[0]:
            return self.column("q")
        size = size_of_integers(coding, self._count)
        if size is None:
            raise ValueError(f"{coding!r} is no coding of integers")
        return integers(coding, self.take(size), self._count)

    def column(self, letter: str) -> Sequence[Any]:
        """The next column of values."""
        data = self.take(_WIDTHS[letter] * self._count)
        return list(map(bool, data)) if letter == "?" else Packed(letter, data)


def _any_columns(data: bytes, keys: int, count: int) -> list[list[Any]]:
    if not keys:
        if data:
            raise ValueError("more than its columns")
        return []
    columns = msgspec.json.decode(data)
    if b'"$' in data or b"\\u0024" in data:  # a wrapper, maybe
        columns = from_json(columns)
    if not isinstance(columns, list) or len(columns) != keys:
        raise ValueError("not a column for each key")
    if any(not isinstance(column, list) or len(column) != count for column in columns):
        raise ValueError("a column that is no list, or of another length")
    return columns
