"""Aim: RocksDB, written in the calling thread. System metrics, console and system parameters off.

Its SDK reads no run before `aim storage reindex` has indexed it; the reader does that first, on its own time.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import aim

from peers.base import Points, Values


class Tracker:
    def __init__(self, store: str, name: str) -> None:
        self._run = aim.Run(
            repo=store,
            experiment="bench",
            system_tracking_interval=None,
            capture_terminal_logs=False,
            log_system_params=False,
        )
        self._run.name = name

    def log(self, values: Values, step: int) -> None:
        self._run.track(values, step=step)

    def close(self) -> None:
        self._run.close()


def read(store: str) -> dict[str, Points]:
    program = str(Path(sys.executable).parent / "aim")
    subprocess.run(
        [program, "storage", "--repo", store, "reindex"], input=b"y\n", stdout=subprocess.DEVNULL, check=True
    )
    runs: dict[str, Points] = {}
    for run in aim.Repo.from_path(store).iter_runs():
        points: Points = {}
        for metric in run.metrics():
            steps, (values, *_) = metric.data.numpy()
            points[metric.name] = {int(step): float(value) for step, value in zip(steps, values, strict=True)}
        runs[run.name] = points
    return runs
