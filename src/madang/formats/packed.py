"""Packed segments: Zstandard frames that can be read from any byte on (docs/formats/journal.md, "Files").

Each frame holds `PART` bytes, the last one what is left. Where there are several, a seek table stands behind them, as
in Zstandard's seekable format (facebook/zstd, contrib/seekable_format). `zstd -d` reads the file as any other.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from madang.errors import CorruptData
from madang.formats.zstd import compress, decompress, decompressed_size, frame_size

ENDING = ".zst"
"""What the name of a packed segment has behind that of the plain one."""
PART = 4 << 20
_LEVEL = 9
_SKIPPABLE, _SEEKABLE = 0x184D2A5E, 0x8F92EAB1
_SKIP_HEAD, _ENTRY, _FOOTER = struct.Struct("<II"), struct.Struct("<II"), struct.Struct("<IBI")
_MOST_PARTS = 1 << 24
_MOST_BYTES = 1 << 32  # of one frame


def pack(pieces: Iterable[bytes], file: BinaryIO) -> int:
    """Write what the pieces hold, packed; the number of bytes that they have."""
    table: list[tuple[int, int]] = []
    for part in _parts(pieces):
        packed = compress(part, _LEVEL)
        file.write(packed)
        table.append((len(packed), len(part)))
    if len(table) > 1:
        file.write(_SKIP_HEAD.pack(_SKIPPABLE, len(table) * _ENTRY.size + _FOOTER.size))
        file.write(b"".join(_ENTRY.pack(*entry) for entry in table))
        file.write(_FOOTER.pack(len(table), 0, _SEEKABLE))
    return sum(plain for _, plain in table)


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held, some = bytearray(), False
    for piece in pieces:
        held += piece
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
            some = True
    if held or not some:
        yield bytes(held)


def size(path: str) -> int:
    """How many bytes a packed file holds. What is damaged counts as `read` shows it.

    Raises:
        FileNotFoundError: there is no such file.
    """
    with open(path, "rb") as file:
        return sum(plain for _, plain in _table(file))


def read(path: str, offset: int, limit: int) -> bytes:
    """At most ``limit`` bytes from ``offset`` of what a packed file holds; fewer when it ends.

    What is damaged reads as zeros. They are no frame of the journal, so its reader finds the damage where it is, uses
    what stands before it, and reports it.

    Raises:
        FileNotFoundError: there is no such file.
    """
    found, place, start = [], 0, 0
    with open(path, "rb") as file:
        for packed, plain in _table(file):
            if start < offset + limit and start + plain > offset:
                file.seek(place)
                data = _unpacked(file.read(packed), plain)
                found.append(data[max(0, offset - start) : offset + limit - start])
            place, start = place + packed, start + plain
    return b"".join(found)


def _unpacked(data: bytes, plain: int) -> bytes:
    try:
        found = decompress(data)
    except CorruptData:
        return bytes(plain)
    return found if len(found) == plain else bytes(plain)


def _table(file: BinaryIO) -> list[tuple[int, int]]:
    """(bytes of a frame, bytes that it holds) of each frame."""
    length = os.fstat(file.fileno()).st_size
    if length >= _FOOTER.size:
        file.seek(length - _FOOTER.size)
        count, flags, magic = _FOOTER.unpack(file.read(_FOOTER.size))
        behind = _SKIP_HEAD.size + count * _ENTRY.size + _FOOTER.size
        if magic == _SEEKABLE and not flags and 0 < count < _MOST_PARTS and behind < length:
            file.seek(length - behind)
            if _SKIP_HEAD.unpack(file.read(_SKIP_HEAD.size)) == (_SKIPPABLE, behind - _SKIP_HEAD.size):
                table = list(_ENTRY.iter_unpack(file.read(count * _ENTRY.size)))
                if sum(packed for packed, _ in table) + behind == length and all(plain <= PART for _, plain in table):
                    return table
    file.seek(0)
    return _walked(file.read())


def _walked(data: bytes) -> list[tuple[int, int]]:
    """The frames of a file without a table: there is one, or the end of the file is lost."""
    table, place = [], 0
    while place < len(data):
        rest = len(data) - place
        try:
            packed, plain = frame_size(data[place:]), decompressed_size(data[place : place + 32])
        except CorruptData:
            packed = plain = rest
        plain = plain if plain <= _MOST_BYTES else rest  # a damaged head may say anything
        table.append((packed, plain))
        place += packed
    return table
