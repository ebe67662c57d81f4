"""Runs that edges write to, as far as the next request needs them: it then costs one statement of the records.

What is added so is durable, and waits beside the records until somebody reads the run. Nothing here is needed to be
right: a piece is kept only where the run still is as it is remembered here.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice

from madang.domain import events
from madang.domain.columns import are_new, keys_of, last_place
from madang.domain.commands import Columns, Fact, Points, State, decide
from madang.domain.events import Stamp
from madang.domain.metrics import MetricSummary
from madang.domain.reported import overruled
from madang.domain.run_state import RunState, apply
from madang.errors import InvalidInput
from madang.formats.frames import FrameBuilder, KeySetNumbers
from madang.formats.journal import decode_event
from madang.ports.records import Records, SegmentRow, StoredRun
from madang.ports.waiting import WaitingPiece
from madang.services.catching_up import OnDemand
from madang.services.summaries import add_rows

MOST_BYTES = 512 << 10  # of a run, that wait at most before they are taken in
_MOST_ALONE = 8 << 20  # of one piece, that may wait where nothing else of its run does
_MOST_READ = 64 << 10  # of a run, that are read without being taken in
_MOST_RUNS = 1000
_MOST_KEYS = 2000  # of a run that is remembered
_RUNS_TOGETHER = 50  # that one transaction takes in
_ROWS = frozenset({Points, Columns, events.Console, events.Heartbeat})
"""What changes nothing that anybody asks for but the points and lines themselves."""
_AT_ONCE = frozenset({events.Header, events.Rewound, events.VersionWritten, events.Verdict})
"""What never waits: it says something of other things than the run, or of points that are there."""


class OpenRun:
    """A run with its edge's segment, as they stood after the last piece that was written here.

    ``ends`` has the step and time (µs UTC) of the last point of metrics; ``whole``: of all that the run has.
    """

    def __init__(
        self, stored: StoredRun, row: SegmentRow, sets: KeySetNumbers, ends: dict[str, tuple[int, int]], *, whole: bool
    ):
        self.stored = stored
        self.whole = whole
        self.segment = row.id
        self.applied = row.offset  # where what waits begins
        self.offset, self.sequence, self.chain = row.offset, row.sequence, row.chain
        self.sets = sets
        self.ends = ends
        self.lock = threading.Lock()

    @property
    def waits(self) -> bool:
        """Whether something that was written here has not been taken in."""
        return self.offset > self.applied


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
                self._runs[run] = opened = OpenRun(stored, row, sets, ends, whole=whole)
                self._records.if_undone(partial(self._forget, opened))
            while len(self._runs) > _MOST_RUNS:
                self._runs.popitem(last=False)

    def _forget(self, opened: OpenRun) -> None:
        """What is remembered of a run has not happened: whoever holds it yet adds nothing by it."""
        opened.offset = -1
        self.drop(opened.stored.state.run)

    @contextmanager
    def _held(self, opened: OpenRun) -> Iterator[bool]:
        """Hold a run; False where somebody does and this thread may not wait: they may wait for its transaction."""
        if not opened.lock.acquire(blocking=self._records.may_wait):
            yield False
            return
        try:
            yield True
        finally:
            opened.lock.release()

    def catch_up(self, segment_of: Callable[[str], str], runs: Collection[str] | None = None) -> None:
        """Take in what waits (for these runs); ``segment_of`` names the segment of this store that a run has."""
        waiting = iter(self._records.waiting.runs(runs))
        while some := list(islice(waiting, _RUNS_TOGETHER)):
            with self._records.transaction():
                taken = [self._take_in(run, segment_of(run)) for run in some]
            for stored, row, before in taken:
                self._renew(stored, row, before)

    def _take_in(self, run: str, segment: str) -> tuple[StoredRun, SegmentRow, int]:
        session = self._parts.ingest.open(run)
        before = session.stored.changed
        row = self._parts.ingest.row(session, segment)
        self._parts.ingest.take_waiting(session, row)
        return session.stored, row, before

    def _renew(self, stored: StoredRun, row: SegmentRow, before: int) -> None:
        """Go on with a run after what waited for it was taken in; ``before`` is the revision that it had then."""
        known = self.get(stored.state.run)
        if known is None:
            return
        with self._held(known) as is_held:
            if is_held and known.stored.changed == before and (known.segment, known.offset) == (row.id, row.offset):
                known.stored, known.applied = stored, row.offset
                self._records.if_undone(partial(self._forget, known))

    def begin(self, header: events.Header, facts: Sequence[Fact], at: int) -> StoredRun | None:
        """Begin a run at a time in µs UTC (0: now); None, and nothing was done, where the records may have it."""
        if _AT_ONCE & set(map(type, facts)) or any(type(fact) is Points for fact in facts):
            return None
        opened = OpenRun(StoredRun(RunState(header.run)), SegmentRow(0, header.segment), {}, {}, whole=True)
        with opened.lock:
            builder = FrameBuilder(known=opened.sets)
            now = time.time_ns() // 1000
            builder.add(header, at or now)
            if not self._keep(opened, builder, facts, min(at, now) or now):
                return None
        with self._lock:
            self._runs[header.run] = opened
        self._records.if_undone(partial(self._forget, opened))
        return opened.stored

    def begun(self, run: str, segment: str) -> tuple[StoredRun, dict[str, MetricSummary]] | None:
        """A run that nobody has read yet with its metrics, as what waits tells; None where the records have it."""
        data = self._records.waiting.begun(run, segment)
        if not data or len(data) > _MOST_READ:
            return None
        session = self._parts.ingest.open(run)
        if not session.new:
            return None  # somebody was faster
        taken = self._parts.ingest.take(session, SegmentRow(0, segment), data)
        found: dict[str, MetricSummary] = {}
        for rows in taken.batch.rows:
            add_rows(found, rows, segment)
        return None if session.stored.damage or session.rewound else (session.stored, found)

    def add(
        self, opened: OpenRun, facts: Sequence[Fact], *, later: bool = False, freely: bool = False
    ) -> StoredRun | None:
        """Add rows (`gathered`), console lines and heartbeats, and with ``later`` what can wait; the run as it is then.

        None, and nothing was done, where it takes the records to do so.
        """
        kinds = set(map(type, facts))
        if not (kinds <= _ROWS or (later and not kinds & _AT_ONCE)):
            return None
        with self._held(opened) as is_held:
            if not is_held:
                return None
            said = facts if kinds <= _ROWS else _decided(opened.stored, State(facts, freely=freely))
            if not said or not _fits(opened, said):
                return None
            sets = len(opened.sets)
            kept = False
            try:
                builder = FrameBuilder(opened.sequence, opened.chain, opened.sets)
                kept = self._keep(opened, builder, said, time.time_ns() // 1000)
            finally:
                if not kept and len(opened.sets) > sets:
                    self.drop(opened.stored.state.run)  # sets that are declared nowhere
            return opened.stored if kept else None

    def _keep(self, opened: OpenRun, builder: FrameBuilder, facts: Sequence[Fact], at: int) -> bool:
        for fact in facts:
            builder.add(fact, at)
        after, stored = builder.position(opened.offset), opened.stored
        piece = WaitingPiece(stored.state.run, stored.changed, opened.segment, opened.offset, builder.data)
        most = _MOST_ALONE if opened.offset == opened.applied else MOST_BYTES
        if after.offset - opened.applied > most or not self._records.waiting.add(piece):
            return False
        opened.offset, opened.sequence, opened.chain = after.offset, after.sequence, after.chain
        self._records.if_undone(partial(self._forget, opened))
        _move_ends(opened.ends, facts)
        opened.stored = _moved_on(stored, builder, opened.segment)
        return True


def _decided(stored: StoredRun, said: State) -> Sequence[Fact]:
    """The facts that are news of the run; none where that, or a refusal, is for the records to say."""
    if overruled(stored.overrides, said.facts) is not None:
        return ()
    try:
        return decide(said, stored.state)
    except InvalidInput:
        return ()


def _fits(opened: OpenRun, facts: Sequence[Fact]) -> bool:
    """Whether all points have a time, are of metrics whose end is known, and stand behind it."""
    if any(isinstance(fact, Points) and fact.time is None for fact in facts):
        return False
    if not opened.whole and not keys_of(facts) <= opened.ends.keys():
        return False
    return are_new(facts, opened.ends)


def _moved_on(stored: StoredRun, builder: FrameBuilder, segment: str) -> StoredRun:
    """The run with the events that were just made. Others may look at the run as it was: that one stays."""
    said = [item for item in builder.said if type(item.event) is not events.Console]
    if not said:
        return stored
    state = RunState(stored.state.run)
    vars(state).update(
        (name, value.copy() if type(value) in (dict, list) else value) for name, value in vars(stored.state).items()
    )
    state.claims = {writer: list(claims) for writer, claims in state.claims.items()}
    for at, event, frame, is_exact in said:
        if is_exact:
            apply(state, Stamp(at, segment, frame.sequence), event)
        else:
            apply(state, *decode_event(frame.payload, segment, frame.sequence))
    return StoredRun(state, stored.overrides, stored.number, stored.changed, stored.damage)


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
