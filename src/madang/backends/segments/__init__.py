"""Segment files in a store's folder (`ports.segments`)."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping

from madang.formats import store as layout
from madang.ports.segments import SegmentFile


class LocalSegments:
    """`ports.segments.SegmentFiles` over ``<store>/segments``."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._aside = os.path.join(store, "tmp")

    def unread(self, known: Mapping[tuple[str, str], int], runs: Collection[str] | None = None) -> list[SegmentFile]:
        """Segments that may have bytes which were not read yet."""
        found = []
        for run, segment, size in self._walk(runs):
            offset = known.get((run, segment))
            live = self.live(run, segment)
            if offset is None or size > offset or not live:
                found.append(SegmentFile(run, segment, size, live))
        return found

    def _walk(self, runs: Collection[str] | None) -> Iterator[tuple[str, str, int]]:
        root = f"{self._store}/segments"
        if runs is None:
            for group in _names(root):
                for run in _names(f"{root}/{group}"):
                    yield from self._segments(run)
        else:
            for run in runs:
                yield from self._segments(run)

    def _segments(self, run: str) -> Iterator[tuple[str, str, int]]:
        try:
            with os.scandir(layout.run_dir(self._store, run)) as entries:
                for entry in entries:
                    if entry.name.endswith(".seg"):
                        yield run, entry.name[:-4], entry.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return

    def read(self, run: str, segment: str, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes from ``offset``."""
        try:
            with open(layout.segment_path(self._store, run, segment), "rb") as file:
                file.seek(offset)
                return file.read(limit)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise layout.refused(self._store, error) from error

    def append(self, run: str, segment: str, offset: int, data: bytes) -> None:
        """Write frames at ``offset`` of a segment that this store itself writes."""
        try:
            os.makedirs(layout.run_dir(self._store, run), exist_ok=True)
            path = layout.segment_path(self._store, run, segment)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "wb") as file:
                file.truncate(offset)
                file.seek(offset)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise layout.refused(self._store, error) from error

    def live(self, run: str, segment: str) -> bool:
        """Whether the writer of a segment still holds its lock."""
        return layout.is_held(layout.lock_path(self._store, run, segment))

    def put(self, run: str, segment: str, data: bytes) -> bool:
        """Store a whole segment: written aside, synced, then linked under its name, which only one can do."""
        aside = f"{self._aside}/{segment}-{os.getpid()}-{os.urandom(4).hex()}"
        try:
            os.makedirs(layout.run_dir(self._store, run), exist_ok=True)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(aside, layout.segment_path(self._store, run, segment))
            finally:
                os.unlink(aside)
        except FileExistsError:
            return False
        except OSError as error:
            raise layout.refused(self._store, error) from error
        return True


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
