"""trackio: a thread writes a queue to SQLite. CPU and GPU sampling off. TRACKIO_DIR says where."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import trackio

from peers.base import Points, Values


class Tracker:
    def __init__(self, store: str, name: str) -> None:
        self._run = trackio.init(project="bench", name=name, embed=False, auto_log_gpu=False, auto_log_cpu=False)
        self._log = trackio.log

    def log(self, values: Values, step: int) -> None:
        self._log(values, step=step)

    def close(self) -> None:
        trackio.finish()


def read(store: str) -> dict[str, Points]:
    """By SQL: its API has no reader of histories."""
    runs: dict[str, Points] = {}
    with sqlite3.connect(Path(store, "bench.db")) as connection:
        try:
            rows = connection.execute("SELECT run_name, step, metrics FROM metrics").fetchall()
        except sqlite3.OperationalError:
            return runs  # killed before the table was made
    for name, step, text in rows:
        points = runs.setdefault(name, {})
        for key, value in json.loads(text).items():
            points.setdefault(key, {})[step] = value
    return runs
