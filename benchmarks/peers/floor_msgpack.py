"""A lower floor, without a hash: the call as MessagePack with its keys, and one write(2)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from peers.base import Points, Values


class Tracker:
    def __init__(self, store: str, name: str) -> None:
        Path(store).mkdir(parents=True, exist_ok=True)
        self._fd = os.open(f"{store}/{name}.msgpack", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._encode = msgspec.msgpack.Encoder().encode

    def log(self, values: Values, step: int) -> None:
        data = self._encode((time.time_ns() // 1000, step, values))
        os.write(self._fd, len(data).to_bytes(4, "little") + data)

    def close(self) -> None:
        os.close(self._fd)


def read(store: str) -> dict[str, Points]:
    runs: dict[str, Points] = {}
    for path in Path(store).glob("*.msgpack"):
        points: Points = {}
        data, start = path.read_bytes(), 0
        while start + 4 <= len(data):
            size = int.from_bytes(data[start : start + 4], "little")
            if start + 4 + size > len(data):
                break
            _, step, values = msgspec.msgpack.decode(data[start + 4 : start + 4 + size])
            for key, value in values.items():
                points.setdefault(key, {})[step] = value
            start += 4 + size
        runs[path.stem] = points
    return runs
