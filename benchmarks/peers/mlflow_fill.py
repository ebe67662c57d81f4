"""Filling MLflow's SQLite store by SQL, and its client side of log_batch.

Logging 10,000 runs or 100,000 points through its own calls would take from minutes to an hour. The schema and the
experiment are made by its own store; only runs, params, metrics, latest metrics and tags are inserted, with the very
rows that its calls leave behind (compared by hand for 3.17.2).
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from pathlib import Path

import data

_NOW = 1_790_000_000_000


def _store(store: str) -> tuple[sqlite3.Connection, int]:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path = Path(store, "mlflow.db")
    made = SqlAlchemyStore(f"sqlite:///{path}", f"{store}/artifacts")
    experiment = int(made.create_experiment("bench"))
    made._dispose_engine()
    return sqlite3.connect(path), experiment


def _run(connection: sqlite3.Connection, experiment: int, run: str, name: str, began: int) -> None:
    connection.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
        " end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
        " VALUES (?, ?, 'UNKNOWN', '', '', 'bench', 'FINISHED', ?, ?, '', 'active', ?, ?)",
        (run, name, began, began + 1000, f"/artifacts/{experiment}/{run}/artifacts", experiment),
    )
    tags = {
        "mlflow.user": "bench",
        "mlflow.source.name": "train.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.runName": name,
    }
    connection.executemany(
        "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", [(key, value, run) for key, value in tags.items()]
    )


def _metrics(connection: sqlite3.Connection, run: str, rows: list[tuple[str, float, int, int]]) -> None:
    """(key, value, time ms, step), with the last of each key as its latest."""
    connection.executemany(
        "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, 0, ?)",
        [(*row, run) for row in rows],
    )
    latest = {row[0]: row for row in rows}
    connection.executemany(
        "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, 0, ?)",
        [(*row, run) for row in latest.values()],
    )


def series(store: str, points: int) -> dict[str, str]:
    """One run with one series."""
    connection, experiment = _store(store)
    run = f"{1:032x}"
    with connection:
        _run(connection, experiment, run, "long", _NOW)
        rows = [("loss", value, _NOW + step, step) for step, value in enumerate(data.long_series(points))]
        _metrics(connection, run, rows)
    connection.close()
    return {"run": run, "experiment": str(experiment)}


def runs(store: str, count: int) -> dict[str, str]:
    """Runs with ten params and ten metrics each."""
    connection, experiment = _store(store)
    with connection:
        for number, (params, metrics) in enumerate(data.many_runs(count)):
            run, began = f"{number + 1:032x}", _NOW + number * 1000
            _run(connection, experiment, run, f"run-{number:05}", began)
            connection.executemany(
                "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
                [(key, value, run) for key, value in params.items()],
            )
            _metrics(connection, run, [(key, value, began, 0) for key, value in metrics.items()])
    connection.close()
    return {"experiment": str(experiment)}


def called(store: str, count: int, points: int) -> dict[str, str]:
    """What `mlflow_calls.fill` leaves behind: runs with params, metrics and tags, and elsewhere one with a series."""
    connection, experiment = _store(store)
    long = f"{0:032x}"
    with connection:
        for number in range(count):
            run, began = f"{number + 1:032x}", _NOW + number
            params, metrics, tags = data.called_run(number)
            _run(connection, experiment, run, f"run-{number:05}", began)
            for table, pairs in (("params", params), ("tags", tags)):
                rows = [(key, value, run) for key, value in pairs.items()]
                connection.executemany(f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)", rows)
            _metrics(connection, run, [(key, value, _NOW, 1) for key, value in metrics.items()])
        _run(connection, 0, long, "long", _NOW)
        _metrics(connection, long, [("loss", step * 0.5, _NOW + step, step) for step in range(points)])
    connection.close()
    return {"experiment": str(experiment), "run": long}


def log_batch(port: int, points: int) -> dict[str, float]:
    """Send points to a server as log-batch requests of 1,000, its limit, ten keys a step; on one kept connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    experiment = _post(connection, "experiments/create", {"name": f"batch-{time.time_ns()}"})["experiment_id"]
    made = _post(connection, "runs/create", {"experiment_id": experiment, "start_time": _NOW})
    run = made["run"]["info"]["run_id"]
    rows = data.rows(points // 10)
    metrics = [
        {"key": key, "value": value, "timestamp": _NOW + step, "step": step}
        for step, row in enumerate(rows)
        for key, value in row.items()
    ]
    began = time.perf_counter()
    for start in range(0, len(metrics), 1000):
        _post(connection, "runs/log-batch", {"run_id": run, "metrics": metrics[start : start + 1000]})
    wall = time.perf_counter() - began
    connection.request("GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=k0&max_results=25000")
    kept = len(json.loads(connection.getresponse().read())["metrics"])
    return {"points": len(metrics), "wall": wall, "kept": kept}


def _post(connection: http.client.HTTPConnection, path: str, body: object) -> dict:  # type: ignore[type-arg]
    connection.request("POST", f"/api/2.0/mlflow/{path}", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}: {content[:500]!r}")
    found: dict[str, dict[str, dict[str, str]]] = json.loads(content)
    return found
