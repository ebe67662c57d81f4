"""Tensors as TensorFlow writes them (`tensorboard/compat/proto/tensor.proto`): plain numbers, or texts."""

from __future__ import annotations

import struct

from madang.domain.values import value
from madang.errors import CorruptData
from madang.formats.protobuf import Message

_TEXT, _HALF, _BRAIN_HALF = 7, 19, 14
_LETTERS = {1: "f", 2: "d", 3: "i", 4: "B", 5: "h", 6: "b", 9: "q", 10: "?", 17: "H", 19: "e", 22: "I", 23: "Q"}
_FIELDS = {5: "singles", 6: "doubles", 7: "integers", 10: "integers", 11: "integers", 16: "integers", 17: "integers"}
_HALVES = 13
_MOST = 1 << 24  # numbers of one tensor


@value
class Tensor:
    """Its numbers, or its texts, in the order of rows."""

    shape: list[int]
    numbers: list[float]
    texts: list[bytes]


def read_tensor(body: Message) -> Tensor:
    """The numbers or texts of a tensor; none where it has a type that is neither.

    Raises:
        CorruptData: it is no tensor, or a huge one.
    """
    kind = body.integer(1)
    shape = [item.integer(1) for item in body.message(2).messages(2)]
    if kind == _TEXT:
        return Tensor(shape, [], body.all_data(8))
    wanted = 1
    for size in shape:
        wanted *= size
    if wanted > _MOST or wanted < 0:
        raise CorruptData(f"A tensor has {wanted} numbers, which is too many.")
    numbers = _packed(body.data(4), kind) if body.data(4) else _listed(body, kind)
    if 0 < len(numbers) < wanted:  # the last one stands for all that follow
        numbers += [numbers[-1]] * (wanted - len(numbers))
    return Tensor(shape, numbers[:wanted], [])


def _packed(content: bytes, kind: int) -> list[float]:
    if kind == _BRAIN_HALF:
        halves = struct.unpack(f"<{len(content) // 2}H", content[: len(content) // 2 * 2])
        return [_brain_half(item) for item in halves]
    letter = _LETTERS.get(kind)
    if letter is None:
        return []
    count = len(content) // struct.calcsize(f"<{letter}")
    return list(map(float, struct.unpack_from(f"<{count}{letter}", content)))


def _listed(body: Message, kind: int) -> list[float]:
    if _HALVES in body:
        read = _brain_half if kind == _BRAIN_HALF else _half
        return [read(item & 0xFFFF) for item in body.integers(_HALVES)]
    for number, name in _FIELDS.items():
        if number in body:
            return list(map(float, getattr(body, name)(number)))
    return [0.0]


def _half(bits: int) -> float:
    found: float = struct.unpack("<e", struct.pack("<H", bits))[0]
    return found


def _brain_half(bits: int) -> float:
    found: float = struct.unpack("<f", struct.pack("<I", bits << 16))[0]
    return found
