"""Segment files of a store as an uploader reads them: whole frames from an offset on, with the chain there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import field, replace

from madang.domain import events
from madang.domain.values import mutable
from madang.formats import journal, packed, recent
from madang.formats import segment as codec
from madang.formats import store as layout

PIECE = 4 << 20  # bytes read at once; a single frame may be larger
_WITH_BLOBS = frozenset((codec.FILE, codec.VERSION, codec.CODE, codec.OUTPUTS))


@mutable
class Piece:
    """Some whole frames of a segment."""

    start: journal.Position
    end: journal.Position
    data: bytes
    blobs: list[str] = field(default_factory=list)  # digests that the frames name


class SegmentFile:
    """One segment, plain or sealed."""

    def __init__(self, store: str, run: str, segment: str) -> None:
        self.run = run
        self.segment = segment
        self.project = ""  # as the header says, once it has been read
        self.damage = ""  # why reading could not go on, as far as it has been read
        self._plain = layout.segment_path(store, run, segment)

    def size(self) -> int:
        """Bytes of the segment, a torn tail included."""
        try:
            return recent.size(self._plain)
        except FileNotFoundError:
            return packed.size(self._plain + packed.ENDING)

    def pieces(self, start: journal.Position, until: int | None = None) -> Iterator[Piece]:
        """The whole frames from a position on, up to the offset ``until``; damage ends them."""
        position = replace(start)
        while not position.damage:
            before = replace(position)
            data = self._bytes(position.offset, until)
            frames = journal.read_frames(data, position)
            self.damage = self.damage or position.damage
            if not frames:
                return
            piece = Piece(before, replace(position), data[: position.offset - before.offset])
            for frame in frames:
                self._look_into(frame, piece)
            yield piece

    def position_at(self, offset: int) -> journal.Position:
        """The position after the last whole frame that ends at or before an offset."""
        position = journal.Position()
        for piece in self.pieces(position, offset):
            position = piece.end
        return position

    def _look_into(self, frame: journal.Frame, piece: Piece) -> None:
        if frame.kind in _WITH_BLOBS:
            _, event = journal.decode_event(frame.payload, self.segment, frame.sequence)
            piece.blobs += blobs_of(event)
        elif frame.kind == codec.HEADER:
            _, event = journal.decode_event(frame.payload, self.segment, frame.sequence)
            if isinstance(event, events.Header):
                self.project = event.project

    def _bytes(self, offset: int, until: int | None) -> bytes:
        limit = PIECE if until is None else min(PIECE, until - offset)
        data = self._read(offset, limit)
        if len(data) >= codec.FRAME_HEAD:
            first = codec.FRAME_HEAD + min(int.from_bytes(data[:4], "little"), codec.MAX_PAYLOAD)
            if first > len(data) == PIECE:
                data += self._read(offset + len(data), first - len(data))
        return data

    def _read(self, offset: int, limit: int) -> bytes:
        if limit <= 0:
            return b""
        try:
            return recent.read(self._plain, offset, limit)
        except FileNotFoundError:
            return packed.read(self._plain + packed.ENDING, offset, limit)


def blobs_of(event: events.Event) -> list[str]:
    """The digests of the blobs that an event names."""
    match event:
        case events.File():
            found = [event.digest]
        case events.VersionWritten():
            found = [digest for _, digest, _ in event.entries]
        case events.Outputs():
            found = [item.digest for item in event.items]
        case events.Code():
            found = [item.digest for item in event.untracked]
            found += [event.diff.digest] if event.diff else []
        case _:
            found = []
    return [digest for digest in found if digest.startswith("blake3:")]


def segments_of(store: str, run: str) -> list[str]:
    """The segments of a run that lie in a store, sorted."""
    try:
        names = os.listdir(layout.run_dir(store, run))
    except OSError:
        return []
    return sorted({name.partition(".")[0] for name in names if name.endswith((".seg", ".seg.zst"))})


def runs_of(store: str) -> list[str]:
    """All runs of which a store has segments, or the note that a hub has them, sorted."""
    found = []
    try:
        shelves = sorted(os.listdir(store + "/segments"))
    except OSError:
        return []
    for shelf in shelves:
        try:
            names = os.listdir(f"{store}/segments/{shelf}")
        except OSError:
            continue
        found += [name for name in names if len(name) == 32 and _has_begun(f"{store}/segments/{shelf}/{name}")]
    return sorted(found)


def _has_begun(folder: str) -> bool:
    """Whether there is anything of a run: a process may have died before its first record."""
    try:
        return any(name == "held" or name.endswith((".seg", ".seg.zst")) for name in os.listdir(folder))
    except OSError:
        return True  # whoever reads it will say why not
