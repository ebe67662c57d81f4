"""madang as a user gets it: all its captures on (code, environment, console, system samples). MADANG_DIR says where."""

from __future__ import annotations

import madang
from peers.base import Points, Values


class Tracker:
    def __init__(self, store: str, name: str) -> None:
        self._run = madang.init(project="bench", name=name, dir=store)

    def log(self, values: Values, step: int) -> None:
        self._run.log(values, step=step)

    def close(self) -> None:
        self._run.finish()


def read(store: str) -> dict[str, Points]:
    runs: dict[str, Points] = {}
    for row in madang.runs(project="bench", limit=10_000, dir=store):
        found = madang.get_run(row["id"], dir=store)
        history = found.history([f"k{number}" for number in range(10)])
        steps = history["step"]
        runs[found.name] = {
            key: {int(step): value for step, value in zip(steps, column, strict=True) if value is not None}
            for key, column in history.items()
            if key.startswith("k")
        }
    return runs
