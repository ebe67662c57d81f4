"""10,000 runs listed by `wandb.Api()` of the real client: the first time, when no row is encoded, and again."""

from __future__ import annotations

from typing import Any

from harness import Bench, median
from report import Check, Table
from servers import Server, free_port, serving

from workloads.memory import hub_command

_BOUND = 500  # runs a second
_WAYS: dict[str, dict[str, Any]] = {
    "with config and summary, 50 a page": {"lazy": False, "per_page": 50},
    "as the client lists by default, 50 a page": {"lazy": True, "per_page": 50},
    "with config and summary, 1,000 a page": {"lazy": False, "per_page": 1000},
    "half of them, by a filter": {"lazy": True, "per_page": 50, "filters": {"summary_metrics.m0": {"$gt": 0.5}}},
}


def measure(bench: Bench) -> list[Table]:
    count = 2_000 if bench.quick else 10_000
    table = Table(f"{count:,} runs listed by wandb.Api()", "| runs | runs a second | server CPU, ms a run | first time")
    folder, port = bench.folder("wandb-runs"), free_port()
    with serving(bench, hub_command(folder, port), port, cwd=folder) as hub:
        bench.drive("madang_fill", "upload_runs", port=port, folder=folder, count=count)
        for what, way in _WAYS.items():
            first = _listed(bench, hub, way)
            again = [_listed(bench, hub, way) for _ in range(min(3, bench.repeats))]
            speed = median(item["count"] / item["wall"] for item in again)
            spent = median(item["server"] / item["count"] for item in again)
            slowest = first["count"] / first["wall"]
            table.row(what, first["count"], speed, spent * 1000, slowest)
            table.checks.append(Check(f"{what}: runs a second", min(speed, slowest), _BOUND, False, "/s"))
            table.raw[what] = [first, *again]
    return [table]


def _listed(bench: Bench, hub: Server, way: dict[str, Any]) -> dict[str, float]:
    before = hub.cpu()
    found: dict[str, float] = bench.drive(
        "wandb_runs", "listed", timeout=600, port=hub.port, store=bench.folder("wandb-api"), **way
    ).result
    return {**found, "server": hub.cpu() - before}
