"""The real client of W&B, online, talking to a server on loopback: a madang hub, or one that only answers 200."""

from __future__ import annotations

import os
import resource
import time
from typing import Any

from data import values

KEY = "0123456789" * 4


def _settings(store: str, name: str) -> Any:
    import wandb

    return wandb.Settings(
        console="off",
        x_disable_stats=True,
        x_disable_meta=True,
        disable_git=True,
        disable_code=True,
        save_code=False,
        silent=True,
        root_dir=store,
        run_id=name,
    )


def _environment(port: int) -> None:
    os.environ.update(WANDB_BASE_URL=f"http://127.0.0.1:{port}", WANDB_API_KEY=KEY, WANDB_MODE="online")


def calls(port: int, store: str, name: str, count: int, project: str = "bench") -> dict[str, float]:
    """A run of so many `log` calls with ten values each: the loop, the time to the end, CPU with the helper process."""
    _environment(port)
    import wandb

    source = values(1)
    rows = [next(source) for _ in range(count)]
    run = wandb.init(project=project, settings=_settings(store, name))
    began, cpu = time.perf_counter(), time.process_time()
    for row in rows:
        run.log(row)
    looped, spent = time.perf_counter() - began, time.process_time() - cpu
    run.finish()
    closed = time.perf_counter() - began
    wandb.teardown()
    own, helper = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "call": looped / count * 1e6,
        "call_cpu": spent / count * 1e6,
        "closed": closed,
        "cpu": own.ru_utime + own.ru_stime + helper.ru_utime + helper.ru_stime,
    }


def count(port: int, path: str) -> dict[str, int]:
    """How many rows of history the server has of a run."""
    _environment(port)
    import wandb

    return {"rows": sum(1 for _ in wandb.Api().run(path).scan_history(page_size=10_000))}


def runs(port: int, path: str, page: int = 1000) -> dict[str, float]:
    """All runs of a project through the public API."""
    _environment(port)
    import wandb

    api = wandb.Api(timeout=600)
    began, cpu = time.perf_counter(), time.process_time()
    found = [(run.id, run.name, run.state, run.config, run.summary_metrics) for run in api.runs(path, per_page=page)]
    return {"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu, "found": len(found)}
