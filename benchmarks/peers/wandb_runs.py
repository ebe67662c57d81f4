"""The public API of W&B's real client over the runs of a hub on loopback."""

from __future__ import annotations

import os
import time

KEY = "0123456789" * 4


def listed(port: int, store: str, *, lazy: bool, per_page: int, filters: dict[str, object] | None = None) -> object:
    """All runs of a project: how many, wall seconds, CPU seconds of this process. ``lazy``: without their config."""
    os.environ.update(
        WANDB_BASE_URL=f"http://127.0.0.1:{port}", WANDB_API_KEY=KEY, WANDB_DIR=store, WANDB_SILENT="true"
    )
    import wandb

    api = wandb.Api(timeout=120)
    began, cpu = time.perf_counter(), time.process_time()
    count = 0
    for run in api.runs("madang/bench", filters=filters, per_page=per_page, lazy=lazy):
        count += bool(run.name if lazy else run.config and run.summary_metrics)
    return {"count": count, "wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}
