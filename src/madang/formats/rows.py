"""Frames of a segment in columns: what is fast to sum up and to pack. The bytes are in docs/formats/journal.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from madang.domain import events
from madang.domain.events import Console, Event, Keys, Stamp
from madang.domain.values import mutable
from madang.formats import segment as codec
from madang.formats.journal import Frame, KeySet, decode_event, keyset_of, keyset_of_rows

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
        return Rows(
            self.names,
            self.types,
            [self.sequences[place] for place in kept],
            [self.times[place] for place in kept],
            [self.steps[place] for place in kept],
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
    open_groups: dict[int, tuple[list[int], list[bytes]]] = {}
    for frame in frames:
        sequence, payload = frame
        kind = payload[0]
        if kind in (codec.METRICS, codec.SYSTEM):
            number = int.from_bytes(payload[17:21], "little")
            group = open_groups.get(number)
            if group is None:
                group = open_groups[number] = ([], [])
            group[0].append(sequence)
            group[1].append(payload)
            continue
        if kind == codec.ROWS:
            number = int.from_bytes(payload[1:5], "little")
            if number in open_groups:  # rows of one set stay in the order of their frames
                _close(batch, segment, keysets, number, *open_groups.pop(number))
            _take_rows(batch, segment, keysets, frame)
            continue
        stamp, event = decode_event(payload, segment, sequence)
        batch.last = max(batch.last, stamp.time)
        if isinstance(event, Keys):
            if event.id in open_groups:  # the number is used anew: what came before belongs to the old set
                _close(batch, segment, keysets, event.id, *open_groups.pop(event.id))
            _declare(batch, keysets, stamp, event)
        elif isinstance(event, Console) and abs(event.n) < _MOST_LINES:
            batch.console.append((stamp, event))
        else:
            batch.events.append((stamp, event))
    for number, (sequences, payloads) in open_groups.items():
        _close(batch, segment, keysets, number, sequences, payloads)
    return batch


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


def _take_rows(batch: Batch, segment: str, keysets: dict[int, KeySet], frame: Frame) -> None:
    sequence, payload = frame
    try:
        keys = keysets.get(keyset_of_rows(payload))
        if keys is None:
            raise ValueError("no such key set")
        times, steps, columns = keys.rows(payload)
    except ValueError:
        batch.events.append((Stamp(0, segment, sequence), events.Unread(codec.ROWS)))
        return
    batch.rows.append(Rows(keys.names, keys.types, [sequence] * len(times), times, steps, columns))
    batch.last = max(batch.last, max(times))


def _close(
    batch: Batch, segment: str, keysets: dict[int, KeySet], number: int, sequences: list[int], payloads: list[bytes]
) -> None:
    keys = keysets.get(number)
    size = keys.fixed.size if keys else 0
    if keys and keys.packed and all(len(payload) == size for payload in payloads):
        times, steps, _, *columns = zip(*keys.fixed.iter_unpack(b"".join(payloads)), strict=True)
        batch.rows.append(Rows(keys.names, keys.types, sequences, times, steps, columns))
        batch.last = max(batch.last, max(times))
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
        batch.rows.append(Rows(keys.names, keys.types, good, times, steps, columns))
        batch.last = max(batch.last, max(times))
