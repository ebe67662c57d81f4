"""The transaction log of a W&B run, `run-ID.wandb`: which records it holds, also where some of it is damaged.

The file is LevelDB's log (https://github.com/google/leveldb/blob/main/doc/log_format.md) with two differences: it
begins with seven bytes of its own, which count as part of the first block, and checksums are plain CRC-32.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from madang.errors import CorruptData

_HEAD = struct.Struct("<4sHB")
_IDENT, _MAGIC, _VERSION = b":W&B", 0xBEE1, 0
_CHUNK = struct.Struct("<IHB")
_BLOCK = 32 << 10
_DAMAGED, _FULL, _FIRST, _MIDDLE, _LAST = range(5)
_MOST_CHUNKS = 1 << 15  # of one record

TORN = "its end is missing: it was being written when its writer was stopped"
"""What is said of a log whose last record is not whole."""


def read_log(file: BinaryIO, damage: list[str]) -> Iterator[bytes]:
    """The records of a log, each whole. What cannot be read is told in ``damage``, and reading goes on behind it.

    Raises:
        CorruptData: the file is no such log.
    """
    block = file.read(_BLOCK)
    _check_head(block)
    place, offset = _HEAD.size, 0
    parts: list[bytes] = []
    while block:
        for kind, data in _chunks(block, place, offset, damage):
            if kind in (_FULL, _FIRST):
                if parts:
                    damage.append(f"a record that begins before byte {offset + len(block)} has no end")
                parts = [data]
            elif kind == _DAMAGED:
                parts = []
            elif parts:
                parts.append(data)
            if kind in (_FULL, _LAST) and parts:
                yield b"".join(parts)
                parts = []
            elif len(parts) > _MOST_CHUNKS:
                damage.append(f"a record before byte {offset} has more than {_MOST_CHUNKS * _BLOCK} bytes")
                parts = []
        offset += len(block)
        block = file.read(_BLOCK) if len(block) == _BLOCK else b""
        place = 0
    if parts:
        damage.append(TORN)


def _check_head(block: bytes) -> None:
    if not block:
        raise CorruptData("The file is empty.", hint="The run was stopped before it had written anything.")
    if len(block) < _HEAD.size or _HEAD.unpack_from(block)[:2] != (_IDENT, _MAGIC):
        raise CorruptData("It is no file of a W&B run.", hint="One is called run-ID.wandb.")
    version = block[_HEAD.size - 1]
    if version != _VERSION:
        raise CorruptData(f"It has version {version} of W&B's format, and only version {_VERSION} is known.")


def _chunks(block: bytes, place: int, offset: int, damage: list[str]) -> Iterator[tuple[int, bytes]]:
    """The chunks of one block from ``place`` on; `_DAMAGED` where one could not be read.

    ``offset`` is where the block begins in the file. Behind a damaged chunk the next one is tried, once: if that one
    is whole, the length of the damaged one was right.
    """
    is_last = len(block) < _BLOCK
    failures = 0
    while place + _CHUNK.size <= len(block) and failures < 2:
        checksum, size, kind = _CHUNK.unpack_from(block, place)
        end = place + _CHUNK.size + size
        if not (checksum or size or kind):  # the rest of the block was never written
            failures = 2 if any(block[place:]) else 0
            break
        if end > len(block):
            failures = 0 if is_last else 2
            break
        if zlib.crc32(memoryview(block)[place + _CHUNK.size - 1 : end]) == checksum:
            failures = 0
            yield kind, block[place + _CHUNK.size : end]
        else:
            failures += 1
            damage.append(f"the record at byte {offset + place} is damaged")
            yield _DAMAGED, b""
        place = end
    if failures == 2:
        damage.append(f"nothing can be read between byte {offset + place} and {offset + len(block)}")
        yield _DAMAGED, b""
    elif is_last and any(block[place:]):
        damage.append(TORN)
        yield _DAMAGED, b""
