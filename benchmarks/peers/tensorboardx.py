"""tensorboardX: an event file. It has no call for many scalars at once, and keeps float32."""

from __future__ import annotations

from pathlib import Path

from tensorboardX import SummaryWriter

from peers.base import Points, Values


class Tracker:
    def __init__(self, store: str, name: str) -> None:
        self._writer = SummaryWriter(logdir=f"{store}/{name}")

    def log(self, values: Values, step: int) -> None:
        add = self._writer.add_scalar
        for key, value in values.items():
            add(key, value, step)

    def close(self) -> None:
        self._writer.close()


def read(store: str) -> dict[str, Points]:
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    runs: dict[str, Points] = {}
    for path in Path(store).glob("*/events*"):
        points: Points = runs.setdefault(path.parent.name, {})
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                points.setdefault(value.tag, {})[event.step] = value.simple_value
    return runs
