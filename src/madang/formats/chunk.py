"""Sealed chunks of history: columns, packed so that one key can be read without the others (docs/formats/store.md).

No array library is needed: everything runs inside `struct`, `zip`, slices and `itertools`, at the speed of C.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import msgspec

from madang.domain.progressions import bounds
from madang.domain.values import mutable, value
from madang.errors import CorruptData
from madang.formats import integers
from madang.formats.journal import from_json
from madang.formats.learning import learnt
from madang.formats.numbers import Packed, packed, shuffled, unpacked, unshuffled
from madang.formats.segment import to_json
from madang.formats.zstd import compress, decompress

BLOCK = 32 << 10  # bytes before compression at which a block is full
_EXTREMES_FROM = 64  # rows from which a column's smallest and largest value are kept
_INTEGERS = "1248r"  # codings
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
    made = [integers.coded(column) for column in (group.sequences, group.steps, group.times)]
    made += [_column(letter, column) for letter, column in zip(group.types, group.columns, strict=True)]
    extremes: list[tuple[float, float] | None] = []
    if len(group.steps) >= _EXTREMES_FROM:
        extremes = [_extremes(letter, column) for letter, column in zip(group.types, group.columns, strict=True)]
    entry = _Entry(
        len(group.steps),
        list(group.keys),
        "".join(coding for coding, _ in made),
        [len(data) for coding, data in made if _size(coding, 1) is None],
        bounds(group.steps),
        bounds(group.times),
        extremes,
    )
    return entry, [data for _, data in made]


def _extremes(letter: str, column: Sequence[Any]) -> tuple[float, float] | None:
    if letter not in "dq":
        return None
    low, high = column.extremes if type(column) is Packed else (min(column), max(column))
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
        return "d", shuffled(column.data if type(column) is Packed else packed("d", column), 8)
    if letter == "q":
        return integers.coded(column)
    if letter == "?":
        return "?", bytes(column)
    return _any_values(column)


def _any_values(column: Sequence[Any]) -> tuple[str, bytes]:
    kinds = set(map(type, column)) - {type(None)}
    if kinds <= {str}:
        return "s", msgspec.msgpack.encode(column)
    coding = "i" if kinds == {int} else "m" if kinds == {dict} else "v"
    return coding, msgspec.msgpack.encode(to_json(list(column)))


def _size(coding: str, rows: int) -> int | None:
    """Bytes of a column of this coding; None when they stand in the directory."""
    if coding == "d":
        return 8 * rows
    return rows if coding == "?" else integers.size(coding, rows)


def _values(coding: str, data: bytes, rows: int) -> Sequence[Any]:
    if coding == "d":
        return unpacked("d", unshuffled(data, 8))
    if coding in _INTEGERS:
        return integers.integers(coding, data, rows)
    if coding == "?":
        return list(map(bool, data))
    found = msgspec.msgpack.decode(data)
    if not isinstance(found, list):
        raise ValueError("not a list")
    return found if coding == "s" else [from_json(item) for item in found]


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
        rows = entry.rows
        index = [_values(entry.codings[place], self._bytes(spans[place]), rows) for place in range(3)]
        columns = [_values(entry.codings[3 + place], self._bytes(spans[3 + place]), rows) for place in chosen]
        if any(len(column) != rows for column in (*index, *columns)):
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
