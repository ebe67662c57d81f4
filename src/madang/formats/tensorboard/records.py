"""The records of an event file, in TFRecord (https://www.tensorflow.org/tutorials/load_data/tfrecord).

Each one is its length and the masked CRC-32C of that, then its bytes and their masked CRC-32C.
"""

from __future__ import annotations

import functools
import struct
from array import array
from collections.abc import Iterator
from typing import BinaryIO

_HEAD = struct.Struct("<QI")
_CHECK, _PAIR = struct.Struct("<I"), struct.Struct("<H")
_LARGEST = 1 << 30  # bytes of one record
_POLYNOMIAL, _MASK, _ALL = 0x82F63B78, 0xA282EAD8, 0xFFFFFFFF

TORN = "its end is missing: it was being written when its writer was stopped"
"""What is said of a file whose last record is not whole."""


def read_records(file: BinaryIO, damage: list[str], offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of the records of a file, from the record at an offset on. What cannot be read is told.

    Behind a record whose bytes are damaged reading goes on; where a length is, nothing more can be found.
    """
    file.seek(offset)
    while head := file.read(_HEAD.size):
        if len(head) < _HEAD.size:
            damage.append(TORN)
            return
        size, check = _HEAD.unpack(head)
        if masked_crc(head[:8]) != check:
            damage.append(f"at byte {offset} there is no record; nothing behind can be read")
            return
        if size > _LARGEST:
            damage.append(f"the record at byte {offset} has {size} bytes, which is too much; nothing behind is read")
            return
        body = file.read(size + _CHECK.size)
        if len(body) < size + _CHECK.size:
            damage.append(TORN)
            return
        data = body[:size]
        if masked_crc(data) == _CHECK.unpack(body[size:])[0]:
            yield offset, data
        else:
            damage.append(f"the record at byte {offset} is damaged")
        offset += _HEAD.size + len(body)


def masked_crc(data: bytes) -> int:
    """CRC-32C as TFRecord has it: rotated, with a constant added."""
    crc = _crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK) & _ALL


def _crc32c(data: bytes) -> int:
    table = _table()
    crc = _ALL
    for (pair,) in _PAIR.iter_unpack(memoryview(data)[: len(data) // 2 * 2]):
        crc = (crc >> 16) ^ table[(crc ^ pair) & 0xFFFF]
    if len(data) % 2:
        crc ^= data[-1]
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc ^ _ALL


@functools.cache
def _table() -> array[int]:
    """What two bytes at a time do to a checksum."""
    single = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        single.append(crc)
    made = array("L", bytes(array("L").itemsize << 16))
    for low in range(256):
        for high in range(256):
            crc = single[low] ^ high
            made[low | high << 8] = (crc >> 8) ^ single[crc & 255]
    return made
