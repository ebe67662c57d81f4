"""Reading the two tiers of history: sealed chunks and the tail that is not sealed yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from madang.domain import events
from madang.domain.events import Stamp
from madang.domain.series import Series, SeriesKind, common_kind, kind_of
from madang.formats.journal import KeySet, Position, read_frames
from madang.formats.rows import Batch, Rows, decode
from madang.ports.records import Records, SegmentRow, StoredRun
from madang.ports.segments import SegmentFiles
from madang.services.summaries import visible

_WHOLE = 1 << 62
ConsoleBySegment: TypeAlias = dict[str, dict[int, tuple[Stamp, events.Console]]]
_KINDS: dict[str, SeriesKind] = {"d": "float", "q": "int", "?": "bool"}


@dataclass
class _Points:
    """Points of one key, not yet in order."""

    places: list[tuple[int, int, str, int]] = field(default_factory=list)  # step, time, segment, sequence
    values: list[Any] = field(default_factory=list)
    kinds: set[SeriesKind] = field(default_factory=set)


class History:
    """Reads points and console lines of a run, whichever tier they lie in. Thread-safe."""

    def __init__(self, records: Records, files: SegmentFiles | None) -> None:
        self._records = records
        self._files = files

    def raw(self, run: str, row: SegmentRow, start: int, stop: int) -> bytes:
        """Bytes of a segment from ``start`` to ``stop``: from the file, or what a hub has kept."""
        if stop <= start:
            return b""
        data = self._files.read(run, row.id, start, stop - start) if self._files else b""
        return data or self._records.segments.pieces(row.number, start)[: stop - start]

    def keysets(self, row: SegmentRow, before: int) -> dict[int, KeySet]:
        """The key sets of a segment that stood before frame ``before``."""
        declared = [item for item in self._records.segments.keysets(row.number) if item.sequence < before]
        names = self._records.segments.names({key for item in declared for key in item.keys})
        return {item.id: KeySet([names[key] for key in item.keys], item.types) for item in declared}

    def tail(self, run: str, row: SegmentRow) -> Batch:
        """What lies in a segment between its sealed part and where it is read to."""
        data = self.raw(run, row, row.sealed_offset, row.offset)
        position = Position(row.sealed_offset, row.sealed_sequence, row.sealed_chain)
        return decode(read_frames(data, position), row.id, self.keysets(row, row.sealed_sequence))

    def rows(self, stored: StoredRun, keys: Collection[str] | None = None) -> Iterator[tuple[str, Rows]]:
        """(segment, rows) of all visible points of a run; with ``keys`` only groups that hold one of them."""
        rewinds = stored.state.rewinds
        for row in self._records.segments.of_run(stored.number):
            for group in self.tail(stored.state.run, row).rows:
                if keys is None or not set(keys).isdisjoint(group.names):
                    yield row.id, visible(group, row.id, rewinds)

    def series(
        self, stored: StoredRun, keys: Collection[str] | None, min_step: int | None = None, max_step: int | None = None
    ) -> dict[str, Series]:
        """Series by key, whole, in the order of (step, time)."""
        wanted = None if keys is None else set(keys)
        points: dict[str, _Points] = {}
        for segment, rows in self.rows(stored, wanted):
            _take_rows(points, segment, rows, wanted)
        return {name: _series(name, found, min_step, max_step) for name, found in points.items()}

    def console(self, stored: StoredRun) -> ConsoleBySegment:
        """All console lines; the newest text of each number."""
        found: ConsoleBySegment = {}
        for row in self._records.segments.of_run(stored.number):
            _take_lines(found, row.id, self.tail(stored.state.run, row).console)
        return found

    def last_lines(self, stored: StoredRun) -> dict[str, int]:
        """The greatest line number of each segment that has console lines."""
        return {segment: max(lines) for segment, lines in self.console(stored).items()}

    def news(
        self, stored: StoredRun, after: dict[str, int]
    ) -> tuple[dict[str, Series], ConsoleBySegment, dict[str, int]]:
        """(series, console lines, reached) of the frames at or after a sequence of each segment."""
        points: dict[str, _Points] = {}
        lines: ConsoleBySegment = {}
        reached = {}
        for row in self._records.segments.of_run(stored.number):
            first = after.get(row.id, 0)
            reached[row.id] = row.sequence
            if first >= row.sequence:
                continue
            batch = self.tail(stored.state.run, row)
            for group in batch.rows:
                rows = visible(group, row.id, stored.state.rewinds)
                _take_rows(points, row.id, rows.pick([i for i, n in enumerate(rows.sequences) if n >= first]), None)
            _take_lines(lines, row.id, [item for item in batch.console if item[0].sequence >= first])
        return {name: _series(name, found, None, None) for name, found in points.items()}, lines, reached


def _take_lines(found: ConsoleBySegment, segment: str, lines: list[tuple[Stamp, events.Console]]) -> None:
    known = found.setdefault(segment, {}) if lines else {}
    for stamp, line in lines:
        if line.n not in known or stamp >= known[line.n][0]:
            known[line.n] = (stamp, line)


def _take_rows(points: dict[str, _Points], segment: str, rows: Rows, wanted: set[str] | None) -> None:
    places = [
        (step, time, segment, sequence)
        for step, time, sequence in zip(rows.steps, rows.times, rows.sequences, strict=True)
    ]
    for name, letter, column in zip(rows.names, rows.types, rows.columns, strict=True):
        if places and (wanted is None or name in wanted):
            _take(points.setdefault(name, _Points()), places, column, letter)


def _take(points: _Points, places: list[tuple[int, int, str, int]], column: Any, letter: str) -> None:
    if letter == "v":
        pairs = [(place, value) for place, value in zip(places, column, strict=True) if value is not None]
        points.places += [place for place, _ in pairs]
        points.values += [value for _, value in pairs]
        points.kinds.update(kind_of(value) for _, value in pairs)
    else:
        points.places += places
        points.values += column
        points.kinds.add(_KINDS[letter])


def _series(name: str, points: _Points, min_step: int | None, max_step: int | None) -> Series:
    places, values = points.places, points.values
    order: Any = range(len(places))
    if any(map(tuple.__gt__, places, places[1:])):
        order = sorted(order, key=places.__getitem__)
    if min_step is not None or max_step is not None:
        low, high = (-_WHOLE * 2 if min_step is None else min_step), (_WHOLE * 2 if max_step is None else max_step)
        order = [index for index in order if low <= places[index][0] <= high]
    return Series(
        name,
        common_kind(points.kinds),
        [places[index][0] for index in order],
        [places[index][1] for index in order],
        [values[index] for index in order],
        len(order),
    )
