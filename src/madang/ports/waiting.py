"""Frames that a hub has acknowledged and not yet taken into its records: one row a request, no more."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from madang.domain.values import value


@value
class WaitingPiece:
    """Whole frames of a segment, from ``start`` on, made for a run as it was at a revision.

    ``changed`` is the revision that last touched the run, 0 for one that the records do not have yet.
    """

    run: str
    changed: int
    segment: str
    start: int
    data: bytes


class WaitingRecords(Protocol):
    """What waits. It is part of the records: the errors and transactions of `ports.records` hold."""

    def add(self, piece: WaitingPiece) -> bool:
        """Keep a piece, durably, when this returns.

        False, and nothing is kept, where the run was changed meanwhile or the piece does not begin where the segment
        ends.
        """
        ...

    def runs(self, among: Collection[str] | None = None) -> list[str]:
        """The ids of the runs (of these) for which something waits."""
        ...

    def begun(self, run: str, segment: str) -> bytes:
        """All that waits of a segment whose run is not in the records yet, in order; else nothing. It stays."""
        ...

    def take(self, run: str, segment: str) -> bytes:
        """All that waits of a segment, in order; it waits no longer. Called inside a transaction."""
        ...
