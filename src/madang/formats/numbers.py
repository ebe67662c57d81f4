"""Many numbers of one kind as bytes, little-endian; `struct` makes them several times faster than `array` does."""

from __future__ import annotations

import struct
from collections.abc import Sequence
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
