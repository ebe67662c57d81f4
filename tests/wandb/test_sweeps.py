"""Sweeps by the unmodified client: made, carried out by agents, looked at, paused and ended."""

from __future__ import annotations

import json

from tests.wandb.conftest import Client, Hub

AGENT = """
import json, sys, wandb
config = json.loads(sys.argv[1])

def train():
    with wandb.init() as run:
        x = run.config["x"]
        for step in range(3):
            run.log({"loss": (x - 0.3) ** 2 + 1 / (step + 1)})

sweep = wandb.sweep(config, project="searched")
wandb.agent(sweep, train, project="searched")
print(sweep)
"""

READ = """
import json, sys, wandb
sweep = wandb.Api().sweep("searched/" + sys.argv[1])
best = sweep.best_run()
print(json.dumps({
    "state": sweep.state, "runs": [[run.state, dict(run.config), run.sweep_name] for run in sweep.runs],
    "best": dict(best.config) if best else None, "config": sweep.config, "expected": sweep.expected_run_count,
    "name": sweep.name,
}))
"""


def test_grid_in_process(hub: Hub, wandb_client: Client) -> None:
    """A function carried out by `wandb.agent` sees each point of a grid once; the public API finds the best run."""
    grid = {"method": "grid", "metric": {"name": "loss"}, "parameters": {"x": {"values": [0.1, 0.3, 0.7]}}}
    sweep = wandb_client(AGENT, json.dumps(grid))
    found = wandb_client(READ, sweep)
    assert sorted(config["x"] for _, config, _ in found["runs"]) == [0.1, 0.3, 0.7]
    assert {(state, name) for state, _, name in found["runs"]} == {("finished", sweep)}
    assert found["state"] == "FINISHED"
    assert found["best"]["x"] == 0.3
    assert found["expected"] == 3
    assert found["config"]["parameters"] == {"x": {"values": [0.1, 0.3, 0.7]}}
    told = hub.native(f"projects/searched/sweeps/{sweep}")
    assert told["counts"]["finished"] == 3
    assert told["best"]["value"] == min(point["value"] for point in told["curve"])
