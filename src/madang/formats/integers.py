"""Columns of 64-bit integers in few bytes: in chunks (docs/formats/store.md) and in frames of tables (journal.md)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from operator import sub

from madang.domain.progressions import Progression, Progressions, bounds, evened
from madang.formats.numbers import packed, shuffled, unpacked, unshuffled

EVEN = "e"
"""The coding of a single progression, which chunks do not have."""

_WIDTHS = (("b", 1), ("h", 2), ("i", 4), ("q", 8))  # letters of `struct` and their bytes
_DELTAS = {"1": "b", "2": "h", "4": "i", "8": "q"}  # codings of differences: the letter of each
_INT64 = 1 << 63


def coded(values: Sequence[int]) -> tuple[str, bytes]:
    """The coding and the bytes: the first value and the differences, in the narrowest integers that hold them.

    They are raw where the differences overflow. The values have 64 bits.
    """
    known = evened(values)
    if type(known) is Progressions and (found := _of_progressions(known)) is not None:
        return found
    deltas = list(map(sub, values[1:], values))
    for letter, width in _WIDTHS:
        with suppress(OverflowError):  # too narrow
            return str(width), _int64(values[0]) + shuffled(packed(letter, deltas), width)
    return "r", shuffled(packed("q", values), 8)


def _of_progressions(values: Progressions) -> tuple[str, bytes] | None:
    """`coded`, without a number of its own for each; None where the differences overflow."""
    inside = [part.distance for part in values.parts]
    jumps = [0, *(after.first - before.last for before, after in pairwise(values.parts))]
    least, most = min(*inside, *jumps), max(*inside, *jumps)
    width = next((width for _, width in _WIDTHS if -(1 << (8 * width - 1)) <= least and most < 1 << (8 * width - 1)), 0)
    if not width:
        return None
    stretches = [
        (jump.to_bytes(width, "little", signed=True), part.distance.to_bytes(width, "little", signed=True), part.length)
        for jump, part in zip(jumps, values.parts, strict=True)
    ]
    planes = [
        b"".join([jump[at : at + 1] + step[at : at + 1] * (length - 1) for jump, step, length in stretches])[1:]
        for at in range(width)
    ]
    return str(width), _int64(values[0]) + b"".join(planes)


def coded_briefly(values: Sequence[int]) -> tuple[str, bytes]:
    """As `coded`, and a progression in two numbers.

    Raises:
        OverflowError: a value has more than 64 bits.
    """
    known = evened(values)
    if type(known) is Progressions and len(known.parts) == 1:
        part = known.parts[0]
        _int64(part.last)
        return EVEN, _int64(part.first) + _int64(part.distance)
    for end in bounds(values):  # the differences alone would not tell
        _int64(end)
    return coded(values)


def _int64(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


def size(coding: str, count: int) -> int | None:
    """Bytes of a column of so many integers; None for what is no coding of integers."""
    if coding == "r":
        return 8 * count
    if coding == EVEN:
        return 16
    return 8 + (count - 1) * int(coding) if coding in _DELTAS else None


def integers(coding: str, data: bytes, count: int) -> Sequence[int]:
    """The integers of a column.

    Raises:
        ValueError: there is no such coding, or one of them has more than 64 bits.
    """
    if coding == "r":
        return unpacked("q", unshuffled(data, 8))
    first = int.from_bytes(data[:8], "little", signed=True)
    if coding == EVEN:
        found = Progression(first, int.from_bytes(data[8:], "little", signed=True), count)
        if not -_INT64 <= found.last < _INT64:
            raise ValueError("an integer of more than 64 bits")
        return Progressions((found,))
    if coding not in _DELTAS:
        raise ValueError(f"{coding!r} is no coding of integers")
    width = int(coding)
    numbers = list(accumulate(unpacked(_DELTAS[coding], unshuffled(data[8:], width)), initial=first))
    is_near = abs(first) + (count << (8 * width - 1)) < _INT64  # as it is for all that anybody logs
    if not is_near and (min(numbers) < -_INT64 or max(numbers) >= _INT64):
        raise ValueError("an integer of more than 64 bits")
    return numbers
