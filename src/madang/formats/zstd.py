"""Zstandard from the standard library (3.14) or its backport."""

from __future__ import annotations

import sys

from madang.errors import CorruptData

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def compress(data: bytes, level: int = 3) -> bytes:
    """One frame."""
    return zstd.compress(data, level)


def decompress(data: bytes) -> bytes:
    """The bytes of a frame.

    Raises:
        CorruptData: it is not a whole frame.
    """
    try:
        return zstd.decompress(data)
    except zstd.ZstdError as error:
        raise CorruptData(f"Compressed bytes of the store cannot be read: {error}.") from error
