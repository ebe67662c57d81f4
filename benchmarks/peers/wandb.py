"""wandb, offline: a socket to its helper. Console, statistics, metadata, Git and code capture off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import wandb

from peers.base import Points, Values

_BLOCK = 32768


class Tracker:
    def __init__(self, store: str, name: str) -> None:
        settings = wandb.Settings(
            console="off",
            x_disable_stats=True,
            x_disable_meta=True,
            disable_git=True,
            disable_code=True,
            save_code=False,
            silent=True,
        )
        self._run = wandb.init(mode="offline", dir=store, project="bench", id=name, settings=settings)

    def log(self, values: Values, step: int) -> None:
        self._run.log(values, step=step)

    def close(self) -> None:
        self._run.finish()


def read(store: str) -> dict[str, Points]:
    """The .wandb files: it has no reader for offline runs."""
    from wandb.proto import wandb_internal_pb2

    runs: dict[str, Points] = {}
    for path in Path(store).rglob("*.wandb"):
        points: Points = {}
        for data in _records(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.WhichOneof("record_type") != "history":
                continue
            row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            for key, value in row.items():
                if not key.startswith("_"):
                    points.setdefault(key, {})[row["_step"]] = value
        runs[path.stem.removeprefix("run-")] = points
    return runs


def _records(data: bytes) -> Iterator[bytes]:
    """LevelDB's log format: blocks of 32 KiB, each record a CRC, a length and a type (full, first, middle, last)."""
    position, parts = 7, b""
    while position + 7 <= len(data):
        if _BLOCK - position % _BLOCK < 7:
            position += _BLOCK - position % _BLOCK
            continue
        size, kind = int.from_bytes(data[position + 4 : position + 6], "little"), data[position + 6]
        if kind == 0 or position + 7 + size > len(data):
            return
        parts += data[position + 7 : position + 7 + size]
        position += 7 + size
        if kind in (1, 4):
            yield parts
            parts = b""
