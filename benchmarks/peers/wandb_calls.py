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


def kept(port: int, names: list[str], count: int, project: str = "bench") -> dict[str, int]:
    """How many rows of these runs the server has whole: every value of `calls`, at its step."""
    _environment(port)
    import wandb

    api = wandb.Api(timeout=600)
    source = values(1)
    wanted = [next(source) for _ in range(count)]
    whole = 0
    for name in names:
        rows = api.run(f"{api.default_entity}/{project}/{name}").scan_history(page_size=10_000)
        found = {row["_step"]: row for row in rows}
        whole += sum(
            all(found.get(step, {}).get(key) == item for key, item in row.items()) for step, row in enumerate(wanted)
        )
    return {"kept": whole}
