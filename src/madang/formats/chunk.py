"""Sealed chunks of history: columns, packed so that one key can be read without the others (docs/formats/store.md).

No array library is needed: everything runs inside `struct`, `zip`, slices and `itertools`, at the speed of C.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from operator import sub
from typing import Any

import msgspec

from madang.domain.values import mutable, value
from madang.errors import CorruptData
from madang.formats.journal import from_json
from madang.formats.learning import learnt
from madang.formats.numbers import packed, unpacked
from madang.formats.segment import to_json
from madang.formats.zstd import compress, decompress

BLOCK = 32 << 10  # bytes before compression at which a block is full
_EXTREMES_FROM = 64  # rows from which a column's smallest and largest value are kept
_WIDTHS = (("b", 1), ("h", 2), ("i", 4), ("q", 8))  # letters of `struct` and their bytes
_DELTAS = {"1": "b", "2": "h", "4": "i", "8": "q"}  # codings of differences: the letter of each
_INT64 = 1 << 63


@mutable
class Group:
    """Rows of one set of keys, in columns; ``columns[i]`` holds the values of key number ``keys[i]``.

    ``types`` are the journal's letters. None is no value and stands in `v` columns only.
    """

    keys: Sequence[int]
    types: str
    sequences: Sequence[int]
    times: Sequence[int]
    steps: Sequence[int]
    columns: Sequence[Sequence[Any]]


class _Entry(msgspec.Struct, array_like=True):
    """One group in the directory."""

    rows: int
    keys: list[int]
    codings: str  # of sequence, step, time, then each key
    lengths: list[int]  # bytes of the columns that have no fixed size, in order
    steps: tuple[int, int]  # smallest, largest
    times: tuple[int, int]
    extremes: list[tuple[float, float] | None]  # of each key; empty for short groups


class _Directory(msgspec.Struct, array_like=True):
    groups: list[_Entry]
    blocks: list[int]  # bytes of each block before compression; a single block stands behind the directory itself


def encode(groups: Sequence[Group]) -> tuple[bytes, list[bytes]]:
    """(head, blocks). With one block it is part of the head and the list is empty."""
    entries, columns = [], []
    for group in groups:
        entry, parts = _encode_group(group)
        entries.append(entry)
        columns += parts
    blocks = list(_blocks(columns))
    directory = msgspec.msgpack.encode(_Directory(entries, [len(block) for block in blocks]))
    head = len(directory).to_bytes(4, "little") + directory
    if len(blocks) == 1:
        return compress(head + blocks[0]), []
    return compress(head), [compress(block) for block in blocks]


def _encode_group(group: Group) -> tuple[_Entry, list[bytes]]:
    steps, times = group.steps, group.times
    (coding, data, low_high), (time_coding, time_data, first_last) = _index(steps), _index(times)
    made = [_integers(group.sequences), (coding, data), (time_coding, time_data)]
    made += [_column(letter, column) for letter, column in zip(group.types, group.columns, strict=True)]
    extremes: list[tuple[float, float] | None] = []
    if len(steps) >= _EXTREMES_FROM:
        extremes = [_extremes(letter, column) for letter, column in zip(group.types, group.columns, strict=True)]
    entry = _Entry(
        len(steps),
        list(group.keys),
        "".join(coding for coding, _ in made),
        [len(data) for coding, data in made if _size(coding, 1) is None],
        low_high,
        first_last,
        extremes,
    )
    return entry, [data for _, data in made]


def _extremes(letter: str, column: Sequence[Any]) -> tuple[float, float] | None:
    if letter not in "dq":
        return None
    low, high = min(column), max(column)
    return (float(low), float(high)) if low == low and high == high else None


def _blocks(columns: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for column in columns:
        waiting.append(column)
        size += len(column)
        if size >= BLOCK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _column(letter: str, column: Sequence[Any]) -> tuple[str, bytes]:
    if letter == "d":
        return "d", _shuffle(packed("d", column), 8)
    if letter == "q":
        return _integers(column)
    if letter == "?":
        return "?", bytes(column)
    return _any_values(column)


def _any_values(column: Sequence[Any]) -> tuple[str, bytes]:
    kinds = set(map(type, column)) - {type(None)}
    if kinds <= {str}:
        return "s", msgspec.msgpack.encode(column)
    coding = "i" if kinds == {int} else "m" if kinds == {dict} else "v"
    return coding, msgspec.msgpack.encode(to_json(list(column)))


def _index(values: Sequence[int]) -> tuple[str, bytes, tuple[int, int]]:
    """`_integers` with the smallest and the largest value."""
    even = _spacing(values)
    if even is None:
        ordered = sorted(values)  # they nearly are, and then it takes less than to look for the least and the greatest
        return *_uneven(values), (ordered[0], ordered[-1])
    ends = values[0], values[-1]
    return *_even(values[0], even, len(values)), (min(ends), max(ends))


def _integers(values: Sequence[int]) -> tuple[str, bytes]:
    """The first value and the differences, in the narrowest integers that hold them; raw when these overflow."""
    even = _spacing(values)
    return _uneven(values) if even is None else _even(values[0], even, len(values))


def _uneven(values: Sequence[int]) -> tuple[str, bytes]:
    deltas = list(map(sub, values[1:], values))
    for code, width in _WIDTHS:
        with suppress(OverflowError):  # too narrow
            return str(width), values[0].to_bytes(8, "little", signed=True) + _shuffle(packed(code, deltas), width)
    return "r", _shuffle(packed("q", values), 8)


def _even(first: int, step: int, count: int) -> tuple[str, bytes]:
    """What `_integers` makes of three values or more that have the same distance: no 64 bits are too few for it."""
    width = next(width for _, width in _WIDTHS if -(1 << (8 * width - 1)) <= step < 1 << (8 * width - 1))
    places = step.to_bytes(width, "little", signed=True)
    return str(width), first.to_bytes(8, "little", signed=True) + b"".join(
        [bytes((byte,)) * (count - 1) for byte in places]
    )


def _spacing(values: Sequence[int]) -> int | None:
    """The difference of all neighbours, where it is the same."""
    if len(values) < 3:
        return None
    step, last = values[1] - values[0], values[-1]
    if values[0] + step * (len(values) - 1) != last:
        return None
    even = [last] * len(values) if step == 0 else list(range(values[0], last + (1 if step > 0 else -1), step))
    return step if list(values) == even else None


def _shuffle(data: bytes, width: int) -> bytes:
    """First bytes of all values, then second bytes, …: what is alike stands together."""
    return b"".join([data[place::width] for place in range(width)]) if len(data) > width > 1 else data


def _unshuffle(data: bytes, width: int) -> bytes:
    if width == 1:
        return data
    made, rows = bytearray(len(data)), len(data) // width
    for place in range(width):
        made[place::width] = data[place * rows : (place + 1) * rows]
    return bytes(made)


def _size(coding: str, rows: int) -> int | None:
    """Bytes of a column of this coding; None when they stand in the directory."""
    if coding in "dr":
        return 8 * rows
    if coding == "?":
        return rows
    return 8 + (rows - 1) * int(coding) if coding in _DELTAS else None


def _values(coding: str, data: bytes) -> Sequence[Any]:
    if coding == "d":
        return _numbers("d", data, 8)
    if coding in _DELTAS:
        width = int(coding)
        first = int.from_bytes(data[:8], "little", signed=True)
        return list(accumulate(_numbers(_DELTAS[coding], data[8:], width), initial=first))
    if coding == "r":
        return _numbers("q", data, 8)
    if coding == "?":
        return list(map(bool, data))
    found = msgspec.msgpack.decode(data)
    if not isinstance(found, list):
        raise ValueError("not a list")
    return found if coding == "s" else [from_json(item) for item in found]


def _numbers(code: str, data: bytes, width: int) -> list[Any]:
    return list(unpacked(code, _unshuffle(data, width)))


@value
class Part:
    """One group as read: the columns of the wanted keys. ``codings`` has a letter for each column.

    `d` float64, `1248r` integers, `?` bool, `s` text, `i` integers beyond 64 bits, `m` media pointers, `v` mixed.
    """

    keys: list[int]
    codings: str
    sequences: Sequence[int]
    times: Sequence[int]
    steps: Sequence[int]
    columns: list[Sequence[Any]]


class Chunk:
    """A chunk to read from. ``fetch`` gives blocks by number (from 1); it is asked only for those that are needed.

    Raises:
        CorruptData: from every method, when the bytes are not what `encode` made.
    """

    def __init__(self, head: bytes, fetch: Callable[[Sequence[int]], dict[int, bytes]]) -> None:
        data = decompress(head)
        stop = 4 + int.from_bytes(data[:4], "little")
        try:
            self._directory = msgspec.msgpack.decode(data[4:stop], type=learnt(_Directory))
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise _corrupt(error) from error
        self._fetch = fetch
        sizes = self._directory.blocks
        self._starts = [0, *accumulate(sizes)]  # of each block, in bytes before compression
        self._blocks: dict[int, bytes] = {1: data[stop:]} if len(sizes) == 1 else {}

    @property
    def steps(self) -> tuple[int, int]:
        """Smallest and largest step of all groups."""
        bounds = [entry.steps for entry in self._directory.groups]
        return min(low for low, _ in bounds), max(high for _, high in bounds)

    def parts(
        self,
        keys: Collection[int] | None = None,
        min_step: int = -_INT64,
        max_step: int = _INT64,
    ) -> list[Part]:
        """Groups that hold one of the keys (None: all) and overlap the steps, with the columns of those keys."""
        wanted = None if keys is None else set(keys)
        plans, place = [], 0
        for entry in self._directory.groups:
            spans, place = _spans(entry, place)
            chosen = [index for index, key in enumerate(entry.keys) if wanted is None or key in wanted]
            if chosen and entry.steps[0] <= max_step and entry.steps[1] >= min_step:
                plans.append((entry, spans, chosen))
        needed = [spans[place] for _, spans, chosen in plans for place in (0, 1, 2, *(3 + item for item in chosen))]
        self._load(needed)
        try:
            return [self._part(*plan) for plan in plans]
        except (ValueError, IndexError, KeyError, msgspec.MsgspecError, TypeError) as error:
            raise _corrupt(error) from error

    def _part(self, entry: _Entry, spans: list[tuple[int, int]], chosen: list[int]) -> Part:
        index = [_values(entry.codings[place], self._bytes(spans[place])) for place in range(3)]
        columns = [_values(entry.codings[3 + place], self._bytes(spans[3 + place])) for place in chosen]
        if any(len(column) != entry.rows for column in (*index, *columns)):
            raise ValueError("columns of different length")
        keys = [entry.keys[place] for place in chosen]
        codings = "".join(entry.codings[3 + place] for place in chosen)
        sequences, steps, times = index
        return Part(keys, codings, sequences, times, steps, columns)

    def _block_of(self, start: int) -> int:
        return bisect_right(self._starts, start, hi=max(1, len(self._starts) - 1))

    def _load(self, spans: Iterable[tuple[int, int]]) -> None:
        missing = {self._block_of(start) for start, stop in spans if stop > start} - set(self._blocks)
        if missing:
            found = self._fetch(sorted(missing))
            self._blocks.update({number: decompress(data) for number, data in found.items()})

    def _bytes(self, span: tuple[int, int]) -> bytes:
        start, stop = span
        if stop == start:
            return b""
        number = self._block_of(start)
        base = self._starts[number - 1]
        return self._blocks[number][start - base : stop - base]


def _spans(entry: _Entry, place: int) -> tuple[list[tuple[int, int]], int]:
    """Where each column of a group lies, counted over all blocks; and where the group ends."""
    lengths = iter(entry.lengths)
    spans = []
    for coding in entry.codings:
        size = _size(coding, entry.rows)
        size = next(lengths) if size is None else size
        spans.append((place, place + size))
        place += size
    return spans, place


def _corrupt(error: Exception) -> CorruptData:
    return CorruptData(
        f"A chunk of history cannot be read: {error}.",
        hint="In a workspace delete records.db: it is rebuilt from the segments. A hub needs its backup.",
    )
