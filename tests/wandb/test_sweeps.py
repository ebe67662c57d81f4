"""Sweeps by the unmodified client: made, carried out by agents, looked at, paused and ended."""

from __future__ import annotations

import json
from pathlib import Path

from tests.wandb.conftest import Client, Hub, hub_at, said

from madang.testing.hubs import clock_put_on_by

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
    grid = {"method": "grid", "metric": {"name": "loss"}, "parameters": {"x": {"values": [0.1, 0.3]}}}
    sweep = wandb_client(AGENT, json.dumps(grid))
    found = wandb_client(READ, sweep)
    assert sorted(config["x"] for _, config, _ in found["runs"]) == [0.1, 0.3]
    assert {(state, name) for state, _, name in found["runs"]} == {("finished", sweep)}
    assert found["state"] == "FINISHED"
    assert found["best"]["x"] == 0.3
    assert found["expected"] == 2
    assert found["config"]["parameters"] == {"x": {"values": [0.1, 0.3]}}
    told = hub.native(f"projects/searched/sweeps/{sweep}")
    assert told["counts"]["finished"] == 2
    assert told["best"]["value"] == min(point["value"] for point in told["curve"])


STEPS = """
import json, sys, time, wandb
config = json.loads(sys.argv[1])
slow = float(sys.argv[3]) if len(sys.argv) > 3 else 0

def train():
    with wandb.init() as run:
        print("begun", flush=True)
        for step in range(8):
            run.log({"loss": run.config["x"] + 1 / (step + 1)})
            time.sleep(slow)

sweep = sys.argv[2] if len(sys.argv) > 2 and sys.argv[2] else wandb.sweep(config, project="killed")
print("sweep", sweep, flush=True)
wandb.agent(sweep, train, project="killed")
"""


def test_agents_and_the_hub_are_killed(tmp_path: Path) -> None:
    """An agent killed with its trial in hand and a hub killed under another one: the grid ends with each point once."""
    grid = {"method": "grid", "metric": {"name": "loss"}, "parameters": {"x": {"values": [1, 2, 3]}}}
    hub, later = hub_at(tmp_path), tmp_path / "later"
    hub.program = clock_put_on_by(later)
    hub.start()
    client = Client(hub, tmp_path)
    try:
        dying = client.start(STEPS, json.dumps(grid), "", "60")
        sweep = said(dying, "sweep")
        said(dying, "begun")
        dying.kill()
        dying.communicate()
        later.touch()  # nothing was heard of it for long
        living = client.start(STEPS, "{}", sweep, "0.1")
        said(living, "begun")
        hub.kill()
        hub.start()
        living.communicate(timeout=280)
        told = hub.native(f"projects/killed/sweeps/{sweep}")
    finally:
        hub.kill()
    assert told["state"] == "finished"
    assert sorted((trial["params"]["x"], trial["state"], trial["attempt"]) for trial in told["trials"]) == [
        (1, "finished", 2), (2, "finished", 1), (3, "finished", 1),
    ]  # fmt: skip
    assert [trial["value"] for trial in told["trials"]] == [1.125, 2.125, 3.125]
