"""Packing: the bytes of segments that have ended, compressed. Nothing that is read changes by it."""

from __future__ import annotations

from collections.abc import Iterator

from madang.domain.ids import is_id
from madang.domain.run_state import outcome
from madang.formats.zstd import compress
from madang.ports.records import Records, StoredRun
from madang.ports.segments import SegmentFile, SegmentFiles
from madang.services.tracking import Tracking

_LEVEL = 9
_AT_ONCE = 50  # segments of a hub that one call packs


class Packing:
    """Packs what does not grow any more: segment files of a workspace, pieces of segments on a hub. Thread-safe."""

    def __init__(self, records: Records, tracking: Tracking, files: SegmentFiles | None) -> None:
        self._records = records
        self._tracking = tracking
        self._files = files

    def pack(self, run: str) -> Iterator[str]:
        """Pack the segments of a run of this workspace that have ended, one at a time; their ids, as they are done.

        A run that is still running keeps all its segments as they are: a resumed one, and those that an edge adds to.
        """
        if self._files is None or not is_id(run):
            return
        self._tracking.catch_up([run])
        for file in self._files.of_run(run):
            stored = self._records.runs.get(run)
            if stored is None or not self.has_ended(stored, file):
                continue
            if stored.state.segments[file.segment].header.writer != "edge":
                done = self._files.pack(run, file.segment)
            else:
                done = self._pack_of_edge(run, file.segment)
            if done:
                yield file.segment

    def _pack_of_edge(self, run: str, segment: str) -> bool:
        """An edge's segment has no lock: what is added to it is added inside a transaction, which this excludes."""
        assert self._files is not None
        with self._records.transaction():
            stored, file = self._records.runs.get(run), self._files.stat(run, segment)
            if stored is None or file is None or not self.has_ended(stored, file):
                return False
            return self._files.pack(run, segment)

    def has_ended(self, stored: StoredRun, file: SegmentFile) -> bool:
        """Whether a segment is read to its end and does not grow any more, as the state of its run tells."""
        row = self._records.segments.get(stored.number, file.segment)
        return (
            row is not None
            and row.ended
            and not row.damage
            and not file.live
            and row.size == file.size
            and file.segment in stored.state.segments
            and outcome(stored.state).status != "running"
        )

    def stays(self, run: str) -> str:
        """Why the segments of a run of this workspace cannot be spared; empty when the records have all of them."""
        assert self._files is not None
        self._tracking.catch_up([run])
        stored = self._records.runs.get(run)
        if stored is None:
            return "nothing can be read of it"
        if outcome(stored.state).status == "running":
            return "it is still running"
        for file in self._files.of_run(run):
            row = self._records.segments.get(stored.number, file.segment)
            if row is None or row.rows or not self.has_ended(stored, file):
                return f"segment {file.segment} is open or damaged"
        return ""

    def pack_pieces(self, before: int) -> int:
        """On a hub: pack what came of segments whose runs ended before a time (µs UTC); how many segments, at most 50.

        Call it again while it is not 0.
        """
        self._tracking.catch_up()
        loose = self._records.segments.loose(before, _AT_ONCE)
        for segment, start in loose:
            with self._records.transaction():
                data = self._records.segments.pieces(segment, start)
                if data:
                    self._records.segments.pack_pieces(segment, start, len(data), compress(data, _LEVEL))
        return len(loose)
