"""Reading a segment while somebody writes it."""

from __future__ import annotations

import os
import struct
import time
from _blake2 import blake2b

from madang.domain.events import Event, Stamp
from madang.formats import journal, packed, recent
from madang.formats import segment as codec

CHUNK = 4 << 20
_EVERY_BYTE = 1 << 62
DURABLE_AFTER = 1.0  # seconds that a power failure may take back
_PASSED_OVER = frozenset((codec.METRICS, codec.SYSTEM, codec.ROWS, codec.TABLE, codec.KEYS, codec.CONSOLE))
_HEAD = struct.Struct("<II")


class Tail:
    """The unread part of one segment file. Damage ends the reading, never the reader.

    What passes by in great numbers (metrics, console) is stepped over by its length, unread. An event is checked
    against its hash, which needs nothing but the chain that the frame before it carries.
    """

    def __init__(self, path: str, segment: str) -> None:
        self.path = path
        self.segment = segment
        self.damage = ""
        self._offset = 0
        self._sequence = 0
        self._chain = codec.CHAIN_START
        self._durable = 0  # bytes that a power failure cannot take back
        self._next_sync = 0.0
        self._is_packed = False  # and was read

    def read(self) -> list[tuple[Stamp, Event]]:
        """The events that have come since, without metrics, system samples and console lines."""
        found: list[tuple[Stamp, Event]] = []
        try:
            with open(self.path, "rb") as file:
                while not self.damage:
                    before = self._offset
                    file.seek(before)
                    self._take(file.read(self._wanted(file.fileno(), before)), found)
                    if self._offset == before:
                        break
                self._make_durable(file.fileno())
        except FileNotFoundError:
            self._read_packed(found)
        except OSError:
            pass  # a disk that fails: what was read counts
        return found

    def _read_packed(self, found: list[tuple[Stamp, Event]]) -> None:
        """Go on in the packed file: the run goes on after its end, or the segment was packed meanwhile."""
        if self._is_packed:
            return  # it was read to its end, and does not grow
        try:
            self._take(packed.read(self.path + packed.ENDING, self._offset, _EVERY_BYTE), found)
            self._is_packed = True
        except OSError:
            pass  # removed

    def _make_durable(self, descriptor: int) -> None:
        """Sync what was read, once a second: the training process itself never waits for the disk."""
        now = time.monotonic()
        if now < self._next_sync:
            return
        end = recent.size(self.path)
        if end > self._durable:
            self._next_sync = now + DURABLE_AFTER
            recent.sync(self.path)
            os.fsync(descriptor)
            self._durable = end

    @staticmethod
    def _wanted(descriptor: int, offset: int) -> int:
        """Bytes to read: a chunk, or all there is when a single frame may be larger."""
        left = os.fstat(descriptor).st_size - offset
        return left if left <= codec.MAX_PAYLOAD + CHUNK else CHUNK

    def _take(self, data: bytes, found: list[tuple[Stamp, Event]]) -> None:
        start, end, sequence, chain = 0, len(data), self._sequence, self._chain
        unpack, passed_over = _HEAD.unpack_from, _PASSED_OVER
        while end - start > codec.FRAME_HEAD:
            length, number = unpack(data, start)
            body = start + codec.FRAME_HEAD
            if not 0 < length <= codec.MAX_PAYLOAD or number != sequence:
                self.damage = f"frame {sequence} at byte {self._offset + start} has a wrong head"
                break
            if body + length > end:
                break
            after = data[start + 8 : body]
            if data[body] not in passed_over:
                payload = data[body : body + length]
                if blake2b(chain + data[start : start + 8] + payload, digest_size=16).digest() != after:
                    self.damage = f"frame {sequence} at byte {self._offset + start} does not match its hash"
                    break
                found.append(journal.decode_event(payload, self.segment, sequence))
            start, sequence, chain = body + length, sequence + 1, after
        self._offset += start
        self._sequence, self._chain = sequence, chain
