"""Reading protobuf messages without their schema: a message is asked for its fields by number.

Source of the encoding: https://protobuf.dev/programming-guides/encoding/. Groups, which nobody writes any more, are
refused. What lies inside a message is read when it is asked for, so depth costs nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TypeAlias

from madang.errors import CorruptData

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10  # bytes
_SIGN, _MODULUS = 1 << 63, 1 << 64

Field: TypeAlias = int | bytes


class Message:
    """The fields of one message. A field that is not there has the default of its type, as in protobuf.

    Numbers of fixed size and packed ones are bytes until it is known what they are.
    """

    __slots__ = ("_fields",)

    def __init__(self, data: bytes) -> None:
        """Raises `CorruptData` when the bytes are no message."""
        self._fields = _read(data)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def numbers(self) -> Iterable[int]:
        """The numbers of the fields that are there."""
        return self._fields

    def integer(self, number: int) -> int:
        """A field of type int32, int64 or an enumeration."""
        found = self._last(number)
        if not isinstance(found, int):
            return 0
        return found - _MODULUS if found >= _SIGN else found

    def zigzag(self, number: int) -> int:
        """A field of type sint32 or sint64."""
        found = self._last(number)
        return (found >> 1) ^ -(found & 1) if isinstance(found, int) else 0

    def flag(self, number: int) -> bool:
        """A field of type bool."""
        return bool(self.integer(number))

    def data(self, number: int) -> bytes:
        """A field of type bytes."""
        found = self._last(number)
        return found if isinstance(found, bytes) else b""

    def all_data(self, number: int) -> list[bytes]:
        """A repeated field of type bytes."""
        return [item for item in self._fields.get(number, ()) if isinstance(item, bytes)]

    def text(self, number: int) -> str:
        """A field of type string. What is no UTF-8 is replaced."""
        return self.data(number).decode("utf-8", "replace")

    def texts(self, number: int) -> list[str]:
        """A repeated field of type string."""
        return [item.decode("utf-8", "replace") for item in self.all_data(number)]

    def message(self, number: int) -> Message:
        """A field that is a message; an empty one when there is none. Raises `CorruptData`."""
        return Message(b"".join(self.all_data(number)))  # parts of one message may stand apart; they are merged

    def messages(self, number: int) -> list[Message]:
        """A repeated field of messages. Raises `CorruptData`."""
        return [Message(item) for item in self.all_data(number)]

    def double(self, number: int) -> float:
        """A field of type double."""
        return next(reversed(self.doubles(number)), 0.0)

    def doubles(self, number: int) -> list[float]:
        """A repeated field of type double, packed or not."""
        return self._numbers(number, "d", 8)

    def single(self, number: int) -> float:
        """A field of type float."""
        return next(reversed(self.singles(number)), 0.0)

    def singles(self, number: int) -> list[float]:
        """A repeated field of type float, packed or not."""
        return self._numbers(number, "f", 4)

    def integers(self, number: int) -> list[int]:
        """A repeated field of type int32 or int64, packed or not. Raises `CorruptData`."""
        made: list[int] = []
        for item in self._fields.get(number, ()):
            if isinstance(item, int):
                made.append(item)
                continue
            place = 0
            while place < len(item):
                found, place = _varint(item, place)
                made.append(found)
        return [item - _MODULUS if item >= _SIGN else item for item in made]

    def _last(self, number: int) -> Field | None:
        found = self._fields.get(number)
        return found[-1] if found else None

    def _numbers(self, number: int, letter: str, size: int) -> list[float]:
        made: list[float] = []
        for item in self.all_data(number):
            count = len(item) // size
            made += struct.unpack(f"<{count}{letter}", item[: count * size])
        return made


def _read(data: bytes) -> dict[int, list[Field]]:
    fields: dict[int, list[Field]] = {}
    place, end = 0, len(data)
    while place < end:
        tag = data[place]
        if tag < 128:  # most tags are one byte
            place += 1
        else:
            tag, place = _varint(data, place)
        kind = tag & 7
        value: Field
        if kind == _BYTES:
            size, place = _varint(data, place)
            value = data[place : place + size]
            place += size
        elif kind == _VARINT:
            value, place = _varint(data, place)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
            value = data[place : place + size]
            place += size
        else:
            raise CorruptData(f"A field of a message has the unknown kind {kind}.")
        if place > end or tag < 8:
            raise CorruptData("A message ends in the middle of a field." if place > end else "A field has no number.")
        known = fields.get(tag >> 3)
        if known is None:
            fields[tag >> 3] = [value]
        else:
            known.append(value)
    return fields


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    for byte in data[place : place + _LONGEST_VARINT]:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value % _MODULUS, place + shift // 7
    raise CorruptData("A message ends in the middle of a number, or has one that is too long.")
