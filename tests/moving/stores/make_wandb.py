"""Makes the folder `wandb` that `wandb-VERSION.tar.xz` holds: what W&B's client keeps of a run that is offline.

Run it in an empty folder with the client of that version, with WANDB_DATA_DIR in it: `python make_wandb.py; tar cJf …
wandb`. Files of artifacts are not in the archive, as on a machine where somebody has cleaned up.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import numpy as np
import wandb

run = wandb.init(
    project="vision", name="first run", id="abc123", notes="수도 notes", tags=["a", "b c"], group="g1",
    job_type="train", mode="offline",
    config={"lr": 0.1, "layers": [1, 2, 3], "opt": {"name": "adam", "deep": {"x": 1}}, "n": None, "flag": True,
            "big": 2**60, "late": "no"},
)  # fmt: skip
run.define_metric("loss", summary="min")
run.define_metric("val/*", step_metric="epoch")
print("hello out")
print("hello err", file=sys.stderr)
for part in range(3):
    sys.stdout.write(f"\rprogress {part}")
    time.sleep(0.05)
print()
for step in range(20):
    nested = {"a": step, "b": {"c": "text"}}
    numbers = {"loss": 1 / (step + 1), "epoch": step // 5, "val/f1": step * 0.05}
    run.log({**numbers, "nested": nested, "ok": step % 2 == 0, "inf": math.inf, "word": f"w{step}"})
run.log({"jump": 1}, step=40)
run.log(
    {"hist": wandb.Histogram(np_histogram=(np.array([1, 2]), np.array([0, 1, 2]))), "html": wandb.Html("<b>hi</b>")}
)
run.log({"img": wandb.Image(np.zeros((4, 5, 3), dtype="uint8"), caption="black")})
run.log({"tab": wandb.Table(columns=["x", "y"], data=[[1, "a"], [2, "b"]])})
Path("plain.txt").write_text("saved\n", encoding="utf-8")
run.save("plain.txt")
run.config.update({"late": "yes"}, allow_val_change=True)  # type: ignore[no-untyped-call]
run.summary["best"] = 0.77
run.alert(title="Careful", text="look", level="WARN")
Path("inputs").mkdir()
Path("inputs/a.bin").write_bytes(b"A" * 100)
made = wandb.Artifact("ds", type="dataset", description="my data", metadata={"rows": 3, "who": "나"})
made.add_dir("inputs")
made.add_reference("https://example.com/x.bin", checksum=False)
run.log_artifact(made, aliases=["best"])
time.sleep(1)
run.finish(exit_code=3)
