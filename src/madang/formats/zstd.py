"""Zstandard from the standard library (3.14) or its backport."""

from __future__ import annotations

import sys
from functools import cache

from madang.errors import CorruptData

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


_SMALL = 64 << 10  # bytes
_USUAL = 3  # level
_QUICK: dict[int, int] = {
    zstd.CompressionParameter.compression_level: _USUAL,
    # Tables that stay in a processor's cache: numbers are packed a quarter faster and as small, texts 4 % less small.
    zstd.CompressionParameter.hash_log: 14,
    zstd.CompressionParameter.chain_log: 14,
}


@cache
def _kept(level: int) -> zstd.ZstdCompressor:
    """To make one takes a megabyte of fresh memory: many times what compressing something small does."""
    return zstd.ZstdCompressor(level)  # it has a lock of its own


def compress(data: bytes, level: int = _USUAL) -> bytes:
    """One frame, which says how large its content is."""
    if len(data) <= _SMALL:
        return _kept(level).compress(data, zstd.ZstdCompressor.FLUSH_FRAME)
    return zstd.compress(data, options=_QUICK) if level == _USUAL else zstd.compress(data, level)


def decompressed_size(head: bytes) -> int:
    """How many bytes a frame of `compress` holds, from its first 32 bytes.

    Raises:
        CorruptData: it is no frame, or does not say.
    """
    try:
        size = zstd.get_frame_info(head).decompressed_size
    except zstd.ZstdError as error:
        raise CorruptData(f"Compressed bytes of the store cannot be read: {error}.") from error
    if size is None:
        raise CorruptData("A compressed file of the store does not say how large it is.")
    return size


def frame_size(data: bytes) -> int:
    """How many bytes the frame at the beginning of ``data`` takes.

    Raises:
        CorruptData: it is no whole frame.
    """
    try:
        return zstd.get_frame_size(data)
    except zstd.ZstdError as error:
        raise CorruptData(f"Compressed bytes of the store cannot be read: {error}.") from error


class Dictionary:
    """Compression of small things that have much in common with ``sample``, which both sides must have."""

    def __init__(self, sample: bytes) -> None:
        self._dictionary = zstd.ZstdDict(sample, is_raw=True)
        # Kept: to make one costs more than to compress a small thing. It has a lock of its own.
        self._compressor = zstd.ZstdCompressor(level=6, zstd_dict=self._dictionary.as_digested_dict)

    def compress(self, data: bytes) -> bytes:
        """One frame."""
        return self._compressor.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)

    def decompress(self, data: bytes) -> bytes:
        """The bytes of a frame.

        Raises:
            CorruptData: it is not a whole frame, or of another dictionary.
        """
        try:
            return zstd.decompress(data, zstd_dict=self._dictionary)
        except zstd.ZstdError as error:
            raise CorruptData(f"Compressed bytes of the store cannot be read: {error}.") from error


def decompress(data: bytes) -> bytes:
    """The bytes of a frame.

    Raises:
        CorruptData: it is not a whole frame.
    """
    try:
        return zstd.decompress(data)
    except zstd.ZstdError as error:
        raise CorruptData(f"Compressed bytes of the store cannot be read: {error}.") from error
