"""Which lines of clients' files are held (`ports.streams`)."""

from __future__ import annotations

from collections.abc import Mapping

from madang.backends.records.database import Database
from madang.domain.line_streams import DIGEST, StreamRow


class SqlStreams:
    """`ports.streams.StreamRecords`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, run: int) -> StreamRow | None:
        """The client of a run."""
        row = self._db.row("get_stream", run=run)
        return StreamRow(run, int(row[0]), bool(row[1]), int(row[2])) if row else None

    def put(self, row: StreamRow) -> None:
        """Keep a row."""
        self._db.run("put_stream", run=row.run, seen_at=row.seen_at, live=int(row.live), shift=row.shift)

    def silent(self, before: int) -> list[tuple[str, int]]:
        """Clients that were not heard."""
        return [(bytes(run).hex(), int(seen)) for run, seen in self._db.rows("silent_streams", before=before)]

    def count(self, run: int, file: str) -> int:
        """How many lines are held."""
        row = self._db.row("last_stream_lines", run=run, file=file)
        return int(row[0]) + int(row[1]) // DIGEST if row else 0

    def blocks(self, run: int, file: str, start: int, stop: int) -> dict[int, bytes]:
        """Blocks that hold a line of a range."""
        found = self._db.rows("stream_lines", run=run, file=file, start=start, stop=stop)
        return {int(first): bytes(held) for first, held in found if int(first) + len(held) // DIGEST > start}

    def files(self, run: int) -> list[str]:
        """The files of which lines are held."""
        return [str(row[0]) for row in self._db.rows("stream_files", run=run)]

    def keep(self, run: int, file: str, blocks: Mapping[int, bytes]) -> None:
        """Keep blocks."""
        self._db.many(
            "put_stream_lines",
            [{"run": run, "file": file, "first": first, "digests": held} for first, held in blocks.items()],
        )

    def cut(self, run: int, file: str, count: int) -> None:
        """Forget lines."""
        with self._db.transaction():
            last = self.blocks(run, file, max(0, count - 1), count)
            self._db.run("cut_stream_lines", run=run, file=file, start=count)
            self.keep(run, file, {first: held[: (count - first) * DIGEST] for first, held in last.items()})
