"""Many numbers of one kind as bytes, little-endian; `struct` makes them several times faster than `array` does."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

WIDTHS = {"b": 1, "h": 2, "i": 4, "q": 8, "d": 8}
"""Bytes of a number, by the letter of `struct`."""


def packed(letter: str, values: Sequence[Any]) -> bytes:
    """The numbers one after the other.

    Raises:
        OverflowError: one does not fit.
    """
    try:
        return struct.pack(f"<{len(values)}{letter}", *values)
    except struct.error as error:
        raise OverflowError(str(error)) from None


def unpacked(letter: str, data: bytes) -> tuple[Any, ...]:
    """The numbers that some bytes hold."""
    return struct.unpack(f"<{len(data) // WIDTHS[letter]}{letter}", data)


def shuffled(data: bytes, width: int) -> bytes:
    """First bytes of all numbers, then second bytes, …: what is alike stands together."""
    return b"".join([data[place::width] for place in range(width)]) if len(data) > width > 1 else data


def unshuffled(data: bytes, width: int) -> bytes:
    """What `shuffled` was given."""
    if width == 1:
        return data
    made, count = bytearray(len(data)), len(data) // width
    for place in range(width):
        made[place::width] = data[place * count : (place + 1) * count]
    return bytes(made)


class Packed(Sequence[Any]):
    """Numbers in the bytes of `packed`. Only who looks at one has objects made of them."""

    def __init__(self, letter: str, data: bytes) -> None:
        self.letter = letter
        self.data = data

    @cached_property
    def values(self) -> tuple[Any, ...]:
        """The numbers."""
        return unpacked(self.letter, self.data)

    @cached_property
    def extremes(self) -> tuple[Any, Any]:
        """The least and the greatest, where none is a NaN."""
        return min(self.values), max(self.values)

    def __len__(self) -> int:
        return len(self.data) // WIDTHS[self.letter]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __getitem__(self, place: Any) -> Any:
        return self.values[place]

    def index(self, value: Any, *bounds: int) -> int:
        """The first place of a number."""
        return self.values.index(value, *bounds)


def joined(columns: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """The values of all columns, packed where all of them are."""
    if len(columns) == 1:
        return columns[0]
    letters = {column.letter if type(column) is Packed else "" for column in columns}
    if len(letters) == 1 and "" not in letters:
        return Packed(letters.pop(), b"".join([column.data for column in columns]))  # type: ignore[attr-defined]
    return list(chain.from_iterable(columns))
