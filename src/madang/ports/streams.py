"""The part of the records that knows which lines of a client's files are held, and when it was last heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from madang.domain.line_streams import StreamRow


class StreamRecords(Protocol):
    """Streams of lines by the store's short number of their run. Errors and transactions are as in `ports.records`."""

    def get(self, run: int) -> StreamRow | None:
        """The client of a run; None when none ever streamed."""
        ...

    def put(self, row: StreamRow) -> None:
        """Keep a row in place of that of the same run."""
        ...

    def silent(self, before: int) -> list[tuple[str, int]]:
        """(run id, when it was last heard) of clients that should go on and were not heard since ``before`` (µs)."""
        ...

    def count(self, run: int, file: str) -> int:
        """How many lines of a file are held, those that are missing between them included."""
        ...

    def blocks(self, run: int, file: str, start: int, stop: int) -> dict[int, bytes]:
        """Digests of held lines, in blocks by the number of the first line: those that hold a line of a range."""
        ...

    def files(self, run: int) -> list[str]:
        """The files of which lines are held."""
        ...

    def keep(self, run: int, file: str, blocks: Mapping[int, bytes]) -> None:
        """Keep blocks in place of those that begin at the same line."""
        ...

    def cut(self, run: int, file: str, count: int) -> None:
        """Forget the lines from number ``count`` on."""
        ...
