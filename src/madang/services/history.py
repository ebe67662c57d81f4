"""Reading the two tiers of history: sealed chunks and the tail that is not sealed yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from madang.domain import events
from madang.domain.events import Stamp
from madang.domain.metrics import MetricSummary
from madang.domain.series import Series
from madang.domain.steps import Spread
from madang.formats.chunk import Chunk
from madang.formats.journal import KeySet, Position, read_frames
from madang.formats.rows import Batch, Rows, decode
from madang.ports.history import ChunkRow
from madang.ports.records import Records, SegmentRow, StoredRun
from madang.ports.segments import SegmentFiles
from madang.services.points import Points
from madang.services.sealing import IS_ERROR, TEXT
from madang.services.summaries import visible
from madang.services.thinning import thinned

Lines: TypeAlias = dict[int, tuple[Stamp, events.Console]]
ConsoleBySegment: TypeAlias = dict[str, Lines]
_LETTERS = str.maketrans("1248rsimv", "qqqqqvvvv")  # codings of a chunk → types of the journal


class News(NamedTuple):
    """What came after a place. ``reached`` is the frame of each segment at which the next look begins."""

    series: dict[str, Series]
    console: ConsoleBySegment
    reached: dict[str, int]


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
        return data or self._records.segments.pieces(row.number, start, stop)

    def keysets(self, row: SegmentRow, before: int) -> dict[int, KeySet]:
        """The key sets of a segment that stood before frame ``before``."""
        declared = [item for item in self._records.segments.keysets(row.number) if item.sequence < before]
        names = self._records.segments.names({key for item in declared for key in item.keys})
        return {item.id: KeySet([names[key] for key in item.keys], item.types) for item in declared}

    def tail(self, run: str, row: SegmentRow, data: bytes = b"") -> Batch:
        """What lies in a segment between its sealed part and where it is read to; ``data`` where it was read."""
        if not row.rows:
            return Batch()
        data = data or self.raw(run, row, row.sealed_offset, row.offset)
        position = Position(row.sealed_offset, row.sealed_sequence, row.sealed_chain)
        return decode(read_frames(data, position), row.id, self.keysets(row, row.sealed_sequence))

    def rows(
        self,
        stored: StoredRun,
        keys: Collection[str] | None = None,
        *,
        after: dict[str, int] | None = None,
        steps: tuple[int, int] | None = None,
    ) -> Iterator[tuple[str, Rows]]:
        """(segment, rows) of the visible points of a run, in the order of frames within each segment.

        ``keys`` leaves out the other columns (of chunks), ``after`` frames before a sequence of each segment, ``steps``
        chunks outside; what is left may still hold rows and keys that were not asked for.
        """
        segments = {row.number: row for row in self._records.segments.of_run(stored.number)}
        numbers = None if keys is None else self._records.segments.numbers(list(keys))
        chunks: dict[int, list[ChunkRow]] = {}
        for chunk in self._records.history.heads(stored.number, "h") if numbers != {} else []:
            chunks.setdefault(chunk.segment, []).append(chunk)
        for row in segments.values():
            first = (after or {}).get(row.id, 0)
            if first >= row.sequence > 0:
                continue
            for rows in self._chunk_rows(row, chunks.get(row.number, []), numbers, first, steps):
                yield row.id, visible(rows, row.id, stored.state.rewinds)
            for rows in self.tail(stored.state.run, row).rows:
                if keys is None or not set(keys).isdisjoint(rows.names):
                    yield row.id, visible(rows, row.id, stored.state.rewinds)

    def _chunk_rows(
        self,
        row: SegmentRow,
        chunks: Sequence[ChunkRow],
        numbers: dict[str, int] | None,
        first: int,
        steps: tuple[int, int] | None,
    ) -> Iterator[Rows]:
        wanted = None if numbers is None else numbers.values()
        names = {} if numbers is None else {number: name for name, number in numbers.items()}
        for place, chunk in enumerate(chunks):
            following = chunks[place + 1].first if place + 1 < len(chunks) else row.sealed_sequence
            if following <= first:
                continue
            opened = Chunk(chunk.head, partial(self._records.history.blocks, chunk))
            parts = opened.parts(wanted, *steps) if steps else opened.parts(wanted)
            if numbers is None:
                missing = {key for part in parts for key in part.keys} - set(names)
                names |= self._records.segments.names(missing)
            for part in parts:
                yield Rows(
                    [names[key] for key in part.keys],
                    part.codings.translate(_LETTERS),
                    part.sequences,
                    part.times,
                    part.steps,
                    part.columns,
                )

    def series(
        self, stored: StoredRun, keys: Collection[str] | None, min_step: int | None = None, max_step: int | None = None
    ) -> dict[str, Series]:
        """Series by key, whole, in the order of (step, time)."""
        points = Points(None if keys is None else set(keys))
        steps = (-(1 << 63) if min_step is None else min_step, (1 << 63) if max_step is None else max_step)
        bounded = min_step is not None or max_step is not None
        for segment, rows in self.rows(stored, keys, steps=steps if bounded else None):
            points.add(segment, rows)
        return points.series(steps if bounded else None)

    def thinned(self, stored: StoredRun, metrics: Mapping[str, MetricSummary], spread: Spread) -> dict[str, Series]:
        """The points of some keys at steps that are spread over a run, whose ``metrics`` these are."""
        return thinned(lambda keys, steps: self.rows(stored, keys, steps=steps), metrics, spread)

    def news(self, stored: StoredRun, after: dict[str, int]) -> News:
        """Points and console lines of the frames at or after a sequence of each segment."""
        points = Points(None)
        for segment, rows in self.rows(stored, after=after):
            first = after.get(segment, 0)
            if rows.sequences and rows.sequences[0] < first:
                rows = rows.pick([place for place, sequence in enumerate(rows.sequences) if sequence >= first])
            points.add(segment, rows)
        lines: ConsoleBySegment = {}
        for segment, found in self.console(stored, after=after).items():
            first = after.get(segment, 0)
            fresh = {n: item for n, item in found.items() if item[0].sequence >= first}
            if fresh:
                lines[segment] = fresh
        return News(points.series(None), lines, self.reached(stored))

    def reached(self, stored: StoredRun) -> dict[str, int]:
        """The frame of each segment that comes next."""
        return {row.id: row.sequence for row in self._records.segments.of_run(stored.number)}

    def console(
        self, stored: StoredRun, *, after: dict[str, int] | None = None, lines: dict[str, tuple[int, int]] | None = None
    ) -> ConsoleBySegment:
        """Console lines by segment and number, the newest text of each.

        ``after`` may leave out frames before a sequence of each segment, ``lines`` those outside these numbers of each.
        """
        chunks: dict[int, list[ChunkRow]] = {}
        for chunk in self._records.history.heads(stored.number, "c"):
            chunks.setdefault(chunk.segment, []).append(chunk)
        found: ConsoleBySegment = {}
        for row in self._records.segments.of_run(stored.number):
            first = (after or {}).get(row.id, 0)
            if first >= row.sequence > 0:
                continue
            known: Lines = {}
            for chunk in chunks.get(row.number, []):
                self._chunk_lines(known, row, chunk, lines.get(row.id) if lines else None)
            for stamp, line in self.tail(stored.state.run, row).console:
                known[line.n] = (stamp, line)
            if known:
                found[row.id] = known
        return found

    def _chunk_lines(self, known: Lines, row: SegmentRow, chunk: ChunkRow, bounds: tuple[int, int] | None) -> None:
        opened = Chunk(chunk.head, partial(self._records.history.blocks, chunk))
        for part in opened.parts((TEXT, IS_ERROR), *(bounds or (-(1 << 63), 1 << 63))):
            texts, errors = part.columns
            for n, time, sequence, text, error in zip(
                part.steps, part.times, part.sequences, texts, errors, strict=True
            ):
                line = events.Console(n, text, "err" if error else "out")
                known[n] = (Stamp(time, row.id, sequence), line)

    def last_lines(self, stored: StoredRun) -> dict[str, int]:
        """The greatest line number of each segment that has console lines."""
        last: dict[str, int] = {}
        rows = {row.number: row for row in self._records.segments.of_run(stored.number)}
        for chunk in self._records.history.heads(stored.number, "c"):
            opened = Chunk(chunk.head, partial(self._records.history.blocks, chunk))
            segment = rows[chunk.segment].id
            last[segment] = max(last.get(segment, 0), opened.steps[1])
        for row in rows.values():
            lines = self.tail(stored.state.run, row).console
            if lines:
                last[row.id] = max(last.get(row.id, 0), *(line.n for _, line in lines))
        return last
