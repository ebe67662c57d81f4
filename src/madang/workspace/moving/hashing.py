"""The digest of bytes that are read but not stored."""

from __future__ import annotations

from collections.abc import Iterable


def hashed(pieces: Iterable[bytes]) -> tuple[str, int]:
    """BLAKE3 of some bytes, as ``blake3:HEX``, and their number."""
    from blake3 import blake3  # noqa: PLC0415 - only where files are compared

    made = blake3()
    size = 0
    for piece in pieces:
        made.update(piece)
        size += len(piece)
    return f"blake3:{made.hexdigest()}", size
