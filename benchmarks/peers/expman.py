"""expman-rs: a channel to a Rust thread that writes Parquet. Console, system metrics and provenance off."""

from __future__ import annotations

from pathlib import Path

import expman

from peers.base import Points, Values


class Tracker:
    def __init__(self, store: str, name: str) -> None:
        self._run = expman.Experiment(
            "bench",
            run_name=name,
            base_dir=store,
            redirect_console=False,
            system_metrics_interval_secs=0,
            capture_provenance=False,
        )

    def log(self, values: Values, step: int) -> None:
        self._run.log_vector(values, step=step)

    def close(self) -> None:
        self._run.close()


def read(store: str) -> dict[str, Points]:
    runs: dict[str, Points] = {}
    for folder in Path(store, "bench").iterdir():
        if not folder.is_dir():
            continue
        points: Points = {}
        for row in expman.read_metrics(str(folder)):
            for key, value in row.items():
                if key not in ("step", "timestamp") and value is not None:
                    points.setdefault(key, {})[row["step"]] = value
        runs[folder.name] = points
    return runs
