"""Pieces of segments that come over the network: how much is here already, and what of a piece is new."""

from __future__ import annotations

from madang.domain.values import value
from madang.errors import Conflict, Diverged, InvalidInput
from madang.formats.journal import Position, read_frames
from madang.ports.records import SegmentRow


@value
class SegmentPosition:
    """How much of a segment the store has. ``chain`` is hex; all zero when it has nothing."""

    offset: int
    sequence: int
    chain: str
    size: int
    sealed: bool


def position_of(row: SegmentRow) -> SegmentPosition:
    """How far a segment is stored."""
    sealed = 0 < row.offset == row.sealed_offset
    return SegmentPosition(row.offset, row.sequence, row.chain.hex(), row.offset, sealed)


def beyond(row: SegmentRow, offset: int, chain: str, data: bytes) -> bytes:
    """The part of ``data`` that the store does not have, after the rest was found to be the same."""
    if offset > row.offset:
        raise Conflict(
            f"The store has {row.offset} bytes of segment {row.id}; {offset} is beyond them.",
            hint=f"Begin at byte {row.offset}.",
        )
    try:
        before = bytes.fromhex(chain)
    except ValueError:
        before = b""
    if len(before) != 16:
        raise InvalidInput(f"{chain[:40]!r} is not a chain.", hint="A chain is 32 hex digits.")
    overlap = row.offset - offset
    if overlap > len(data):
        raise Conflict(
            f"The store has {row.offset} bytes of segment {row.id} already.", hint="Nothing is left to send."
        )
    if overlap:
        position = Position(offset, int.from_bytes(data[4:8], "little"), before)
        read_frames(data[:overlap], position)
        before = position.chain if position.offset == row.offset and not position.damage else b""
    if before != row.chain:
        raise Diverged(
            f"Segment {row.id} differs from the one stored: chain {before.hex() or chain} against {row.chain.hex()} "
            f"at byte {row.offset}.",
            hint="Keep both copies and look at who wrote them.",
        )
    return data[overlap:]
