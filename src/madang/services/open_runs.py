"""Runs that edges write to, as far as another row needs them: it then costs one statement of the records.

What is added so is durable, and waits beside the records until somebody reads the run, or says something of it that is
no row. Nothing here is needed to be right: a piece is kept only where the run is as it is remembered here.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence

from madang.domain import events
from madang.domain.columns import are_new, gathered, keys_of, last_place
from madang.domain.commands import Columns, Fact, Points
from madang.domain.metrics import MetricSummary
from madang.formats.frames import FrameBuilder, KeySetNumbers
from madang.ports.records import Records, SegmentRow, StoredRun
from madang.ports.waiting import WaitingPiece
from madang.services.catching_up import OnDemand

MOST_BYTES = 512 << 10  # of a run, that wait at most before they are taken in
_MOST_RUNS = 1000
_MOST_KEYS = 2000  # of a run that is remembered
_WAITING = frozenset({Points, Columns, events.Console, events.Heartbeat})
"""What changes nothing that a later request asks for, but the points themselves."""


class OpenRun:
    """A run with its edge's segment, as they stood after the last piece that was written here.

    ``ends`` has the step and time (µs UTC) of the last point of metrics; ``whole``: of all that the run has.
    """

    def __init__(
        self, stored: StoredRun, row: SegmentRow, sets: KeySetNumbers, ends: dict[str, tuple[int, int]], *, whole: bool
    ):
        self.stored = stored
        self.whole = whole
        self.segment = row.number
        self.applied = row.offset  # where what waits begins
        self.offset, self.sequence, self.chain = row.offset, row.sequence, row.chain
        self.sets = sets
        self.ends = ends
        self.lock = threading.Lock()


class OpenRuns:
    """The runs that were written to last. Thread-safe."""

    def __init__(self, records: Records, parts: OnDemand) -> None:
        self._records = records
        self._parts = parts
        self._runs: OrderedDict[str, OpenRun] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, run: str) -> OpenRun | None:
        """A run that may be added to, or None where the records are to be asked."""
        with self._lock:
            return self._runs.get(run)

    def drop(self, run: str) -> None:
        """Forget a run."""
        with self._lock:
            self._runs.pop(run, None)

    def remember(
        self,
        stored: StoredRun,
        row: SegmentRow,
        sets: KeySetNumbers | None,
        summaries: Mapping[str, MetricSummary],
        before: tuple[int, int],
    ) -> None:
        """Remember a run after a piece was taken in. ``sets`` are those of its segment, None when they were not read.

        ``before`` is the revision of the run and the end of the segment before the piece.
        """
        run = stored.state.run
        known = self.get(run)
        if known is not None and (known.stored.changed, known.offset) != before:
            known = None  # somebody else wrote meanwhile
        new = before == (0, 0)
        ends = dict(known.ends) if known is not None else {}
        ends.update((key, item.last_at[:2]) for key, item in summaries.items())
        if sets is None and known is not None:
            sets = known.sets
        fits = sets is not None and len(ends) <= _MOST_KEYS and not stored.state.rewinds and not row.damage
        with self._lock:
            self._runs.pop(run, None)
            if fits and sets is not None:
                whole = new or (known is not None and known.whole)
                self._runs[run] = OpenRun(stored, row, sets, ends, whole=whole)
            while len(self._runs) > _MOST_RUNS:
                self._runs.popitem(last=False)

    def catch_up(self, segment_of: Callable[[str], str], runs: Collection[str] | None = None) -> None:
        """Take in what waits (for these runs); ``segment_of`` names the segment of this store that a run has."""
        for run in self._records.waiting.runs(runs):
            with self._records.transaction():
                session = self._parts.ingest.open(run)
                before = session.stored.changed
                row = self._parts.ingest.row(session, segment_of(run))
                self._parts.ingest.take_waiting(session, row)
            self.renew(session.stored, row, before)

    def renew(self, stored: StoredRun, row: SegmentRow, before: int) -> None:
        """Go on with a run after what waited for it was taken in; ``before`` is the revision that it had then."""
        known = self.get(stored.state.run)
        if known is None:
            return
        with known.lock:
            if known.stored.changed == before and (known.segment, known.offset) == (row.number, row.offset):
                known.stored, known.applied = stored, row.offset

    def add(self, opened: OpenRun, facts: Sequence[Fact]) -> bool:
        """Add rows, console lines and heartbeats; False, and nothing was done, where it takes the records to do so."""
        if not facts or not _WAITING.issuperset(map(type, facts)):
            return False
        with opened.lock:
            if not self._fits(opened, facts):
                return False
            sets = len(opened.sets)
            builder = FrameBuilder(opened.sequence, opened.chain, opened.sets)
            now = time.time_ns() // 1000
            for fact in gathered(facts):
                builder.add(fact, now)
            after = builder.position(opened.offset)
            piece = WaitingPiece(
                opened.stored.number, opened.stored.changed, opened.segment, opened.offset, builder.data
            )
            kept = False
            try:
                kept = after.offset - opened.applied <= MOST_BYTES and self._records.waiting.add(piece)
            finally:
                if not kept and len(opened.sets) > sets:
                    self.drop(opened.stored.state.run)  # sets that are declared nowhere
            if kept:
                opened.offset, opened.sequence, opened.chain = after.offset, after.sequence, after.chain
                _move_ends(opened.ends, facts)
            return kept

    def _fits(self, opened: OpenRun, facts: Sequence[Fact]) -> bool:
        """Whether all points have a time, are of metrics whose end is known, and stand behind it."""
        for fact in facts:
            if isinstance(fact, Points) and fact.time is None:
                return False
        if not opened.whole and not keys_of(facts) <= opened.ends.keys():
            return False
        return are_new(facts, opened.ends)


def _move_ends(ends: dict[str, tuple[int, int]], facts: Sequence[Fact]) -> None:
    for fact in facts:
        if isinstance(fact, Points):
            last = (fact.step, fact.time or 0)
        elif isinstance(fact, Columns):
            last = last_place(fact)
        else:
            continue
        for key in fact.values:
            ends[key] = max(last, ends.get(key, last))
