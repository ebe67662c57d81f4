"""Tracking: what runs write becomes records, and what others change about runs."""

from __future__ import annotations

import time
from _blake2 import blake2b  # hashlib loads OpenSSL for it
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from madang.domain import events
from madang.domain.access import Permission, Principal, require
from madang.domain.columns import gathered, keys_of
from madang.domain.commands import Command, CreateRun, Fact, Log, Rewind, State, decide
from madang.domain.ids import check_id, new_id
from madang.domain.metrics import MetricSummary
from madang.domain.run_state import outcome, outcome_of_segment
from madang.domain.runs import RunChange, RunRecord, record
from madang.errors import AccessDenied, Conflict, InvalidInput, NotFound
from madang.formats.frames import FrameBuilder, numbers_of
from madang.formats.journal import KeySet
from madang.ports.records import Records, SegmentRow, StoredRun
from madang.ports.segments import SegmentFiles
from madang.services.catching_up import CatchingUp, OnDemand
from madang.services.open_runs import OpenRuns
from madang.services.pieces import SegmentPosition, beyond, position_of
from madang.services.reported import logged, make_way, unknown
from madang.services.taken_ids import refuse_elsewhere, refuse_taken

if TYPE_CHECKING:  # a command that finds nothing unread does not pay for what reads segments
    from madang.services.history import History
    from madang.services.ingest import RunSession
    from madang.services.model_registry.judge import Judge


