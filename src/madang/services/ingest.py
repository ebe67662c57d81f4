"""Taking bytes of segments into the records: one transaction, whichever way they came."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from madang.domain import events
from madang.domain.events import Stamp
from madang.domain.held import Held, placeholder, where
from madang.domain.metrics import MetricSummary
from madang.domain.progressions import bounds
from madang.domain.run_state import RunState, apply, outcome, outcome_of_segment
from madang.domain.values import mutable
from madang.domain.versions import Entry, VersionRecord
from madang.errors import AccessDenied, Conflict, InvalidInput
from madang.formats.journal import KeySet, Position, decode_event, read_frames
from madang.formats.rows import Batch, decode
from madang.formats.zstd import compress
from madang.ports.records import SEARCHED, KeySetRow, Records, SegmentRow, StoredRun
from madang.services.history import History
from madang.services.model_registry.stages import commit
from madang.services.rows import JSON, Encode, RunRows
from madang.services.run_events import RunEvents
from madang.services.sealing import SEAL_FROM, joined, seal
from madang.services.summaries import add_rows, visible
from madang.services.written_versions import entries_of, version_of, without_late

if TYPE_CHECKING:  # who only reads segments does not pay for what writes them
    from madang.formats.frames import FrameBuilder
    from madang.services.model_registry.judge import Judge

_TOUCHES: dict[type, str] = {
    events.Config: "params",
    events.Tags: "tags",
    events.Summary: "summary",
    events.DefineMetric: "definitions",
    events.Use: "data",
    events.Inputs: "data",
    events.Dataset: "datasets",
}
_DECISIVE = (events.Finished, events.Status, events.VersionWritten)

UNREADABLE = "unreadable"
"""The project under which runs stand whose segments are damaged from their first byte."""


@mutable
class Taken:
    """What a piece of a segment brought."""

    row: SegmentRow
    batch: Batch
    position: Position
    fresh: bool  # the first piece of its segment


@mutable
class RunSession:
    """A run that is being changed inside one transaction."""

    stored: StoredRun
    touched: set[str] = field(default_factory=set)
    summaries: dict[str, MetricSummary] = field(default_factory=dict)
    known: dict[str, MetricSummary] | None = None  # what is stored of the metrics that come, where it was read
    rewound: bool = False
    new: bool = False
    unread: bool = False  # stored, and no segment of it was ever read
    dirty: bool = False  # changed after `begin`
    may_point: bool = True  # whether its versions may bring aliases
    was_over: bool = False  # before; only looked at where a webhook hears of runs


class Ingest:
    """Applies pieces of segments to a run. Every method is called inside a transaction."""

    def __init__(
        self,
        records: Records,
        history: History,
        *,
        local: bool,
        encode: Encode | None = None,
        judge: Callable[[], Judge | None] = lambda: None,
    ) -> None:
        """``encode`` makes the rows of lists in advance, in the form `services.rows.JSON`."""
        self._judge = judge
        self._records = records
        self._rows = RunRows(records)
        self._webhooks = RunEvents(records, local=local)
        self._encode = encode
        self._history = history
        self._local = local  # the segments are this machine's own files, and the blobs they name lie beside them

    def open(self, run: str) -> RunSession:
        """The run as stored, or a new one."""
        stored = self._records.runs.get(run)
        if stored is None:
            return RunSession(StoredRun(RunState(run)), set(SEARCHED), new=True)
        session = RunSession(stored, was_over=self._webhooks.is_over(stored))
        if stored.damage and not self._records.segments.of_run(stored.number):
            session.unread = True
        return session

    def renew(self, session: RunSession) -> None:
        """Forget what stood for a run while a hub held all of it: its segments are read now."""
        if session.unread:
            stored = session.stored
            stored.state = RunState(stored.state.run)
            session.touched.update(SEARCHED)
            session.unread = False

    def tell_held(self, run: str, held: Held, here: Collection[str]) -> None:
        """Say on a run which segments a hub holds that are neither read nor ``here``, so that none is lost silently."""
        marks = {item.id: where(run, item.hub) for item in held.segments if item.id not in here}
        if not marks:
            return
        session = self.open(run)
        if session.new:
            session.stored.state = placeholder(run, held)
        if marks.items() - session.stored.damage.items():
            session.stored.damage.update(marks)
            self.begin(session)

    @staticmethod
    def began(data: bytes, segment: str) -> int:
        """When a segment with these first bytes was begun, µs UTC; after all others when they do not say it."""
        first = _first(data, segment)
        return first[0].time if first else 1 << 63

    def row(self, session: RunSession, segment: str) -> SegmentRow:
        """How far a segment is read; a new row when it is unknown."""
        number = session.stored.number
        known = self._records.segments.get(number, segment) if number else None
        return known or SegmentRow(number, segment)

    def take(
        self,
        session: RunSession,
        row: SegmentRow,
        data: bytes,
        own: tuple[FrameBuilder, dict[int, KeySet]] | None = None,
    ) -> Taken:
        """Read the whole frames of ``data``, which begins at the row's offset. Nothing is stored yet.

        ``own`` is what has just made them, with the key sets before: they need not be verified.
        """
        position = Position(row.offset, row.sequence, row.chain, row.damage)
        if not row.number:
            session.stored.damage.pop(row.id, None)  # it said that a hub holds the segment; now it is here
        if not row.offset and data and not _begins(data, session.stored.state.run, row.id):
            position.damage = "it does not begin with its own header"
            session.stored.damage[row.id] = position.damage
            return Taken(row, Batch(), position, not row.number)
        if own is not None:
            builder, keysets = own
            frames, position = builder.frames, builder.position(row.offset)
        else:
            keysets = self._history.keysets(row, row.sequence) if row.number else {}
            frames = read_frames(data, position)
        batch = decode(frames, row.id, keysets)
        if own is not None:
            batch.rows += own[0].rows
            batch.last = max([batch.last, *(bounds(rows.times)[1] for rows in own[0].rows)])
        if position.damage:
            session.stored.damage[row.id] = position.damage
        state = session.stored.state
        for stamp, event in batch.events:
            apply(state, stamp, event)
            self._touch(session, event)
        if row.id in state.segments:
            known = state.segments[row.id]
            known.seen = max(known.seen, batch.last)
        return Taken(row, batch, position, not row.number)

    def take_waiting(self, session: RunSession, row: SegmentRow) -> bool:
        """Take in what a hub's own segment has beyond the row; whether there was anything. The session is over then."""
        data = self._records.waiting.take(session.stored.state.run, row.id)
        if data:
            taken = self.take(session, row, data)
            self.store(
                session, [(taken, outcome_of_segment(session.stored.state, row.id) is not None)], data, listed=False
            )
        return bool(data)

    def _touch(self, session: RunSession, event: events.Event) -> None:
        kind = type(event)
        if kind in _TOUCHES:
            session.touched.add(_TOUCHES[kind])
        elif isinstance(event, events.Removed):
            session.touched.update({"params", "tags", "summary"})
        elif isinstance(event, events.Rewound):
            session.rewound = True

    def store(
        self, session: RunSession, pieces: Sequence[tuple[Taken, bool]], raw: bytes = b"", *, listed: bool = True
    ) -> None:
        """Keep pieces that were taken, each with whether its segment is over; on a hub also their bytes, ``raw``.

        ``listed`` has the row of the run made now for those who ask for lists; else it is made when they do.

        Raises:
            Conflict: another process was faster; nothing may be kept then.
        """
        if not pieces:
            return
        state = session.stored.state
        if not state.segments:  # no header could be read: shown as damaged, or nobody would know of the run
            if not session.stored.damage:
                return
            state.project = state.project or UNREADABLE
        self.begin(session)
        for taken, ended in pieces:
            if not self._keep(session, taken, ended=ended, raw=raw):
                raise Conflict(f"Another process reads run {session.stored.state.run} at the same time.")
        self._close(session)
        found = [item for taken, _ in pieces for item in taken.batch.events]
        self._note_end(session, found)
        self._webhooks.announce(session.stored, found, was_over=session.was_over)
        if listed and self._encode is not None:
            self._rows.renew(session.stored.number, JSON, self._encode)

    def _note_end(self, session: RunSession, found: Sequence[tuple[Stamp, events.Event]]) -> None:
        """Have the models of a run judged that has ended, or made more of them, or was repeated."""
        judge = self._judge()
        if judge is None:
            return
        decisive = [stamp.time for stamp, event in found if isinstance(event, _DECISIVE)]
        if decisive and outcome(session.stored.state).status != "running":
            judge.note(session.stored, max(decisive))
        for stamp, event in found:
            if isinstance(event, events.Verdict):
                judge.note(session.stored, stamp.time, event.of)

    def _keep(self, session: RunSession, taken: Taken, *, ended: bool, raw: bytes = b"") -> bool:
        """Store the position, key sets and rows of a piece; on a hub also its bytes, ``raw``.

        False when another process was faster: roll back then.
        """
        row, batch, position = taken.row, taken.batch, taken.position
        batch.rows = joined(batch.rows)
        finished = outcome_of_segment(session.stored.state, row.id) is not None
        before = None if taken.fresh else row.offset
        was = replace(row)
        row.run = session.stored.number
        row.offset, row.sequence, row.chain = position.offset, position.sequence, position.chain
        row.damage, row.ended = position.damage, row.ended or ended or bool(position.damage)
        row.rows += sum(len(rows.steps) for rows in batch.rows) + len(batch.console)
        sealing = row.rows >= SEAL_FROM or (row.rows > 0 and (row.ended or finished))
        if sealing:
            row.rows = 0
            row.sealed_offset, row.sealed_sequence, row.sealed_chain = row.offset, row.sequence, row.chain
        if not self._records.segments.put(row, before):
            return False
        self._keep_keysets(row, batch)
        new = raw[: row.offset - was.offset]
        if sealing:
            self._seal(session, was, row, batch, new)
        elif new:
            self._records.segments.add_piece(row.number, was.offset, new)
        self._keep_blobs(session, batch)
        for rows in batch.rows:
            add_rows(session.summaries, visible(rows, row.id, session.stored.state.rewinds), row.id)
        return True

    def _seal(self, session: RunSession, was: SegmentRow, row: SegmentRow, batch: Batch, new: bytes) -> None:
        """Move what was not sealed, and the new rows, to a chunk; on a hub pack their bytes into one piece."""
        before = self._history.raw(session.stored.state.run, was, was.sealed_offset, was.offset)
        earlier = [self._history.tail(session.stored.state.run, was, before)] if was.rows else []
        seal(self._records, row, was.sealed_sequence, [*earlier, batch])
        if new:
            plain = before + new
            self._records.segments.add_packed(row.number, was.sealed_offset, len(plain), compress(plain))

    def _keep_keysets(self, row: SegmentRow, batch: Batch) -> None:
        if batch.keysets:
            names = list(dict.fromkeys(name for _, item in batch.keysets for name in item.names))
            numbers = self._records.segments.numbers(names, create=True)
            self._records.segments.add_keysets(
                row.number,
                [
                    KeySetRow(sequence, item.id, tuple(numbers[name] for name in item.names), item.types)
                    for sequence, item in batch.keysets
                ],
            )

    def _keep_blobs(self, session: RunSession, batch: Batch) -> None:
        versions, state = self._records.versions, session.stored.state
        digests = [digest for _, event in batch.events for digest in blobs_of(event)]
        # On a hub a segment's word is not enough: whoever names a digest would read another project's bytes.
        if digests and self._local:
            versions.hold_blobs(state.project, digests)
        for stamp, event in batch.events:
            if isinstance(event, events.VersionWritten):
                origin = (f"{state.run}/{stamp.segment}", stamp.sequence)
                try:
                    made = version_of(state, stamp, event)
                    if made.aliases and not session.may_point:
                        names = ", ".join(made.aliases)
                        self._mark(session, stamp, f"a credential for one run moves no alias, so not {names}")
                        made = replace(made, aliases=())
                    made, late = without_late(self._records, made)
                    if late:
                        self._mark(session, stamp, late)
                    self._commit(session, stamp, made, entries_of(event), origin)
                except (InvalidInput, Conflict) as error:  # what was written stays in the segment; the run says so
                    self._mark(session, stamp, error.message)

    def _commit(
        self, session: RunSession, stamp: Stamp, made: VersionRecord, entries: list[Entry], origin: tuple[str, int]
    ) -> None:
        try:
            commit(self._records, made, entries, origin)
        except AccessDenied as error:  # the version is made all the same; its aliases stay where they are
            self._mark(session, stamp, error.message)
            commit(self._records, replace(made, aliases=()), entries, origin)

    @staticmethod
    def _mark(session: RunSession, stamp: Stamp, reason: str) -> None:
        session.stored.damage[f"{stamp.segment}:{stamp.sequence}"] = reason
        session.dirty = True

    def begin(self, session: RunSession) -> None:
        """Store the run itself, so that its segments can refer to it."""
        self._records.runs.put(session.stored, session.touched)

    def _close(self, session: RunSession) -> None:
        """Store the summaries, after all pieces are kept."""
        runs, stored = self._records.runs, session.stored
        if session.dirty:
            runs.put(stored, ())
        if session.rewound:
            summaries: dict[str, MetricSummary] = {}
            for segment, rows in self._history.rows(stored):
                add_rows(summaries, rows, segment)
            runs.put_metrics(stored, summaries, replace=True)
            return
        if session.summaries:
            if not session.new:
                self._add_known(session)
            runs.put_metrics(stored, session.summaries)

    def _add_known(self, session: RunSession) -> None:
        """Merge what is stored of the same metrics into the summaries of the session."""
        number, fresh = session.stored.number, session.summaries
        known = session.known
        if known is None:
            known = self._records.runs.metrics([number], list(fresh), 1 << 40)[number]
        for key, summary in known.items():
            if key in fresh:
                fresh[key].merge(summary)


def _begins(data: bytes, run: str, segment: str) -> bool:
    """Whether a segment's first bytes are its header, or the torn beginning of one."""
    first = _first(data, segment)
    if first is None:
        return True
    event = first[1]
    return isinstance(event, events.Header) and (event.run, event.segment) == (run, segment)


def _first(data: bytes, segment: str) -> tuple[Stamp, events.Event] | None:
    found = read_frames(data[: 24 + int.from_bytes(data[:4], "little")], Position())
    return decode_event(found[0].payload, segment, 0) if found else None


def blobs_of(event: events.Event) -> list[str]:
    """Digests of the blobs that an event makes part of its run."""
    match event:
        case events.File(digest=digest):
            return [digest]
        case events.Outputs(items=items):
            return [item.digest for item in items]
        case events.VersionWritten(entries=entries):
            return [digest for _, digest, _ in entries]
        case events.Code(diff=diff, untracked=untracked):
            return [item.digest for item in [diff, *untracked] if item is not None]
        case _:
            return []
