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
        stop = piece.start + len(piece.data)
        return self._db.run_alone("add_waiting", **vars(piece), stop=stop) == 1

    def runs(self, among: Collection[str] | None = None) -> list[str]:
        """The runs for which something waits."""
        if among is None:
            return [bytes(row[0]).hex() for row in self._db.rows("runs_that_wait")]
        return [run for run in among if self._db.row("run_waits", id=key_of(run)) is not None]

    def take(self, segment: int) -> bytes:
        """All that waits of a segment."""
        found = self._db.rows("waiting_of_segment", segment=segment)
        if found:
            self._db.run("drop_waiting", segment=segment)
        return b"".join(bytes(data) for _, data in found)