class Tracking:
    """The writing side of runs. Thread-safe; several processes may work on one store at once.

    ``files`` are the segment files of a workspace; a hub has none and gets its bytes by `append`. ``host`` is this
    machine's name as runs record it (found when None): only here can it be told whether a run's writer still lives.
    """

    def __init__(
        self, records: Records, parts: OnDemand, files: SegmentFiles | None = None, host: str | None = None
    ) -> None:
        self._records = records
        self._parts = parts
        self._files = files
        self._open_runs = OpenRuns(records, parts)
        self._store = b""  # the name of this store, once it is known
        self._catching_up = CatchingUp(records, files, parts, host) if files is not None else None

    @property
    def history(self) -> History:
        """Points and console lines of runs."""
        return self._parts.history

    def catch_up(self, runs: Collection[str] | None = None) -> None:
        """Take in what segment files (of these runs) hold and the records do not yet; on a hub, what edges have added.

        A writer of this host that is gone without a word gets the outcome `crashed`, once and for all.
        """
        if self._catching_up is not None:
            self._catching_up.catch_up(runs)
            self._settle()
        else:
            self._open_runs.catch_up(self._edge_segment, runs)
            self._settle()

    def begun(self, run: str) -> tuple[StoredRun, dict[str, MetricSummary]] | None:
        """A run that waits on a hub to be read for the first time, with its metrics; to look at it takes nothing in."""
        if self._catching_up is not None:
            return None
        return self._open_runs.begun(run, self._edge_segment(run))

    @property
    def judge(self) -> Judge | None:
        """Who judges the models of runs that have ended."""
        return self._parts.judge

    @judge.setter
    def judge(self, judge: Judge) -> None:
        self._parts.judge = judge

    def _settle(self) -> None:
        if self._parts.judge is not None:
            self._parts.judge.settle()

    def version_made(self, run: str) -> None:
        """Have the models of a run judged if it has ended already: one was made of it just now."""
        if run and self._parts.judge is not None:
            for stored in self._records.runs.fetch([run]):
                if outcome(stored.state).status != "running":
                    self._parts.judge.note(stored, time.time_ns() // 1000)
            self._settle()

    # From the network

    def segment(self, who: Principal, run: str, segment: str) -> SegmentPosition:
        """How much of a segment the store has; zeros when it does not know it, or the caller may not know."""
        row = self._segment(who, run, segment)
        return position_of(SegmentRow(0, segment) if row is None else row)

    @property
    def holds_bytes(self) -> bool:
        """Whether this store keeps the bytes of segments itself, as a hub does, and not in the files of its runs."""
        return self._files is None

    def segment_bytes(self, who: Principal, run: str, segment: str, offset: int, limit: int) -> bytes:
        """The bytes of a segment from ``offset`` on, at most ``limit``; empty at its end.

        Raises:
            NotFound: no such segment of a run that the caller may read.
        """
        row = self._segment(who, run, segment)
        if row is None:
            raise NotFound("There is no such segment.", hint="List runs with `madang runs`.")
        return self.history.raw(run, row, offset, min(offset + limit, row.offset))

    def _segment(self, who: Principal, run: str, segment: str) -> SegmentRow | None:
        check_id(run)
        check_id(segment, "segment")
        if self.holds_bytes:
            self.catch_up([run])
        stored = self._records.runs.get(run)
        if stored is None or who.level(stored.state.project) < Permission.READ:
            return None
        return self._records.segments.get(stored.number, segment)

    def append(
        self, who: Principal, project: str, run: str, segment: str, offset: int, chain: str, data: bytes
    ) -> SegmentPosition:
        """Take bytes of a segment that begin at ``offset``, where the chain is ``chain`` (hex), and apply them.

        Whole frames are taken; a frame that is cut at the end is left, and the position returned says where to go on.
        Bytes that the store has already are compared by their chain and passed over, so that a retry does no harm.

        Raises:
            Conflict: ``offset`` is beyond what the store has; the message says where to begin.
            Diverged: another history is stored under this id.
            InvalidInput: the bytes are no frames, or of another run, segment or project.
        """
        check_id(run)
        check_id(segment, "segment")
        require(who, Permission.WRITE, project, {who.run})  # whose run it is is asked below
        if self.holds_bytes:
            self.catch_up([run])
        with self._records.transaction():
            session = self._parts.ingest.open(run)
            session.may_point = not who.run
            if not session.new:
                refuse_taken(who, project, session.stored)
                self._allow(who, run, session.stored, Permission.WRITE)
                refuse_elsewhere(project, session.stored)
            row = self._parts.ingest.row(session, segment)
            if segment == self._edge_segment(run) and self._parts.ingest.take_waiting(session, row):
                session = self._parts.ingest.open(run)
                session.may_point = not who.run
            fresh = beyond(row, offset, chain, data)
            if fresh:
                self._take(who, project, session, row, fresh)
        self._settle()
        return position_of(row)

    def _take(self, who: Principal, project: str, session: RunSession, row: SegmentRow, fresh: bytes) -> None:
        taken = self._parts.ingest.take(session, row, fresh)
        state = session.stored.state
        if taken.position.damage:
            raise InvalidInput(f"Segment {row.id} of run {state.run}: {taken.position.damage}.")
        refuse_elsewhere(project, session.stored)
        self._allow(who, state.run, session.stored, Permission.WRITE)  # of a new run only its bytes tell the parent
        if taken.position.offset > row.offset:
            over = outcome_of_segment(state, row.id) is not None
            self._parts.ingest.store(session, [(taken, over)], fresh)

    # From outside the training process

    def create(self, who: Principal, project: str, command: CreateRun, *, later: bool = False) -> RunRecord:
        """Begin a run that no process of ours writes. With ``later`` a hub takes it in when somebody reads.

        Raises:
            Conflict: a run with this id exists.
        """
        run = check_id(command.id) if command.id else new_id()
        require(who, Permission.WRITE, project, {run, command.parent})
        command = replace(command, id=run, user=command.user or who.name)
        begun = self._begun(who, project, run, command) if later and self._catching_up is None else None
        stored = begun or self._command(who, project, run, command)
        return record(stored.state, stored.overrides)

    def _begun(self, who: Principal, project: str, run: str, command: CreateRun) -> StoredRun | None:
        header = _header(command, run, self._edge_segment(run), project, who)
        return self._open_runs.begin(header, decide(command, None), command.time)

    def log(self, who: Principal, run: str, command: Log | Rewind) -> RunRecord:
        """Add to a run that has not ended.

        Raises:
            NotFound: no such run.
            Conflict: it has ended.
            InvalidInput: a key, step or status makes no sense.
        """
        stored = self._command(who, "", run, command)
        return record(stored.state, stored.overrides)

    def state(
        self, who: Principal, run: str, facts: Sequence[Fact], *, freely: bool = False, later: bool = False
    ) -> StoredRun:
        """Add what the client of another protocol says of its run, also of one that has ended.

        A point that the run has already (key, step, time and value) is passed over. What was changed from outside
        before gives way to what is said now. ``freely``: parameters change, and a deleted run goes on taking in.
        A hub takes points, console lines and heartbeats in when somebody reads; with ``later``, what else can wait.

        Raises:
            NotFound: no such run.
            InvalidInput: it is deleted, or a parameter has another value already.
        """
        facts = gathered(facts)
        opened = self._open_runs.get(run)
        if opened is not None and self._is_open_to(who, opened.stored, freely):
            added = self._open_runs.add(opened, facts, later=later, freely=freely)
            if added is None and opened.waits:  # too much, maybe: what is new can wait where all else is taken in
                self.catch_up([run])
                added = self._open_runs.add(opened, facts, later=later, freely=freely)
            if added is not None:
                return added
        return self._command(who, "", run, State(facts, freely=freely))

    def _is_open_to(self, who: Principal, stored: StoredRun, freely: bool) -> bool:
        with suppress(NotFound, AccessDenied):
            self._allow(who, stored.state.run, stored, Permission.WRITE)
            return freely or not stored.overrides.deleted_at
        return False

    def _command(self, who: Principal, project: str, run: str, command: Command) -> StoredRun:
        """Decide and write; ``project`` is that of a run to be made, and empty for one that is there."""
        if self._catching_up is not None:
            self.catch_up([run] if not project else [])
        stored = self._written(who, project, run, command)
        self._settle()
        return stored

    def _written(self, who: Principal, project: str, run: str, command: Command) -> StoredRun:
        with self._records.transaction():
            session = self._parts.ingest.open(run)
            changed = session.stored.changed
            row = self._parts.ingest.row(session, self._edge_segment(run))
            if self.holds_bytes and self._parts.ingest.take_waiting(session, row):
                session = self._parts.ingest.open(run)
            stored, start = session.stored, row.offset
            project = self._place_of(who, project, run, session, command)
            if isinstance(command, State):
                session.known = logged(self._records, stored, command.facts)
                command = replace(command, facts=unknown(self.history, stored, command.facts, session.known))
                make_way(self._records, who, stored, command.facts)
            step, line = self._next(session, row, command)
            facts = decide(command, None if session.new else stored.state, next_step=step, next_line=line)
            if not facts:
                return stored
            keysets = self._keysets(row, facts)
            made = _frames(row, facts, keysets, _header(command, run, row.id, project, who), command.time)
            if self._files is not None:
                self._files.append(run, row.id, row.offset, made.data)
            taken = self._parts.ingest.take(session, row, made.data, (made, keysets))
            over = outcome_of_segment(stored.state, row.id) is not None
            listed = over and not isinstance(command, State)  # clients of other protocols ask for other forms
            self._parts.ingest.store(session, [(taken, over)], made.data, listed=listed)
        if self._catching_up is None:
            sets = numbers_of(keysets) if keys_of(facts) or not start else None
            self._open_runs.remember(stored, row, sets, session.summaries, (changed, start))
        return stored

    def _place_of(self, who: Principal, project: str, run: str, session: RunSession, command: Command) -> str:
        """The project of the run that a command is for, after it was found that the caller may."""
        if project:
            if not session.new:
                refuse_taken(who, project, session.stored)
            return project
        if session.new:
            raise _no_run(run)
        self._allow(who, run, session.stored, Permission.WRITE)
        if isinstance(command, State) and session.stored.overrides.deleted_at and not command.freely:
            raise InvalidInput(f"The run {run} must be in the 'active' state. Current state is deleted.")
        return session.stored.state.project

    def _keysets(self, row: SegmentRow, facts: Sequence[Fact]) -> dict[int, KeySet]:
        """Those that are declared in the segment already, as far as the facts need any."""
        if not row.number or not keys_of(facts):
            return {}
        return self.history.keysets(row, row.sequence)

    def _next(self, session: RunSession, row: SegmentRow, command: Command) -> tuple[int, int]:
        """The step and the console line that come next."""
        step, line = 0, 1
        if isinstance(command, Log) and not session.new:
            number = session.stored.number
            if command.metrics and command.step is None:
                found = self._records.runs.metrics([number], list(command.metrics), 1 << 20)[number]
                step = 1 + max((item.last_at[0] for item in found.values()), default=-1)
            if command.console:
                line = 1 + max(self.history.console(session.stored).get(row.id, {0: None}))
        return step, line

    def _edge_segment(self, run: str) -> str:
        """The id of this store's own segment of a run."""
        if not self._store:
            settings = self._records.settings
            mine = settings.get("store")
            if mine is None:
                return _edge_segment(run, self._named())  # remembered when this transaction has succeeded
            self._store = mine
        return _edge_segment(run, self._store)

    def _named(self) -> bytes:
        """The name of this store, which the first of its processes gives it."""
        with self._records.transaction():
            known = self._records.settings.get("store")
            if known is None:
                known = new_id().encode()
                self._records.settings.set("store", known)
        return known

    def change(self, who: Principal, run: str, change: RunChange, expected: int | None = None) -> RunRecord:
        """Change a run from outside. With ``expected``, only if its revision is still that.

        Raises:
            NotFound: no such run.
            Conflict: somebody else changed it meanwhile.
        """
        self.catch_up([run])
        now = time.time_ns() // 1000
        with self._records.transaction():
            stored = self._known(who, run, Permission.WRITE)
            overrides = stored.overrides
            if expected is not None and overrides.revision != expected:
                raise Conflict(
                    f"Run {run} was changed meanwhile: its revision is {overrides.revision}, not {expected}.",
                    hint="Read it again, then decide.",
                )
            overrides.fold(change, now)
            self._records.runs.put(stored, {"tags"})
            self._records.runs.add_change(run, change, who.name, now, overrides.revision)
        return record(stored.state, overrides)

    def _known(self, who: Principal, run: str, needed: Permission) -> StoredRun:
        stored = self._records.runs.get(run)
        if stored is None:
            raise _no_run(run)
        self._allow(who, run, stored, needed)
        return stored

    def _allow(self, who: Principal, run: str, stored: StoredRun, needed: Permission) -> None:
        if who.level(stored.state.project) < Permission.READ:
            raise _no_run(run)
        require(who, needed, stored.state.project, family(stored))


def family(stored: StoredRun) -> set[str]:
    """A run and its parent: a credential for either may change it."""
    return {stored.state.run, stored.state.scalars.get("parent", (None, ""))[1]}


def _no_run(run: str) -> NotFound:
    return NotFound(f"There is no run {run[:80]!r}.", hint="List runs with `madang runs`.")


def _header(command: Command, run: str, segment: str, project: str, who: Principal) -> events.Header:
    if isinstance(command, CreateRun):
        return events.Header(run, segment, project, "edge", host=command.host, user=command.user)
    return events.Header(run, segment, project, "edge", user=who.name)


def _frames(
    row: SegmentRow, facts: Sequence[Fact], keysets: dict[int, KeySet], header: events.Header, at: int
) -> FrameBuilder:
    builder = FrameBuilder(row.sequence, row.chain, numbers_of(keysets))
    now = time.time_ns() // 1000
    if not row.offset:
        builder.add(header, at or now)
    for fact in gathered(facts):
        builder.add(fact, min(at, now) or now)  # a client's clock ahead must not outdo what is said later
    return builder


def _edge_segment(run: str, store: bytes) -> str:
    return blake2b(b"edge " + run.encode() + b" " + store, digest_size=16).hexdigest()
