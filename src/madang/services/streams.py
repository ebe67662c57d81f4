"""Runs whose client streams files of lines: what is held, who fell silent, who is to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeAlias

from madang.domain import events
from madang.domain.access import Permission, Principal, local, require
from madang.domain.commands import Fact, Rewind
from madang.domain.line_streams import (
    EVENTS,
    HISTORY,
    LABELS,
    LOG,
    Compared,
    StreamRow,
    compare,
    label_of,
    labels_in,
    placed,
    places_of,
    writer_of,
)
from madang.domain.metrics import MetricSummary
from madang.domain.run_state import outcome
from madang.domain.runs import STOP_TAG, RunChange, RunRecord, tags_of
from madang.domain.values import value
from madang.errors import MadangError, NotFound
from madang.ports.records import Records, StoredRun
from madang.services.tracking import Tracking, family

SILENCE = 300_000_000  # µs without a word after which a client counts as gone
_FARTHEST = 1 << 30  # lines of one file; counts are 32 bits wide for clients


@value
class Piece:
    """Lines of a file; ``offset`` is the number of the first one."""

    offset: int
    lines: Sequence[str]


Facts: TypeAlias = Callable[[StoredRun, StreamRow, Mapping[str, Compared]], list[Fact]]
"""What is to be said of a run, when these pieces came of its files."""


@value
class Heard:
    """What became of a request of a client: its run as it is now, and whether the client is to stop."""

    stored: StoredRun
    stop: bool = False


class Streams:
    """The receiving side of clients that stream. Thread-safe; several processes may serve one store."""

    def __init__(self, records: Records, tracking: Tracking, now: Callable[[], int] = lambda: time.time_ns() // 1000):
        self._records = records
        self._tracking = tracking
        self._now = now
        self._since = now()  # who was silent while no server ran is given its time

    def take(self, who: Principal, run: str, pieces: Mapping[str, Piece], facts: Facts, *, ends: bool = False) -> Heard:
        """Take pieces of files in: ``facts`` says what they mean, of the lines that are not held already.

        With ``ends`` nothing more is expected of the client. All of it happens, or nothing.

        Raises:
            NotFound: no such run. AccessDenied: the caller may not write it.
        """
        with self._records.transaction():
            stored = self._known(who, run)
            row = self._records.streams.get(stored.number) or StreamRow(stored.number)
            compared = {file: self._compared(row, file, piece) for file, piece in pieces.items()}
            said = facts(stored, row, compared)
            if not row.live and not ends and _was_given_up(stored):
                said = [events.Status("running"), *said]
            if said:
                stored = self._tracking.state(who, run, said, freely=True, later=True)
            for file, found in compared.items():
                self._records.streams.keep(stored.number, file, found.blocks)
            row.seen_at, row.live = self._now(), not ends
            self._records.streams.put(row)
        return Heard(stored, STOP_TAG in tags_of(stored.state, stored.overrides))

    def say(self, who: Principal, run: str, facts: Callable[[StoredRun], list[Fact]]) -> StoredRun:
        """Say of a run what ``facts`` makes of it as it is, with nobody between.

        Raises:
            NotFound: no such run. AccessDenied: the caller may not write it.
        """
        with self._records.transaction():
            stored = self._known(who, run)
            said = facts(stored)
            return self._tracking.state(who, run, said, freely=True) if said else stored

    def metrics(self, stored: StoredRun) -> dict[str, MetricSummary]:
        """What is known of the metrics of a run."""
        return self._records.runs.metrics([stored.number], None, 1 << 40)[stored.number]

    def _compared(self, row: StreamRow, file: str, piece: Piece) -> Compared:
        streams, number = self._records.streams, row.run
        offset = min(max(piece.offset, 0), _FARTHEST)
        count = streams.count(number, file)
        met = streams.blocks(number, file, offset, offset + len(piece.lines)) if offset < count else {}
        found = compare(piece.lines, offset, count, met)
        return self._placed(row, places_of(file), found) if places_of(file) and found.fresh else found

    def _placed(self, row: StreamRow, file: str, found: Compared) -> Compared:
        """The lines of one writer, in the run's console behind all that came before."""
        numbers = [line.number for line in found.fresh]
        held = self._records.streams.blocks(row.run, file, min(numbers), max(numbers) + 1)
        places, blocks = placed(found.fresh, held, row.shift)
        self._records.streams.keep(row.run, file, blocks)
        if new := sum(place > row.shift for place in places):
            self._records.streams.keep(row.run, LABELS, {row.shift + 1: label_of(writer_of(file)) * new})
        row.shift = max(row.shift, *places)
        return replace(found, places=places)

    def expect(self, who: Principal, run: str, *, anew: bool) -> None:
        """A client has announced itself and is expected to be heard; ``anew``: wishes that it stop are over.

        Raises:
            NotFound: no such run. AccessDenied: the caller may not write it.
        """
        with self._records.transaction():
            stored = self._known(who, run)
            row = self._records.streams.get(stored.number) or StreamRow(stored.number)
            row.seen_at, row.live = self._now(), True
            self._records.streams.put(row)
            if anew and STOP_TAG in tags_of(stored.state, stored.overrides):
                self._tracking.change(who, run, RunChange(tags_removed=(STOP_TAG,)))

    def is_elsewhere(self, run: str, project: str) -> bool:
        """Whether an id is that of a run of another project, whoever may read it."""
        stored = self._records.runs.get(run)
        return stored is not None and stored.state.project != project

    def held(self, who: Principal, run: str, files: Sequence[str]) -> dict[str, int]:
        """How many lines of some files of a run are held.

        Raises:
            NotFound: no such run.
        """
        number = self._readable(who, run).number
        return {file: self._records.streams.count(number, file) for file in files}

    def labels(self, who: Principal, run: str, start: int, stop: int) -> dict[int, str]:
        """Who of several writers has printed the console lines from number ``start`` to before ``stop``, by number.

        Raises:
            NotFound: no such run.
        """
        stored, streams = self._readable(who, run), self._records.streams
        blocks = streams.blocks(stored.number, LABELS, start, stop)
        if not blocks or len(stored.state.segments) > 1:  # the numbers of several segments are shifted
            return {}
        return labels_in(blocks, [writer for file in streams.files(stored.number) if (writer := writer_of(file))])

    def ask_to_stop(self, who: Principal, run: str) -> RunRecord:
        """Ask the client of a run to stop: it is told the next time that it is heard.

        Raises:
            NotFound: no such run. AccessDenied: the caller may not write it.
        """
        return self._tracking.change(who, run, RunChange(tags={STOP_TAG: who.name}))

    def rewind(self, who: Principal, run: str, step: int, lines: int) -> StoredRun:
        """Go back: points after ``step`` are hidden, and summary values set by hand go.

        Of its history ``lines`` are held then, and what else the client sends begins anew; console lines come behind
        those that are there.

        Raises:
            NotFound: no such run. AccessDenied: the caller may not write it.
        """
        streams = self._records.streams
        with self._records.transaction():
            stored = self._known(who, run)
            row = streams.get(stored.number) or StreamRow(stored.number)
            self._tracking.log(who, run, Rewind(step + 1))
            by_hand = [key for key, (_, item) in stored.state.summary.items() if item]
            said: list[Fact] = [events.Status("running")]
            if by_hand:
                said.append(events.Removed("summary", by_hand))
            stored = self._tracking.state(who, run, said, freely=True)
            row.shift += streams.count(stored.number, LOG)
            for file, count in ((HISTORY, lines), (EVENTS, 0), (LOG, 0)):
                streams.cut(stored.number, file, count)
            row.seen_at, row.live = self._now(), True
            streams.put(row)
        return stored

    def note_lost(self, who: Principal, run: str) -> bool:
        """Say on a run whose client is gone without a word from when on nothing came; False where it said its word.

        Raises:
            NotFound: no such run. AccessDenied: the caller may not write it.
        """
        with self._records.transaction():
            stored = self._known(who, run)
            row = self._records.streams.get(stored.number)
            if row is None or not row.live:
                return False
            heard = datetime.fromtimestamp(row.seen_at / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            text = f"Its client was killed. What it logged after {heard} never came."
            self._tracking.state(who, run, [events.Alert("The end is missing", text, "warn")], freely=True)
            row.live = False
            self._records.streams.put(row)
        return True

    def give_up_silent(self) -> int:
        """Note as crashed what runs of clients that fell silent; how many. One that is heard again is running again."""
        before = self._now() - SILENCE
        if self._since > before:
            return 0
        count = 0
        for run, seen in self._records.streams.silent(before):
            with suppress(MadangError):  # one that cannot be told now is told the next time
                self._give_up(run, seen)
                count += 1
        return count

    def _give_up(self, run: str, seen: int) -> None:
        self._tracking.catch_up([run])  # what it has said last may wait
        with self._records.transaction():
            stored = self._records.runs.get(run)
            if stored is None:
                return
            if outcome(stored.state).status in ("running", "scheduled"):
                status = events.Status("crashed", seen)
                stored = self._tracking.state(local("madang"), run, [status], freely=True)
            row = self._records.streams.get(stored.number)
            if row is not None:
                row.live = False
                self._records.streams.put(row)

    def _readable(self, who: Principal, run: str) -> StoredRun:
        stored = self._records.runs.get(run)
        if stored is None or who.level(stored.state.project) < Permission.READ:
            raise NotFound(f"There is no run {run[:80]!r}.")
        return stored

    def _known(self, who: Principal, run: str) -> StoredRun:
        """The run as it stands in the present transaction."""
        if self._tracking.holds_bytes:
            self._tracking.catch_up([run])  # what another client has said since this request began may wait
        stored = self._readable(who, run)
        require(who, Permission.WRITE, stored.state.project, family(stored))
        return stored


def _was_given_up(stored: StoredRun) -> bool:
    return outcome(stored.state).status == "crashed"
