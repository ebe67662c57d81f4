"""Catching up: what segment files hold and the records do not yet, found without reading what is known already."""

from __future__ import annotations

import errno
import os
from _blake2 import blake2b  # hashlib loads OpenSSL for it
from collections.abc import Collection
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from madang.domain import events
from madang.domain.ids import is_id
from madang.domain.run_state import PRIMARY, RunState, outcome_of_segment
from madang.errors import StorageError
from madang.formats.frames import FrameBuilder
from madang.ports.records import SEARCHED, Records, SegmentRow
from madang.ports.segments import SegmentFile, SegmentFiles

if TYPE_CHECKING:  # a command that finds nothing unread does not pay for what reads segments
    from madang.services.history import History
    from madang.services.ingest import Ingest, RunSession, Taken
    from madang.services.model_registry.judge import Judge

_MAY_NOT = (errno.EROFS, errno.EACCES, errno.EPERM)
_HEADER = 4096  # bytes in which the header of a segment lies; a longer one only loses its place in an order
_PIECE = 16 << 20  # bytes of one segment that one transaction takes
_SHELVES = "shelves"  # the setting that says which folders of runs are read
_RUNS_TOGETHER = 50  # short runs that share one transaction, for a store that is read anew


class OnDemand(Protocol):
    """What reads points and takes segments in, each loaded when it is first asked for."""

    @property
    def history(self) -> History:
        """Points and console lines of runs."""
        ...

    @property
    def ingest(self) -> Ingest:
        """Bytes of segments become records."""
        ...

    judge: Judge | None
    """Who judges the models of runs that end; None while records are made anew."""


class CatchingUp:
    """Reads the segment files of a workspace into the records. Thread-safe, as `Tracking` is."""

    def __init__(self, records: Records, files: SegmentFiles, parts: OnDemand, host: str | None) -> None:
        """``host`` is this machine's name as runs record it; found when None."""
        self._records = records
        self._files = files
        self._parts = parts
        self._host = os.uname().nodename if host is None else host
        self._elsewhere: dict[tuple[str, str], int] = {}  # sizes of segments whose writer's life cannot be told here

    def catch_up(self, runs: Collection[str] | None = None) -> None:
        """Take in what segment files (of these runs) hold and the records do not yet.

        A writer of this host that is gone without a word gets the outcome `crashed`, once and for all. Segments of the
        runs named whose end could not be read are tried again: somebody may have restored them.
        """
        if runs is not None:
            self._read({run: self._unread(run, again=True) for run in dict.fromkeys(runs)})
            return
        state = self._records.settings.get(_SHELVES) or b""
        shelves = self._files.changed(state)
        open_runs = dict.fromkeys(run for run, _ in self._records.segments.open())
        self._read(
            {run: self._unread(run) for run in [*open_runs, *(run for run in shelves.runs if run not in open_runs)]}
        )
        if shelves.state != state:
            with self._records.transaction():
                self._records.settings.set(_SHELVES, shelves.state)

    def _unread(self, run: str, *, again: bool = False) -> list[SegmentFile]:
        """Segments of a run that have more than the records know, or whose writer has gone; ``again`` damaged ones."""
        files = self._files.of_run(run) if is_id(run) else []
        known = self._records.segments.known(run) if files else {}
        if not known and is_id(run) and (held := self._files.held(run)) is not None:
            with self._records.transaction():
                read = self._records.segments.known(run)
                self._parts.ingest.tell_held(run, held, {*read, *(file.segment for file in files)})
        unread = []
        for file in files:
            size, ended, damaged = known.get(file.segment, (-1, False, False))
            silent = file.live or self._elsewhere.get((run, file.segment)) == file.size
            if file.size > size or not (ended or silent) or (again and damaged):
                unread.append(file)
        return unread

    def _read(self, found: dict[str, list[SegmentFile]]) -> None:
        unread = [(run, files) for run, files in found.items() if files]
        if len(unread) > 1:  # versions are numbered as they come in
            unread.sort(key=lambda item: min(map(self._began, item[1])))
        waiting = iter(unread)
        while some := list(islice(waiting, _RUNS_TOGETHER)):
            with self._records.transaction():
                more = [(run, files) for run, files in some if self._catch_up_run(run, files)]
            for run, files in more:
                while self._catch_up_run(run, files):
                    pass

    def _began(self, file: SegmentFile) -> int:
        return self._parts.ingest.began(self._files.read(file.run, file.segment, 0, _HEADER), file.segment)

    def _catch_up_run(self, run: str, files: list[SegmentFile]) -> bool:
        """One transaction of one run; True when there may be more to read."""
        more = False
        with self._records.transaction():
            session = self._parts.ingest.open(run)
            self._parts.ingest.renew(session)
            pieces: list[tuple[Taken, bool]] = []
            for file in files:
                row = self._parts.ingest.row(session, file.segment)
                was_damaged = bool(row.damage)
                if was_damaged:
                    _try_again(session, row)
                data = self._files.read(run, file.segment, row.offset, _PIECE)
                whole = len(data) < _PIECE
                more = more or not whole
                taken = self._parts.ingest.take(session, row, data)
                if was_damaged and taken.position.offset == row.offset:
                    continue
                over = whole and not file.live and self._over(session, file.segment)
                if whole and not over and not file.live:
                    self._elsewhere[run, file.segment] = file.size
                size = row.offset + len(data)
                if size > row.size or was_damaged or taken.position.damage or over > row.ended:
                    row.size = size
                    pieces.append((taken, over))
            self._parts.ingest.store(session, pieces)
            lost = [taken.row.id for taken, over in pieces if over and self._is_lost(session, taken.row.id)]
        stated = [self._state_lost(run, session, segment) for segment in lost]
        files += [file for file in stated if file is not None]
        return more or any(stated)

    def _over(self, session: RunSession, segment: str) -> bool:
        """Whether a segment that nobody holds is complete.

        One that has said how it ended is; else one of this host is, unless an edge of this store writes it.
        """
        state = session.stored.state
        known = state.segments.get(segment)
        if known is None:
            return False
        ended = outcome_of_segment(state, segment) is not None
        return ended or (known.header.host in ("", self._host) and known.header.writer != "edge")

    def _is_lost(self, session: RunSession, segment: str) -> bool:
        state = session.stored.state
        writer = state.segments[segment].header.writer
        return (writer in PRIMARY or writer == "launcher") and outcome_of_segment(state, segment) is None

    def _state_lost(self, run: str, session: RunSession, segment: str) -> SegmentFile | None:
        """A segment of its own that says so. Its id follows from the lost one's, so that it is written only once.

        None where this user may not write: the store is read all the same.
        """
        state = session.stored.state
        own = blake2b(f"lost {run} {segment}".encode(), digest_size=16).hexdigest()
        seen = state.segments[segment].seen
        builder = FrameBuilder()
        builder.add(events.Header(run, own, state.project, "follower", host=self._host), seen)
        builder.add(events.Finished("crashed", of=segment), seen)
        try:
            self._files.put(run, own, builder.data)
        except StorageError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _MAY_NOT:
                return None
            raise
        return SegmentFile(run, own, len(builder.data), False)


def _try_again(session: RunSession, row: SegmentRow) -> None:
    """Go on where a segment could not be read; a run of which nothing could be read begins anew."""
    row.damage = ""
    session.stored.damage.pop(row.id, None)
    if not session.stored.state.segments:
        session.stored.state = RunState(session.stored.state.run)
        session.touched.update(SEARCHED)
