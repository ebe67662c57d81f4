"""The real client of MLflow, talking to a server on loopback: its own or a madang hub. Only its calls are timed."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from typing import Any

import data

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"

_NOW = 1_790_000_000_000


def _client(port: int) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"http://127.0.0.1:{port}")


def calls(port: int, kind: str, count: int) -> dict[str, float]:
    """So many calls of one kind, on a run of their own; ``units`` is what they are counted in."""
    from mlflow.entities import Metric, Param, RunTag

    client = _client(port)
    experiment = client.create_experiment(f"calls-{time.time_ns()}")
    run = client.create_run(experiment).info.run_id

    def metric(place: int) -> int:
        client.log_metric(run, "loss", place * 0.5, _NOW + place, place)
        return 1

    def metrics(place: int) -> int:
        client.log_batch(run, [Metric(f"k{key}", place + key * 0.1, _NOW + place, place) for key in range(10)])
        return 1

    def one_key(place: int) -> int:
        steps = range(place * 1000, place * 1000 + 1000)
        client.log_batch(run, [Metric("loss", step * 0.5, _NOW + step, step) for step in steps])
        return 1000

    def ten_keys(place: int) -> int:
        steps = range(place * 100, place * 100 + 100)
        client.log_batch(
            run, [Metric(f"k{key}", step + key * 0.1, _NOW + step, step) for step in steps for key in range(10)]
        )
        return 1000

    def whole_run(place: int) -> int:
        made = client.create_run(experiment, start_time=_NOW + place).info.run_id
        params, scalars, tags = data.called_run(place)
        client.log_batch(
            made,
            [Metric(key, value, _NOW, 1) for key, value in scalars.items()],
            [Param(*item) for item in params.items()],
            [RunTag(*item) for item in tags.items()],
        )
        client.set_terminated(made, end_time=_NOW + place + 1000)
        return 1

    kinds: dict[str, Callable[[int], int]] = {
        "metric": metric,
        "metrics": metrics,
        "one_key": one_key,
        "ten_keys": ten_keys,
        "run": whole_run,
    }
    act = kinds[kind]
    began = time.perf_counter()
    units = sum(act(place) for place in range(count))
    wall = time.perf_counter() - began
    client.search_runs([experiment], max_results=1)  # a server that puts work off until somebody reads does it now
    return {"wall": wall, "calls": count, "units": units}


def fill(port: int, runs: int, points: int) -> dict[str, str]:
    """An experiment of many runs as `calls` makes them, and a run with a long series."""
    client = _client(port)
    calls(port, "run", runs)
    newest = max(client.search_experiments(), key=lambda item: int(item.experiment_id))
    calls(port, "one_key", points // 1000)
    other = max(client.search_experiments(), key=lambda item: int(item.experiment_id))
    run = client.search_runs([other.experiment_id])[0].info.run_id
    return {"experiment": newest.experiment_id, "run": run}


def search(port: int, experiment: str, filter: str, times: int) -> dict[str, float]:
    """A hundred runs by a filter, the best first."""
    client = _client(port)
    began = time.perf_counter()
    for _ in range(times):
        found = client.search_runs([experiment], filter, order_by=["metrics.m0 DESC"], max_results=100)
    wall = time.perf_counter() - began
    named = " ".join(str(run.info.start_time) for run in found)  # runs are named by chance; no two begin together
    return {"wall": wall, "calls": times, "units": times, "found": zlib.crc32(named.encode())}


def history(port: int, run: str, times: int) -> dict[str, float]:
    """All points of a series."""
    client = _client(port)
    began = time.perf_counter()
    for _ in range(times):
        found = client.get_metric_history(run, "loss")
    wall = time.perf_counter() - began
    points = repr([(point.step, point.timestamp, point.value) for point in found])
    return {"wall": wall, "calls": times, "units": times, "found": zlib.crc32(points.encode())}
