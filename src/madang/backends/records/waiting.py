"""Frames that wait to be taken into the records."""

from __future__ import annotations

from collections.abc import Collection

from madang.backends.records.database import Database, key_of
from madang.ports.waiting import WaitingPiece


class SqlWaiting:
    """`ports.waiting.WaitingRecords`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, piece: WaitingPiece) -> bool:
        """Keep a piece."""
        found = self._db.run_alone(
            "add_waiting",
            run=key_of(piece.run),
            segment=key_of(piece.segment),
            changed=piece.changed,
            start=piece.start,
            stop=piece.start + len(piece.data),
            data=piece.data,
            presumed=self._db.presumes_open,
        )
        if found:
            self._db.presumes_open = False  # there was no token when the piece was kept
        return found == 1

    def runs(self, among: Collection[str] | None = None) -> list[str]:
        """The runs for which something waits."""
        if among is None:
            return [bytes(row[0]).hex() for row in self._db.rows("runs_that_wait")]
        return [run for run in among if self._db.row("run_waits", run=key_of(run)) is not None]

    def begun(self, run: str, segment: str) -> bytes:
        """All that waits of a run that is nowhere else."""
        found = self._db.rows("waiting_of_begun", run=key_of(run), segment=key_of(segment))
        return b"".join(bytes(data) for _, data in found)

    def take(self, run: str, segment: str) -> bytes:
        """All that waits of a segment."""
        place = {"run": key_of(run), "segment": key_of(segment)}
        found = self._db.rows("waiting_of_segment", **place)
        if found:
            self._db.run("drop_waiting", **place)
        return b"".join(bytes(data) for _, data in found)
