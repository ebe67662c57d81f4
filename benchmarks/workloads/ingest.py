"""Segments into records: against merely decoding the same frames, and against MLflow's log_batch through its server."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import Bench, Failed, median, ratio
from report import Check, Table
from servers import Server, free_port, serving

from workloads.memory import ONE, hub_command, mlflow_command


def measure(bench: Bench) -> list[Table]:
    tables = [_beside_decoding(bench)]
    try:
        tables.append(_beside_mlflow(bench))
    except Failed as error:
        bench.say(f"not measured through the server: {error}")
    return tables


def _beside_decoding(bench: Bench) -> Table:
    calls = 20_000
    subjects: dict[str, Callable[[], Any]] = {
        "decode": lambda: bench.drive("madang_fill", "decode", folder=bench.folder("decode"), calls=calls).result,
        "ingest": functools.partial(_ingest, bench, calls),
    }
    taken = bench.interleave(subjects)
    table = Table(f"Ingest of one segment of {calls:,} frames × 10 keys", "| CPU, ms | µs a frame | points per CPU s")
    cpu = {name: median(item["cpu"] for item in items) for name, items in taken.items() if items}
    for name, what in (("decode", "verify and decode only"), ("ingest", "file → records (catch_up), sealed")):
        if name in cpu:
            table.row(what, cpu[name] * 1000, cpu[name] / calls * 1e6, int(calls * 10 / cpu[name]))
    if len(cpu) == 2:
        table.checks.append(Check("ingest / decoding", ratio(cpu["ingest"], cpu["decode"]), 8))
    table.raw = dict(taken)
    return table


def _ingest(bench: Bench, calls: int) -> dict[str, Any]:
    store = bench.folder("ingest")
    found: dict[str, Any] = bench.drive("madang_fill", "ingest", store=store, calls=calls).result
    bench.drop(store)
    if found["kept"] != calls:
        raise Failed(f"ingest kept {found['kept']} of {calls} points of a series")
    return found


def _beside_mlflow(bench: Bench) -> Table:
    calls, theirs = 20_000, 1_000 if bench.quick else 3_000
    table = Table(
        "Ingest through the server (SQLite): upload of a segment, and MLflow's log-batch of 1,000 points a request",
        "| points | server CPU, s | client's wall, s | points per server CPU s",
    )
    folder, other_folder = bench.folder("ingest-hub"), bench.folder("ingest-mlflow")
    port, other = free_port(), free_port()
    with (
        serving(bench, hub_command(folder, port), port, cwd=folder) as hub,
        serving(bench, mlflow_command(other_folder, other), other, cwd=other_folder, env=ONE) as mlflow,
    ):
        subjects = {
            "madang": functools.partial(_upload, bench, hub, folder, calls),
            "mlflow": functools.partial(
                _server_cost, bench, mlflow, "mlflow_fill", "log_batch", port=other, points=theirs * 10
            ),
        }
        for once in subjects.values():
            once()  # warm
        taken = bench.interleave(subjects)
    speed = {}
    for name, items in taken.items():
        if not items:
            table.row(name, *["failed"] * 4)
            continue
        cpu, wall = (median(item[key] for item in items) for key in ("cpu", "wall"))
        speed[name] = items[0]["points"] / cpu
        table.row(name, items[0]["points"], cpu, wall, int(speed[name]))
    if len(speed) == 2:
        share = ratio(speed["madang"], speed["mlflow"])
        table.checks.append(Check("points per server CPU second: madang / mlflow", share, 100, at_most=False))
    table.notes.append(
        "CPU until 3 s after the last request, so that work put off by the server is counted; client not counted"
    )
    table.raw = dict(taken)
    return table


def _upload(bench: Bench, server: Server, folder: Path, calls: int) -> dict[str, float]:
    run = os.urandom(16).hex()
    return _server_cost(
        bench, server, "madang_fill", "upload_metrics", port=server.port, folder=folder, calls=calls, run=run
    )


def _server_cost(bench: Bench, server: Server, peer: str, task: str, **arguments: Any) -> dict[str, float]:
    began = server.cpu()
    found = bench.drive(peer, task, **arguments).result
    time.sleep(3)
    if found["kept"] * 10 != found["points"]:
        raise Failed(f"{peer} kept {found['kept']} of {found['points'] / 10} points of a series")
    return {"cpu": server.cpu() - began, "wall": found["wall"], "points": found["points"]}
