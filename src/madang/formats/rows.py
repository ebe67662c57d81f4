"""Frames of a segment in columns: what is fast to sum up and to pack. The bytes are in docs/formats/journal.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from madang.domain import events, progressions
from madang.domain.events import Console, Event, Keys, Stamp
from madang.domain.values import mutable
from madang.formats import numbers, tables
from madang.formats import segment as codec
from madang.formats.journal import Frame, KeySet, decode_event, keyset_of

_MOST_LINES = 1 << 62


@mutable
class Rows:
    """Metric rows of one set of keys, in columns. ``columns[i]`` are the values of ``names[i]``; None is no value."""

    names: Sequence[str]
    types: str
    sequences: Sequence[int] = ()
    times: Sequence[int] = ()  # µs UTC
    steps: Sequence[int] = ()
    columns: Sequence[Sequence[Any]] = ()

    def pick(self, kept: Sequence[int]) -> Rows:
        """Only the rows at these places."""
        # as lists: in many progressions each number has to be looked for
        sequences, times, steps = list(self.sequences), list(self.times), list(self.steps)
        return Rows(
            self.names,
            self.types,
            [sequences[place] for place in kept],
            [times[place] for place in kept],
            [steps[place] for place in kept],
            [[column[place] for place in kept] for column in self.columns],
        )


@mutable
class Batch:
    """What some frames say. Key sets and console lines are not among ``events``."""

    events: list[tuple[Stamp, Event]] = field(default_factory=list)
    keysets: list[tuple[int, Keys]] = field(default_factory=list)  # (sequence, set), declared in these frames
    rows: list[Rows] = field(default_factory=list)
    console: list[tuple[Stamp, Console]] = field(default_factory=list)
    last: int = 0  # newest time in any frame


def decode(frames: Sequence[Frame], segment: str, keysets: dict[int, KeySet]) -> Batch:
    """Everything in some frames of a segment. ``keysets`` holds the sets declared before, and takes in the new ones."""
    batch = Batch()
    sets = _Sets(batch, segment, keysets)
    for frame in frames:
        sequence, payload = frame
        kind = payload[0]
        if kind in (codec.METRICS, codec.SYSTEM):
            number = int.from_bytes(payload[17:21], "little")
            group = sets.rows.get(number) or sets.begin_rows(number)
            group[0].append(sequence)
            group[1].append(payload)
            continue
        if kind in tables.KINDS:
            sets.add_table(frame)
            continue
        stamp, event = decode_event(payload, segment, sequence)
        batch.last = max(batch.last, stamp.time)
        if isinstance(event, Keys):
            sets.close(event.id)  # the number may be used anew: what came before belongs to the old set
            _declare(batch, keysets, stamp, event)
        elif isinstance(event, Console) and abs(event.n) < _MOST_LINES:
            batch.console.append((stamp, event))
        else:
            batch.events.append((stamp, event))
    sets.close_all()
    return batch


class _Sets:
    """Frames of rows by the number of their key set, until something ends a stretch of their kind.

    Rows of one set stay in the order of their frames.
    """

    def __init__(self, batch: Batch, segment: str, keysets: dict[int, KeySet]) -> None:
        self._batch = batch
        self._segment = segment
        self._keysets = keysets
        self.rows: dict[int, tuple[list[int], list[bytes]]] = {}  # sequences and payloads of one row each
        self._tables: dict[int, list[Frame]] = {}

    def begin_rows(self, number: int) -> tuple[list[int], list[bytes]]:
        """Begin a stretch of single rows of a set."""
        self.close(number)
        group = self.rows[number] = ([], [])
        return group

    def add_table(self, frame: Frame) -> None:
        """A frame of many rows."""
        number = tables.keyset_of(frame.payload)
        if number not in self._tables:
            self.close(number)
            self._tables[number] = []
        self._tables[number].append(frame)

    def close(self, number: int) -> None:
        """Decode what there is of a set."""
        if number in self.rows:
            _take_rows(self._batch, self._segment, self._keysets.get(number), *self.rows.pop(number))
        if number in self._tables:
            _take_tables(self._batch, self._segment, self._keysets.get(number), self._tables.pop(number))

    def close_all(self) -> None:
        """Decode all there is."""
        for number in [*self.rows, *self._tables]:
            self.close(number)


def _declare(batch: Batch, keysets: dict[int, KeySet], stamp: Stamp, event: Keys) -> None:
    try:
        keysets[event.id] = KeySet(event.names, event.types)
        if not 0 <= event.id < 1 << 32:
            raise ValueError("a number that no frame can refer to")
    except ValueError:
        keysets.pop(event.id, None)
        batch.events.append((stamp, events.Unread(codec.KEYS)))
        return
    batch.keysets.append((stamp.sequence, event))


def _take_tables(batch: Batch, segment: str, keys: KeySet | None, frames: list[Frame]) -> None:
    """Frames of many rows of one set, in one piece: what is done with columns costs by the piece."""
    found: list[Rows] = []
    for sequence, payload in frames:
        try:
            if keys is None:
                raise ValueError("no such key set")
            times, steps, columns = tables.decoded(keys, payload)
        except ValueError:
            batch.events.append((Stamp(0, segment, sequence), events.Unread(payload[0])))
            continue
        sequences = progressions.constant(sequence, len(steps))
        found.append(Rows(keys.names, keys.types, sequences, times, steps, columns))
    if found:
        _add_rows(batch, joined(found))


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of one set of keys in one piece."""
    if len(parts) == 1:
        return parts[0]
    return Rows(
        parts[0].names,
        parts[0].types,
        progressions.joined([part.sequences for part in parts]),
        progressions.joined([part.times for part in parts]),
        progressions.joined([part.steps for part in parts]),
        [numbers.joined(columns) for columns in zip(*(part.columns for part in parts), strict=True)],
    )


def _add_rows(batch: Batch, rows: Rows) -> None:
    batch.rows.append(rows)
    batch.last = max(batch.last, progressions.bounds(rows.times)[1])


def _take_rows(batch: Batch, segment: str, keys: KeySet | None, sequences: list[int], payloads: list[bytes]) -> None:
    size = keys.fixed.size if keys else 0
    if keys and keys.packed and all(len(payload) == size for payload in payloads):
        times, steps, _, *columns = zip(*keys.fixed.iter_unpack(b"".join(payloads)), strict=True)
        _add_rows(batch, Rows(keys.names, keys.types, sequences, times, steps, columns))
        return
    good, rows = [], []
    for sequence, payload in zip(sequences, payloads, strict=True):
        try:
            keyset_of(payload)
            if keys is None:
                raise ValueError("no such key set")
            rows.append(keys.row(payload))
            good.append(sequence)
        except ValueError:
            batch.events.append((Stamp(0, segment, sequence), events.Unread(payload[0])))
    if keys and rows:
        times, steps, values = zip(*rows, strict=True)
        columns = list(zip(*values, strict=True))
        _add_rows(batch, Rows(keys.names, keys.types, good, times, steps, columns))
