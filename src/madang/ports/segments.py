"""The segment files of a workspace: where runs on this machine write what happens (docs/formats/journal.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol


class SegmentFile(NamedTuple):
    """A segment that may have bytes which were not read yet."""

    run: str
    segment: str
    size: int  # bytes of the segment itself, also where the file is compressed
    live: bool  # its writer holds its lock: more may come


class SegmentFiles(Protocol):
    """Thread-safe. Files appear and grow at any time, also by other processes; whole frames never go away again."""

    def unread(self, known: Mapping[tuple[str, str], int], runs: Collection[str] | None = None) -> list[SegmentFile]:
        """Segments (of these runs) with more bytes than ``known`` says, new ones, and known ones whose writer is gone.

        ``known`` holds the offset of every segment that has not ended.
        """
        ...

    def read(self, run: str, segment: str, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes from ``offset``; empty when there are none, or no such file."""
        ...

    def append(self, run: str, segment: str, offset: int, data: bytes) -> None:
        """Write frames at ``offset`` of a segment that this store itself writes, durably; what lay beyond is replaced.

        Call it inside a transaction of the records: nothing else keeps two writers apart. Raises `StorageError`.
        """
        ...

    def live(self, run: str, segment: str) -> bool:
        """Whether the writer of a segment still lives, as far as this machine can tell."""
        ...

    def put(self, run: str, segment: str, data: bytes) -> bool:
        """Store a whole segment at once and durably, if there is none; False when there is. Raises `StorageError`."""
        ...
