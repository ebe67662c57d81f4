"""One series of 100,000 points read through the HTTP API, whole; and down-sampled as a chart wants it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from harness import Bench, Failed, median, ratio
from report import Check, Table
from servers import Server, free_port, serving

import data
from workloads.memory import ONE, hub_command, mlflow_command


def measure(bench: Bench) -> list[Table]:
    points, repeats = 100_000, bench.repeats
    table = Table(
        f"One series of {points:,} points through the HTTP API",
        "| server CPU, ms | wall, ms | answer, kB | points read",
    )
    wanted = data.long_series(points)
    cost: dict[str, tuple[float, float]] = {}
    ours, theirs = bench.folder("series-madang"), bench.folder("series-mlflow")
    filled = bench.drive("mlflow_fill", "series", store=theirs, points=points).result
    port, other = free_port(), free_port()
    with (
        serving(bench, hub_command(ours, port), port, cwd=ours) as hub,
        serving(bench, mlflow_command(theirs, other), other, cwd=theirs, env=ONE) as mlflow,
    ):
        made = bench.drive("madang_fill", "upload_series", port=port, folder=ours, points=points).result
        subjects: dict[str, Callable[[], tuple[float, float, float, float]]] = {
            "madang, JSON": lambda: _hub(hub, made["run"], "application/json", wanted),
            "madang, MessagePack": lambda: _hub(hub, made["run"], "application/x-msgpack", None),
            "madang, 1,000 samples": lambda: _sampled(hub, made["run"]),
            "mlflow, get-history": lambda: _mlflow(mlflow, filled["run"], wanted),
            "mlflow, get-history-bulk-interval": lambda: _bulk(mlflow, filled["run"]),
        }
        for measure_once in subjects.values():
            measure_once()  # warm: both have read their files once
        taken = bench.interleave(subjects, repeats)
    for name, figures in taken.items():
        if not figures:
            table.row(name, *["failed"] * 4)
            continue
        cpu, wall, size, count = (median(figure[column] for figure in figures) for column in range(4))
        cost[name] = cpu, wall
        table.row(name, cpu * 1000, wall * 1000, size / 1000, int(count))
    theirs_cost = cost.get("mlflow, get-history")
    if theirs_cost and "madang, JSON" in cost:
        mine = cost["madang, JSON"]
        table.checks.append(
            Check("server CPU: mlflow / madang (JSON)", ratio(theirs_cost[0], mine[0]), 20, at_most=False)
        )
        table.checks.append(Check("wall: mlflow / madang (JSON)", ratio(theirs_cost[1], mine[1]), 20, at_most=False))
    table.notes.append("whole series: MLflow in pages of 25,000, its most; the values compared with what was logged")
    table.raw = dict(taken)
    return [table]


def _hub(server: Server, run: str, accept: str, wanted: list[float] | None) -> tuple[float, float, float, float]:
    path = f"/api/v1/runs/{run}/history?keys=loss"
    answer = server.ask("GET", path, headers={"Accept": accept})
    if wanted is not None:
        series = json.loads(answer)["series"]["loss"]
        if series["values"] != wanted or series["steps"] != list(range(len(wanted))):
            raise Failed(f"madang's series is not what was logged: {len(series['values'])} values")
    cpu, wall = server.cost([("GET", path, None)], accept=accept)
    return cpu, wall, len(answer), 100_000


def _sampled(server: Server, run: str) -> tuple[float, float, float, float]:
    path = f"/api/v1/runs/{run}/history?keys=loss&samples=1000"
    answer = server.ask("GET", path)
    cpu, wall = server.cost([("GET", path, None)])
    return cpu, wall, len(answer), len(json.loads(answer)["series"]["loss"]["values"])


def _mlflow(server: Server, run: str, wanted: list[float]) -> tuple[float, float, float, float]:
    path = f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss&max_results=25000"
    pages: list[tuple[str, str, Any]] = []
    found: list[float] = []
    size, token = 0, ""
    while True:
        page = path + (f"&page_token={token}" if token else "")
        answer = server.ask("GET", page)
        body = json.loads(answer)
        pages.append(("GET", page, None))
        found += [item["value"] for item in body["metrics"]]
        size, token = size + len(answer), body.get("next_page_token", "")
        if not token:
            break
    if not all(map(math.isclose, found, wanted)) or len(found) != len(wanted):
        raise Failed(f"mlflow's series is not what was logged: {len(found)} values")
    cpu, wall = server.cost(pages)
    return cpu, wall, size, len(found)


def _bulk(server: Server, run: str) -> tuple[float, float, float, float]:
    """What MLflow's own page asks: at most 2,500 points, evenly spaced."""
    path = f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={run}&metric_key=loss&max_results=1000"
    answer = server.ask("GET", path)
    cpu, wall = server.cost([("GET", path, None)])
    return cpu, wall, len(answer), len(json.loads(answer)["metrics"])
