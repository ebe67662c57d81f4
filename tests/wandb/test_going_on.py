"""Runs that go on: resumed, begun again, rewound, forked, deleted and begun anew, sent twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.wandb.conftest import Client, Hub

LOG = """
import wandb, sys, json
settings = json.loads(sys.argv[1])
run = wandb.init(project="going", **settings)
for step in range(int(sys.argv[2])):
    run.log({"x": step, "at": run.step})
run.finish()
print(json.dumps([run.id, dict(run.config)]))
"""
ROWS = """
import wandb, sys, json
run = wandb.Api().run(sys.argv[1])
rows = [[row["_step"], row["x"]] for row in run.scan_history()]
print(json.dumps([rows, run.state, dict(run.summary._json_dict), run.config]))
"""


def rows(client: Client, run: str) -> list[list[Any]]:
    """(step, x) of all rows."""
    found: list[list[Any]] = client(ROWS, f"madang/going/{run}")[0]
    return found


def test_resume(wandb_client: Client) -> None:
    """`allow` begins or goes on at the next step, `must` needs the run, `never` needs that there is none."""
    log, run = wandb_client, "r-가"
    log(LOG, json.dumps({"id": "nobody", "resume": "must"}), "1", code=1)
    log(LOG, json.dumps({"id": run, "resume": "allow", "config": {"a": 1}}), "3")
    assert log(LOG, json.dumps({"id": run, "resume": "allow", "config": {"b": 2}}), "2")[1] == {"a": 1, "b": 2}
    log(LOG, json.dumps({"id": run, "resume": "must"}), "1")
    log(LOG, json.dumps({"id": run, "resume": "never"}), "1", code=1)
    assert rows(log, run) == [[0, 0], [1, 1], [2, 2], [3, 0], [4, 1], [5, 0]]
    told = log(ROWS, f"madang/going/{run}")
    assert told[1:] == ["finished", told[2], {"a": 1, "b": 2}]
    assert told[2]["_step"] == 5


def test_the_same_id_again(wandb_client: Client) -> None:
    """Without `resume` the second process begins again with its own config; nothing of the first is lost."""
    for config in ({"a": 1}, {"b": 2}):
        wandb_client(LOG, json.dumps({"id": "again", "config": config}), "3")
    told = wandb_client(ROWS, "madang/going/again")
    assert told[1] == "finished"
    assert told[3] == {"b": 2}


def test_rewind(wandb_client: Client) -> None:
    """History after the step is gone for readers, the run goes on behind it, and the summary is of what is there."""
    wandb_client(LOG, json.dumps({"id": "back"}), "6")
    wandb_client(LOG, json.dumps({"resume_from": "back?_step=2"}), "2")
    assert rows(wandb_client, "back") == [[0, 0], [1, 1], [2, 2], [3, 0], [4, 1]]
    wandb_client(LOG, json.dumps({"resume_from": "back?_step=3"}), "0")
    found, _, summary, _ = wandb_client(ROWS, "madang/going/back")
    assert found == [[0, 0], [1, 1], [2, 2], [3, 0]]
    assert (summary["x"], summary["_step"]) == (0, 3)


def test_fork(wandb_client: Client) -> None:
    """A fork has the history of its source up to the step, and is a run of its own."""
    wandb_client(LOG, json.dumps({"id": "source", "config": {"a": 1}}), "5")
    wandb_client(LOG, json.dumps({"fork_from": "source?_step=2", "id": "fork"}), "2")
    assert rows(wandb_client, "fork") == [[0, 0], [1, 1], [2, 2], [3, 0], [4, 1]]
    assert len(rows(wandb_client, "source")) == 5


def test_a_deleted_run_begun_anew(wandb_client: Client) -> None:
    """The name of a deleted run begins a run with nothing of it."""
    wandb_client(LOG, json.dumps({"id": "gone"}), "4")
    wandb_client("import wandb\nwandb.Api().run('madang/going/gone').delete()")
    wandb_client("import wandb\nwandb.Api().run('madang/going/gone')", code=1)
    wandb_client(LOG, json.dumps({"id": "gone", "resume": "allow"}), "2")
    assert rows(wandb_client, "gone") == [[0, 0], [1, 1]]


def test_sync_twice_and_from_two_machines(wandb_client: Client, hub: Hub, tmp_path: Path) -> None:
    """An offline run is the same run however often, and from wherever, it is sent."""
    folder = tmp_path / "offline"
    run = wandb_client(LOG, json.dumps({"id": "off"}), "7", folder=folder, WANDB_MODE="offline")[0]
    assert not [item for item in hub.native("runs?project=going")["runs"] if item["tags"].get("wandb.id") == run]
    (logs,) = (folder / "wandb").glob("offline-run-*")
    other = tmp_path / "other"
    other.mkdir()
    (other / logs.name).symlink_to(logs)
    for place in (logs, logs, other / logs.name):
        wandb_client.program("sync", "--include-synced", str(place), folder=folder)
        assert rows(wandb_client, run) == [[step, step] for step in range(7)]
    (found,) = (item for item in hub.native("runs?project=going")["runs"] if item["tags"].get("wandb.id") == run)
    assert found["status"] == "finished"
    assert hub.native(f"runs/{found['id']}")["metrics"]["x"]["count"] == 7
