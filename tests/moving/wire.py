"""Writing files as W&B's client and TensorBoard do, for tests that damage them or need what clients never write."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from madang.formats.tensorboard.records import masked_crc

Fields: TypeAlias = Mapping[int, Any]
_BLOCK, _HEAD = 32 << 10, 7


def message(fields: Fields) -> bytes:
    """A protobuf message: ints, floats (as doubles), texts, bytes, messages, and lists of them."""
    return b"".join(
        _field(number, item)
        for number, value in fields.items()
        for item in (value if isinstance(value, list) else [value])
    )


def _field(number: int, value: Any) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value % (1 << 64))
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = message(value) if isinstance(value, Mapping) else value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """A number in seven bits a byte."""
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def single(number: int, value: float) -> bytes:
    """A field of type float."""
    return varint(number << 3 | 5) + struct.pack("<f", value)


def log(records: Iterable[bytes]) -> bytes:
    """A transaction log of W&B."""
    made = bytearray(b":W&B" + struct.pack("<HB", 0xBEE1, 0))
    for record in records:
        begun = False
        while True:
            left = _BLOCK - len(made) % _BLOCK
            if left < _HEAD:
                made += bytes(left)
                left = _BLOCK
            part, record = record[: left - _HEAD], record[left - _HEAD :]
            kind = (3 if record else 4) if begun else (2 if record else 1)
            body = bytes([kind]) + part
            made += struct.pack("<IH", zlib.crc32(body), len(part)) + body
            begun = True
            if not record:
                break
    return bytes(made)


def items(values: Mapping[str, Any]) -> list[Fields]:
    """Values as history, summary and config have them: a path of keys, and JSON."""
    return [{2: key.split("/"), 16: json.dumps(item)} for key, item in values.items()]


def run(id: str, more: Fields | None = None, project: str = "demo") -> bytes:
    """The record of a run; ``more`` are other fields of it."""
    return message({17: {1: id, 3: project, 17: {1: 1_700_000_000}, **(more or {})}})


def history(values: Mapping[str, Any], step: int) -> bytes:
    """A line of history, a second after the one before."""
    told = {**values, "_step": step, "_timestamp": 1_700_000_000.5 + step}
    return message({2: {1: items(told), 2: {1: step}}})


def event_file(events: Iterable[bytes]) -> bytes:
    """An event file of TensorBoard."""
    made = b""
    for data in [message({1: 1_700_000_000.0, 3: "brain.Event:2"}), *events]:
        head = struct.pack("<Q", len(data))
        made += head + struct.pack("<I", masked_crc(head)) + data + struct.pack("<I", masked_crc(data))
    return made


def event(step: int, *values: bytes) -> bytes:
    """An event with values of a summary."""
    return message({1: 1_700_000_000.0 + step, 2: step, 5: {1: list(values)}})


def scalar(tag: str, value: float) -> bytes:
    """A number as TensorFlow 1 and PyTorch write it."""
    return message({1: tag}) + single(2, value)


def tensor(tag: str, plugin: str, body: Fields, content: bytes = b"") -> bytes:
    """A tensor as TensorFlow 2 writes it."""
    return message({1: tag, 8: body, 9: {1: {1: plugin, 2: content}}})
