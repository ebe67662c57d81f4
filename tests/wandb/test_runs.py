"""Runs of the real client: begun, logged to, ended; read back by the client and by ours."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.wandb.conftest import Client, Hub

SIMPLE = """
import wandb, json, sys
run = wandb.init(
    project="demo", name="처음: a/b", tags=["one", "둘"], notes="n", group="g", job_type="train",
    config={"lr": 0.1, "model": {"depth": 3, "a.b": [1, {"c": 2}]}, "none": None, "x.y": 1, "big": 2**60},
)
run.define_metric("epoch")
run.define_metric("val/*", step_metric="epoch", summary="max")
for step in range(5):
    run.log({"loss": 1 / (step + 1), "nested": {"x": step, "y.z": True}, "n": step, "nan": float("nan"),
             "inf": float("-inf"), "text": "글", "epoch": step // 2, "val/f1": 4 - step, "list": [1, 2]})
run.log({"hist": wandb.Histogram([1, 2, 2, 3])})
print("hello")
print("못", file=sys.stderr)
run.summary["best"] = {"loss": 0.25, "at": None}
run.config.update({"later": "yes"})
run.finish()
print(json.dumps([run.id, run.name, run.project, run.entity, run.url]))
"""
READ = """
import wandb, json, sys
run = wandb.Api().run(sys.argv[1])
rows = list(run.scan_history())
print(json.dumps({
    "config": run.config, "summary": dict(run.summary._json_dict), "state": run.state, "tags": run.tags,
    "group": run.group, "job_type": run.job_type, "notes": run.notes, "name": run.name, "rows": rows,
    "files": sorted(item.name for item in run.files()), "console": [line.content for line in run.console_logs()]
    if hasattr(run, "console_logs") else [], "id": run.id, "last": run.lastHistoryStep,
}))
"""


@pytest.fixture(scope="module")
def logged(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the script says of its run."""
    said: list[str] = Client(hub, tmp_path_factory.mktemp("logged"))(SIMPLE)
    return said


def test_a_run_comes_back(wandb_client: Client, hub: Hub, logged: list[str]) -> None:
    """Config, history, summary, tags, files and console are read back as they were logged."""
    run, name, project, entity, url = logged
    assert (name, project, entity) == ("처음: a/b", "demo", "madang")
    assert url == f"{hub.address}/madang/demo/runs/{run}"
    told = wandb_client(READ, f"madang/demo/{run}")
    assert told["config"] == {
        "lr": 0.1, "model": {"depth": 3, "a.b": [1, {"c": 2}]}, "none": None, "x.y": 1,
        "big": 2**60, "later": "yes",
    }  # fmt: skip
    assert (told["state"], sorted(told["tags"]), told["group"]) == ("finished", ["one", "둘"], "g")
    assert (told["job_type"], told["notes"], told["name"], told["id"]) == ("train", "n", name, run)
    rows = told["rows"]
    assert [row["_step"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert [row["loss"] for row in rows[:5]] == [1 / (step + 1) for step in range(5)]
    assert (rows[3]["nested.x"], rows[3]["nested.y.z"], rows[3]["n"]) == (3, True, 3)
    assert (rows[3]["inf"], rows[3]["text"], rows[3]["list"]) == (-math.inf, "글", [1, 2])
    assert math.isnan(rows[3]["nan"])
    assert rows[5]["hist"]["_type"] == "histogram"
    summary: dict[str, Any] = told["summary"]
    assert summary["best"] == {"loss": 0.25, "at": None}
    assert (summary["loss"], summary["nested"], summary["_step"]) == (0.2, {"x": 4, "y.z": True}, 5)
    assert (summary["val/f1"], summary["epoch"], summary["text"]) == ({"max": 4}, 2, "글")
    assert {"config.yaml", "output.log", "wandb-summary.json", "wandb-metadata.json"} <= set(told["files"])
    assert "hello" in "\n".join(told["console"])


def test_our_side_of_a_run(hub: Hub, logged: list[str]) -> None:
    """The same run by the API of our own: status, exit code, definitions, labels, console with its streams."""
    name = logged[0]
    listed = hub.native("runs?project=demo")["runs"]
    run = hub.native("runs/" + next(item["id"] for item in listed if item["tags"].get("wandb.id") == name))
    assert (run["status"], run["exit_code"], run["name"]) == ("finished", 0, "처음: a/b")
    assert (run["config"]["model.depth"], run["tags"]["one"]) == (3, "")
    assert run["definitions"]["val/*"]["step_metric"] == "epoch"
    assert run["metrics"]["loss"]["min"] == 0.2
    lines = hub.native(f"runs/{run['id']}/console")["lines"]
    assert [(line["stream"], line["text"]) for line in lines][:2] == [("out", "hello"), ("err", "못")]
