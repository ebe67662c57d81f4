"""Runs that go on: resumed, begun again, rewound, forked, deleted and begun anew, sent twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.wandb.conftest import Client, Hub

SCRIPT = """
import wandb, sys, json
said = []
for verb, what, count in json.loads(sys.argv[1]):
    if verb == "log":
        try:
            run = wandb.init(project="going", **what)
        except (wandb.Error, wandb.errors.UsageError) as error:
            said.append(type(error).__name__)
            continue
        for step in range(count):
            run.log({"x": step})
        run.finish()
        said.append(dict(run.config))
    elif verb == "delete":
        wandb.Api().run("going/" + what).delete()
    else:
        run = wandb.Api().run("going/" + what)
        rows = [[row["_step"], row["x"]] for row in run.scan_history()]
        said.append({"rows": rows, "state": run.state, "summary": dict(run.summary._json_dict), "config": run.config})
print(json.dumps(said))
"""


def do(client: Client, *acts: tuple[str, Any, int], **more: Any) -> list[Any]:
    """Log to runs, delete them and read them, one after the other in one process; what each said."""
    found: list[Any] = client(SCRIPT, json.dumps(acts), **more)
    return found


def log(count: int, **settings: Any) -> tuple[str, Any, int]:
    """A run with so many rows."""
    return "log", settings, count


def read(run: str) -> tuple[str, Any, int]:
    """All of a run."""
    return "read", run, 0


RESUMED = "r-가"
ACTS = {
    "resumed": [
        log(1, id="nobody", resume="must"),
        log(3, id=RESUMED, resume="allow", config={"a": 1}),
        log(2, id=RESUMED, resume="allow", config={"b": 2}),
        log(1, id=RESUMED, resume="must"),
        log(1, id=RESUMED, resume="never"),
        read(RESUMED),
    ],
    "again": [log(3, id="again", config={"a": 1}), log(2, id="again", config={"b": 2}), read("again")],
    "rewound": [
        log(6, id="back", config={"a": {"b": 1}}),
        log(2, resume_from="back?_step=2"),
        read("back"),
        log(0, resume_from="back?_step=3"),
        read("back"),
    ],
    "forked": [
        log(5, id="source"),
        log(2, fork_from="source?_step=2", id="fork"),
        read("fork"),
        read("source"),
    ],
    "deleted": [log(4, id="gone"), ("delete", "gone", 0), log(2, id="gone", resume="allow"), read("gone")],
}


@pytest.fixture(scope="module")
def told(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each of the acts said; one process does all of them."""
    said = do(Client(hub, tmp_path_factory.mktemp("all")), *(act for acts in ACTS.values() for act in acts))
    found = {}
    for name, acts in ACTS.items():
        count = sum(verb != "delete" for verb, _, _ in acts)
        found[name], said = said[:count], said[count:]
    return found


def test_resume(told: dict[str, list[Any]]) -> None:
    """`allow` begins or goes on at the next step, `must` needs the run, `never` needs that there is none."""
    said = told["resumed"]
    assert said[:5] == ["UsageError", {"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2}, "UsageError"]
    assert said[5]["rows"] == [[0, 0], [1, 1], [2, 2], [3, 0], [4, 1], [5, 0]]
    assert (said[5]["state"], said[5]["config"], said[5]["summary"]["_step"]) == ("finished", {"a": 1, "b": 2}, 5)


def test_the_same_id_again(told: dict[str, list[Any]]) -> None:
    """Without `resume` the second client begins again with its own config; no row of the first is lost."""
    last = told["again"][2]
    assert (last["state"], last["config"], len(last["rows"])) == ("finished", {"b": 2}, 5)


def test_rewind(told: dict[str, list[Any]]) -> None:
    """History after the step is gone for readers, the run goes on behind it; config and summary fit what is there."""
    said = told["rewound"]
    assert said[2]["rows"] == [[0, 0], [1, 1], [2, 2], [3, 0], [4, 1]]
    assert said[4]["rows"] == [[0, 0], [1, 1], [2, 2], [3, 0]]
    assert (said[4]["summary"]["x"], said[4]["summary"]["_step"], said[4]["config"]) == (0, 3, {"a": {"b": 1}})


def test_fork(told: dict[str, list[Any]]) -> None:
    """A fork has the history of its source up to the step, and is a run of its own."""
    said = told["forked"]
    assert said[2]["rows"] == [[0, 0], [1, 1], [2, 2], [3, 0], [4, 1]]
    assert len(said[3]["rows"]) == 5


def test_a_deleted_run_begun_anew(told: dict[str, list[Any]]) -> None:
    """The name of a deleted run begins a run with nothing of it."""
    assert told["deleted"][2]["rows"] == [[0, 0], [1, 1]]


def test_sync_twice_and_from_two_machines(wandb_client: Client, hub: Hub, tmp_path: Path) -> None:
    """An offline run is the same run however often, and from wherever, it is sent."""
    folder = tmp_path / "offline"
    do(wandb_client, log(7, id="off"), folder=folder, WANDB_MODE="offline")
    assert "off" not in [item["tags"].get("wandb.id") for item in hub.native("runs?project=going")["runs"]]
    (logs,) = (folder / "wandb").glob("offline-run-*")
    other = tmp_path / "other"
    other.mkdir()
    (other / logs.name).symlink_to(logs)
    for place in (logs, logs, other / logs.name):
        wandb_client.program("sync", "--include-synced", str(place), folder=folder)
    (read_back,) = do(wandb_client, read("off"))
    assert read_back["rows"] == [[step, step] for step in range(7)]
    (found,) = (item for item in hub.native("runs?project=going")["runs"] if item["tags"].get("wandb.id") == "off")
    assert found["status"] == "finished"
    assert hub.native(f"runs/{found['id']}")["metrics"]["x"]["count"] == 7
