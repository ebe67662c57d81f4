"""10,000 runs of ten params and ten metrics, searched with filter and order through the HTTP API."""

from __future__ import annotations

import functools
import json
import urllib.parse

from harness import Bench, Failed, median, ratio
from report import Check, Table
from servers import Server, free_port, serving

from workloads.memory import ONE, hub_command, mlflow_command

# What is asked: (what, filter, order for MLflow, order for madang, limit). Both speak the same filter language.
QUERIES = [
    (
        "1 in 40, ordered by a metric",
        "metrics.m0 > 0.9 and params.p1 = '3'",
        ["metrics.m1 DESC"],
        ["metrics.m1 desc"],
        100,
    ),
    ("half of them, ordered by a metric", "metrics.m0 > 0.5", ["metrics.m1 DESC"], ["metrics.m1 desc"], 100),
    ("no filter, ordered by a metric", "", ["metrics.m1 DESC"], ["metrics.m1 desc"], 100),
    (
        "three terms, ordered by a param and a metric",
        "metrics.m0 > 0.2 and metrics.m3 < 0.8 and params.p2 = '5'",
        ["params.p1 ASC", "metrics.m2 ASC"],
        ["params.p1 asc", "metrics.m2 asc"],
        1000,
    ),
]


def measure(bench: Bench) -> list[Table]:
    count = 2_000 if bench.quick else 10_000
    table = Table(
        f"{count:,} runs searched through the HTTP API, server CPU and wall in ms",
        "| madang CPU | madang wall | first, wall | kB | mlflow CPU | mlflow wall | kB | CPU: mlflow / madang | runs",
    )
    ours, theirs = bench.folder("search-madang"), bench.folder("search-mlflow")
    experiment = bench.drive("mlflow_fill", "runs", store=theirs, count=count).result["experiment"]
    port, other = free_port(), free_port()
    with (
        serving(bench, hub_command(ours, port), port, cwd=ours) as hub,
        serving(bench, mlflow_command(theirs, other), other, cwd=theirs, env=ONE) as mlflow,
    ):
        filled = bench.drive("madang_fill", "upload_runs", port=port, folder=ours, count=count).result["wall"]
        for what, where, their_order, our_order, limit in QUERIES:
            path = _path(where, our_order, limit)
            body = {
                "experiment_ids": [experiment],
                "filter": where,
                "order_by": their_order,
                "max_results": limit,
            }
            _, first = hub.cost([("GET", path, None)], least=0)  # once: the rows were never asked for
            answers = hub.ask("GET", path), mlflow.ask("POST", "/api/2.0/mlflow/runs/search", body)
            found = _compare(what, *answers)
            taken = bench.interleave(
                {
                    "madang": functools.partial(_cost, hub, "GET", path, None),
                    "mlflow": functools.partial(_cost, mlflow, "POST", "/api/2.0/mlflow/runs/search", body),
                }
            )
            mine, other_one = (
                tuple(median(figure[column] for figure in taken[name]) for column in (0, 1))
                for name in ("madang", "mlflow")
            )
            share, bound = ratio(other_one[0], mine[0]), 50 if other_one[0] > 1 else 10
            sizes = [len(answer) / 1000 for answer in answers]
            table.row(
                what,
                *(mine[0] * 1000, mine[1] * 1000, first * 1000, sizes[0]),
                *(other_one[0] * 1000, other_one[1] * 1000, sizes[1]),
                *(share, found),
            )
            table.checks.append(Check(f"{what}: mlflow / madang", share, bound, at_most=False))
            table.raw[what] = taken
    table.notes.append(
        f"bound 50× where MLflow spends over a second, else 10×; {count:,} runs uploaded in {filled:.1f} s"
    )
    table.notes.append("both answers name the same runs in the same order")
    return [table]


def _path(where: str, order: list[str], limit: int) -> str:
    asked = [("filter", where), *(("order_by", item) for item in order), ("limit", str(limit))]
    return f"/api/v1/projects/bench/runs?{urllib.parse.urlencode([item for item in asked if item[1]])}"


def _cost(server: Server, method: str, path: str, body: object) -> tuple[float, float]:
    return server.cost([(method, path, body)])


def _compare(what: str, ours: bytes, theirs: bytes) -> int:
    """Both must name the same runs in the same order."""
    mine = [run["name"] for run in json.loads(ours)["runs"]]
    other = [run["info"]["run_name"] for run in json.loads(theirs).get("runs", [])]
    if mine != other:
        raise Failed(f"{what}: madang found {len(mine)} runs {mine[:3]}, mlflow {len(other)} {other[:3]}")
    return len(mine)
