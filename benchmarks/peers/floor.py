"""The floor: the very frame that madang writes (time, step, values, length, sequence, hash chain), and one write(2)."""

from __future__ import annotations

import os
import struct
import time
from _blake2 import blake2b
from pathlib import Path

from peers.base import Points, Values

_HEAD = struct.Struct("<II")


class Tracker:
    def __init__(self, store: str, name: str) -> None:
        Path(store).mkdir(parents=True, exist_ok=True)
        self._fd = os.open(f"{store}/{name}.seg", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._chain, self._sequence = bytes(16), 0
        self._pack = struct.Struct("<BqqI10d").pack

    def log(self, values: Values, step: int) -> None:
        payload = self._pack(3, time.time_ns() // 1000, step, 0, *values.values())
        head = _HEAD.pack(len(payload), self._sequence)
        self._chain = blake2b(self._chain + head + payload, digest_size=16).digest()
        os.write(self._fd, head + self._chain + payload)
        self._sequence += 1

    def close(self) -> None:
        os.close(self._fd)


def read(store: str) -> dict[str, Points]:
    unpack = struct.Struct("<8x16xBqqI10d")
    runs: dict[str, Points] = {}
    for path in Path(store).glob("*.seg"):
        points: Points = {f"k{number}": {} for number in range(10)}
        data = path.read_bytes()
        for start in range(0, len(data) - unpack.size + 1, unpack.size):
            _, _, step, _, *values = unpack.unpack_from(data, start)
            for number, value in enumerate(values):
                points[f"k{number}"][step] = value
        runs[path.stem] = points
    return runs
