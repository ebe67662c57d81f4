"""JSON in compressed files, which a client may have put something else in place of."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import msgspec

LARGEST = 256 << 20  # bytes, unpacked


def packed_json(value: Any) -> bytes:
    """A value as compressed JSON."""
    return gzip.compress(msgspec.json.encode(value), 1, mtime=0)


def unpacked_rows(packed: bytes) -> list[dict[str, Any]]:
    """The objects that `packed_json` was given; none where the file is something else."""
    try:
        return msgspec.json.decode(zlib.decompressobj(31).decompress(packed, LARGEST), type=list[dict[str, Any]])
    except (zlib.error, msgspec.DecodeError):
        return []
