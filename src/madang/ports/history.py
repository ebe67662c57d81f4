"""History at rest: sealed chunks of metrics and console lines: a part of `ports.records.Records`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from madang.domain.values import value


@value
class ChunkRow:
    """One sealed chunk: ``kind`` is `h` (history) or `c` (console); its blocks lie beside it, numbered from 1."""

    run: int
    segment: int
    first: int  # sequence of its first frame
    kind: str
    head: bytes


class HistoryRecords(Protocol):
    """Sealed chunks (docs/formats/store.md)."""

    def add(self, chunk: ChunkRow, blocks: Sequence[bytes]) -> None:
        """Store a chunk; one that is there already is replaced."""
        ...

    def heads(self, run: int, kind: str) -> list[ChunkRow]:
        """All chunks of a run, by segment and sequence."""
        ...

    def blocks(self, chunk: ChunkRow, numbers: Sequence[int]) -> dict[int, bytes]:
        """Some blocks of a chunk."""
        ...
