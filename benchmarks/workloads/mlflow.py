"""MLflow's real client against its own server and against a hub: the server's CPU and the client's wall time."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import Bench, Failed, median, ratio
from report import Check, Table
from servers import Server, free_port, serving

from workloads.memory import ONE, hub_command, mlflow_command

_WRITING = {
    "one_key": ("log_batch, 1,000 points of one key", "point", 50, 100),
    "ten_keys": ("log_batch, 100 steps of ten keys", "point", 50, 100),
    "metric": ("log_metric", "call", 10, 1000),
    "metrics": ("log_metrics of ten keys", "call", 10, 500),
    "run": ("create, 10 params, 10 metrics, 5 tags, end", "run", 10, 1000),
}
_FEWER = {"point": 2, "call": 5, "run": 5}  # times fewer with --quick: so many that a tick of the CPU's clock is little
_SEARCHES = {
    "by a metric": "metrics.m0 > 0.5",
    "by a metric and a parameter": "metrics.m0 > 0.5 AND params.p1 = '7'",
    "by order alone": "",
}


def measure(bench: Bench) -> list[Table]:
    with _both_serving(bench, _folders(bench)) as servers:
        tables = [_writing(bench, servers)]
    return [*tables, _reading(bench)]


def _folders(bench: Bench) -> dict[str, Path]:
    return {name: bench.folder(f"edge-{name}") for name in ("madang", "mlflow")}


@contextmanager
def _both_serving(bench: Bench, folders: dict[str, Path]) -> Iterator[dict[str, Server]]:
    port, other = (free_port() for _ in folders)
    ours, theirs = folders["madang"], folders["mlflow"]
    with (
        serving(bench, hub_command(ours, port), port, cwd=ours) as hub,
        serving(bench, mlflow_command(theirs, other), other, cwd=theirs, env=ONE) as own,
    ):
        yield {"madang": hub, "mlflow": own}


def _writing(bench: Bench, servers: dict[str, Server]) -> Table:
    table = Table(
        "MLflow's client, writing (server CPU in µs a unit, client's wall in ms a call)",
        "| unit | madang CPU | mlflow CPU | madang wall | mlflow wall",
    )
    for kind, (what, unit, bound, count) in _WRITING.items():
        times = count // _FEWER[unit] if bench.quick else count
        found = _both(
            bench, servers, lambda server, kind=kind, times=times: {"task": "calls", "kind": kind, "count": times}
        )
        _compare(table, what, unit, bound, found)
    return table


def _reading(bench: Bench) -> Table:
    runs, points = (1_000, 10_000) if bench.quick else (10_000, 100_000)
    table = Table(
        f"MLflow's client, reading: {runs:,} runs searched (100 answered), a series of {points:,} points",
        "| unit | madang CPU | mlflow CPU | madang wall | mlflow wall",
    )
    folders = _folders(bench)
    theirs = bench.drive("mlflow_fill", "called", store=folders["mlflow"], count=runs, points=points).result
    with _both_serving(bench, folders) as servers:
        port = servers["madang"].port
        ours = bench.drive("mlflow_calls", "fill", timeout=3600, port=port, runs=runs, points=points).result
        made = {port: ours, servers["mlflow"].port: theirs}
        for what, text in _SEARCHES.items():
            found = _both(
                bench,
                servers,
                lambda server, text=text: {
                    "task": "search",
                    "experiment": made[server.port]["experiment"],
                    "filter": text,
                    "times": 3,
                },
            )
            slow = median(item["cpu"] for item in found["mlflow"]) > 1 if found["mlflow"] else True
            _compare(table, f"search_runs {what}", "call", 50 if slow else 10, found)
        found = _both(bench, servers, lambda server: {"task": "history", "run": made[server.port]["run"], "times": 3})
        _compare(table, "get_metric_history", "call", 30, found)
    table.notes.append("the same runs in the same order, the same points; the hub filled by the client, MLflow by SQL")
    return table


def _both(
    bench: Bench, servers: dict[str, Server], arguments: Callable[[Server], dict[str, Any]]
) -> dict[str, list[dict[str, float]]]:
    subjects = {name: functools.partial(_cost, bench, server, arguments(server)) for name, server in servers.items()}
    for once in subjects.values():
        once()  # warm
    return bench.interleave(subjects, min(3, bench.repeats))


def _cost(bench: Bench, server: Server, arguments: dict[str, Any]) -> dict[str, float]:
    began, task = server.cpu(), arguments["task"]
    given = {name: item for name, item in arguments.items() if name != "task"}
    found = bench.drive("mlflow_calls", task, timeout=3600, port=server.port, **given).result
    time.sleep(2)
    if not found["units"]:
        raise Failed(f"{task} did nothing")
    return {
        "cpu": (server.cpu() - began) / found["units"],
        "wall": found["wall"] / found["calls"],
        "found": found.get("found", 0),
    }


def _compare(table: Table, what: str, unit: str, bound: float, found: dict[str, list[dict[str, float]]]) -> None:
    if not all(found.values()):
        table.row(what, unit, *["failed"] * 4)
        return
    if {item["found"] for item in found["madang"]} != {item["found"] for item in found["mlflow"]}:
        raise Failed(f"{what}: the servers answer differently")
    cpu, wall = (
        {name: median(item[key] for item in items) for name, items in found.items()} for key in ("cpu", "wall")
    )
    table.row(what, unit, *(cpu[name] * 1e6 for name in cpu), *(wall[name] * 1000 for name in wall))
    table.checks.append(
        Check(f"{what}: server CPU, mlflow / madang", ratio(cpu["mlflow"], cpu["madang"]), bound, False)
    )
    table.checks.append(
        Check(f"{what}: client's wall, mlflow / madang", ratio(wall["mlflow"], wall["madang"]), 3, False)
    )
    table.raw[what] = found
