"""Reading a segment while somebody writes it."""

from __future__ import annotations

import os
import time

from madang.domain.events import Event, Stamp
from madang.formats import journal
from madang.formats import segment as codec

CHUNK = 4 << 20
DURABLE_AFTER = 1.0  # seconds that a power failure may take back
_PASSED_OVER = (codec.METRICS, codec.SYSTEM, codec.KEYS, codec.CONSOLE)


class Tail:
    """The unread part of one segment file. Damage ends the reading, never the reader."""

    def __init__(self, path: str, segment: str) -> None:
        self.path = path
        self.segment = segment
        self.position = journal.Position()
        self._durable = 0  # bytes that a power failure cannot take back
        self._next_sync = 0.0

    def read(self) -> list[tuple[Stamp, Event]]:
        """The events that have come since, without metrics, system samples and console lines."""
        found: list[tuple[Stamp, Event]] = []
        try:
            with open(self.path, "rb") as file:
                while not self.position.damage:
                    before = self.position.offset
                    file.seek(before)
                    data = file.read(self._wanted(file.fileno(), before))
                    found.extend(
                        journal.decode_event(frame.payload, self.segment, frame.sequence)
                        for frame in journal.read_frames(data, self.position)
                        if frame.kind not in _PASSED_OVER
                    )
                    if self.position.offset == before:
                        break
                self._make_durable(file.fileno())
        except OSError:
            pass  # sealed or removed meanwhile, or a disk that fails: what was read counts
        return found

    def _make_durable(self, descriptor: int) -> None:
        """Sync what was read, once a second: the training process itself never waits for the disk."""
        now = time.monotonic()
        if self.position.offset > self._durable and now >= self._next_sync:
            self._next_sync = now + DURABLE_AFTER
            os.fsync(descriptor)
            self._durable = self.position.offset

    @staticmethod
    def _wanted(descriptor: int, offset: int) -> int:
        """Bytes to read: a chunk, or all there is when a single frame is larger."""
        left = os.fstat(descriptor).st_size - offset
        return left if left <= codec.MAX_PAYLOAD + CHUNK else CHUNK
