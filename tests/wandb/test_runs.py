"""Runs of the real client: begun, logged to, ended; read back by the client and by ours."""

from __future__ import annotations

from tests.wandb.conftest import Client, Hub

SIMPLE = """
import wandb, json
run = wandb.init(project="demo", name="처음", config={"lr": 0.1, "model": {"depth": 3, "a.b": None}}, tags=["one", "둘"],
                 notes="n", group="g", job_type="train")
for step in range(5):
    run.log({"loss": 1 / (step + 1), "nested": {"x": step}, "n": step, "nan": float("nan")})
print("hello")
run.summary["best"] = 0.25
run.finish()
print(json.dumps([run.id, run.name]))
"""


def test_a_simple_run(wandb_client: Client, hub: Hub) -> None:
    """What a script logs is what the hub shows."""
    run, name = wandb_client(SIMPLE)
    found = [item for item in hub.native("runs?project=demo")["runs"] if item["tags"].get("wandb.id") == run][0]
    assert name == found["name"] == "처음"
    assert found["status"] == "finished"
