"""The segment files of a workspace: where runs on this machine write what happens (docs/formats/journal.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from madang.domain.held import Held


class SegmentFile(NamedTuple):
    """A segment as it lies in the store."""

    run: str
    segment: str
    size: int  # bytes of the segment itself, also where the file is compressed
    live: bool  # its writer holds its lock: more may come


class Shelves(NamedTuple):
    """Which runs may have new segments. Give ``state`` back the next time, once they were read."""

    runs: list[str]
    state: bytes


class SegmentFiles(Protocol):
    """Thread-safe. Files appear and grow at any time, also by other processes; whole frames never go away again.

    Only files and folders whose names are ids (32 hex digits) are seen. Errors: `StorageError`.
    """

    def changed(self, state: bytes) -> Shelves:
        """Runs that are new or have new segments since ``state`` (empty: all runs). It does not look into each run."""
        ...

    def of_run(self, run: str) -> list[SegmentFile]:
        """All segments of a run."""
        ...

    def stat(self, run: str, segment: str) -> SegmentFile | None:
        """One segment, None when there is no such file."""
        ...

    def read(self, run: str, segment: str, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes from ``offset``; empty when there are none, or no such file."""
        ...

    def append(self, run: str, segment: str, offset: int, data: bytes) -> None:
        """Write frames at ``offset`` of a segment that this store itself writes, durably; what lay beyond is replaced.

        Call it inside a transaction of the records: nothing else keeps two writers apart.
        """
        ...

    def put(self, run: str, segment: str, data: bytes) -> bool:
        """Store a whole segment at once and durably, if there is none; False when there is."""
        ...

    def pack(self, run: str, segment: str) -> bool:
        """Replace the file of a segment that has ended by a compressed one of the same bytes.

        False when there is none, or its writer lives. Whether a segment without a lock has ended only the state of its
        run tells: for one that an edge writes, call it inside a transaction of the records. A reader at any instant
        sees the one or the other, and `append` makes it plain again.
        """
        ...

    def bring(self, run: str, segment: str, pieces: Iterable[bytes]) -> bool:
        """Store a whole segment, packed, from its pieces; False when there is one. Nothing, when they end in an error.

        Raises what ``pieces`` raises.
        """
        ...

    def held(self, run: str) -> Held | None:
        """What a hub holds of a run in place of this store; None when nothing was ever given up."""
        ...
