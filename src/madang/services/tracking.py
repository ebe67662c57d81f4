"""Tracking: what runs write becomes records, and what others change about runs."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from madang.domain.access import Permission, Principal, require
from madang.domain.ids import check_id
from madang.domain.runs import RunChange, RunRecord, record
from madang.errors import Conflict, NotFound
from madang.ports.records import Records, StoredRun
from madang.ports.segments import SegmentFile, SegmentFiles
from madang.services.history import History
from madang.services.ingest import Ingest, RunSession, Taken

_PIECE = 16 << 20  # bytes of one segment that one transaction takes


@dataclass(frozen=True)
class SegmentPosition:
    """How much of a segment the store has. ``chain`` is hex; all zero when it has nothing."""

    offset: int
    sequence: int
    chain: str
    size: int
    sealed: bool


class Tracking:
    """The writing side of runs. Thread-safe; several processes may work on one store at once.

    ``files`` are the segment files of a workspace; a hub has none and gets its bytes by `append`.
    """

    def __init__(self, records: Records, files: SegmentFiles | None = None) -> None:
        self._records = records
        self._files = files
        self.history = History(records, files)
        self._ingest = Ingest(records, self.history)

    def catch_up(self, runs: Collection[str] | None = None) -> None:
        """Take what segment files (of these runs) hold and the records do not yet. Nothing happens on a hub."""
        if self._files is None:
            return
        known = {(run, row.id): row.offset for run, row in self._records.segments.open()}
        found: dict[str, list[SegmentFile]] = {}
        for file in self._files.unread(known, runs):
            found.setdefault(file.run, []).append(file)
        for run, files in found.items():
            while self._catch_up_run(run, files):
                pass

    def _catch_up_run(self, run: str, files: list[SegmentFile]) -> bool:
        """One transaction of one run; True when there may be more to read."""
        assert self._files is not None
        more = False
        with self._records.transaction():
            session = self._ingest.open(run)
            pieces: list[tuple[Taken, bool]] = []
            for file in files:
                row = self._ingest.row(session, file.segment)
                if row.ended or (row.offset >= file.size and row.number):
                    continue
                data = self._files.read(run, file.segment, row.offset, _PIECE)
                whole = len(data) < _PIECE
                more = more or not whole
                taken = self._ingest.take(session, row, data)
                if taken.position.offset > row.offset or taken.position.damage:
                    pieces.append((taken, whole and not file.live))
            self._store(session, pieces)
        return more

    def _store(self, session: RunSession, pieces: list[tuple[Taken, bool]]) -> None:
        if not pieces or not session.stored.state.segments:
            return
        self._ingest.begin(session)
        for taken, ended in pieces:
            if not self._ingest.keep(session, taken, ended=ended):
                raise Conflict(f"Another process reads run {session.stored.state.run} at the same time.")
        self._ingest.close(session)

    def change(self, who: Principal, run: str, change: RunChange, expected: int | None = None) -> RunRecord:
        """Change a run from outside. With ``expected``, only if its revision is still that.

        Raises:
            NotFound: no such run.
            Conflict: somebody else changed it meanwhile.
        """
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

    def segment(self, who: Principal, run: str, segment: str) -> SegmentPosition:
        """How much of a segment the store has; zeros when it does not know it."""
        check_id(run), check_id(segment, "segment")
        stored = self._records.runs.get(run)
        if stored is None:
            return SegmentPosition(0, 0, bytes(16).hex(), 0, False)
        require(who, Permission.READ, stored.state.project)
        row = self._records.segments.get(stored.number, segment)
        if row is None:
            return SegmentPosition(0, 0, bytes(16).hex(), 0, False)
        sealed = row.sealed_offset == row.offset
        return SegmentPosition(row.offset, row.sequence, row.chain.hex(), row.offset, sealed)

    def _known(self, who: Principal, run: str, needed: Permission) -> StoredRun:
        stored = self._records.runs.get(run)
        if stored is None or who.level(stored.state.project) < Permission.READ:
            raise NotFound(f"There is no run {run!r}.", hint="List runs with `madang runs`.")
        require(who, needed, stored.state.project)
        return stored
