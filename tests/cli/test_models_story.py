"""Approvals, rollback and rules of models in the user's words, in a store without users."""

from __future__ import annotations

import pytest

from madang.testing.project import Project

SCRIPT = """\
import sys, madang
with madang.init(project="iris") as run:
    run.log({"val/f1": float(sys.argv[1])})
    open("model.onnx", "w").write(sys.argv[1])
    run.log_artifact("model.onnx", "iris", "model")
"""


@pytest.fixture
def trained(project: Project) -> Project:
    """Two versions of a model, one run each."""
    project.commit({"train.py": SCRIPT, ".gitignore": "model.onnx\n"})
    project.git("config", "user.name", "김민수")
    for value in ("0.8", "0.9"):
        project.run("--no-arguments", "--", "python", "train.py", value)
    return project


def test_approvals_of_one_person(trained: Project) -> None:
    """The reviewer is whoever git says; the gates decide; the exit codes and the history tell what became of it."""
    trained.madang("models", "promote", "iris:v1", "production")
    said = trained.madang("models", "protect", "iris", "production", "-R", "김민수", "-g", "val/f1 > current + 0.05")
    assert "1 of 김민수; val/f1 > current + 0.05" in said.out
    refused = trained.madang("models", "promote", "iris:v2", "production", ok=1)
    assert "madang models request iris:v2 production" in refused.err
    asked = trained.madang("models", "request", "iris:v2", "production", "-r", "더 좋다", "--json").json
    assert (asked["state"], asked["actor"], asked["findings"][0]["passed"]) == ("pending", "김민수", True)
    assert "--own-requests" in trained.madang("models", "approve", "iris", ok=1).err
    trained.madang("models", "protect", "iris", "production", "-R", "김민수", "--own-requests", "-g", "val/f1 > 0.95")
    held = trained.madang("models", "approve", "iris", ok=1)
    assert "0.9 is not > 0.95" in held.out
    trained.madang("models", "reject", "iris", "1", "-m", "too low")
    trained.madang("models", "protect", "iris", "production", "-R", "김민수", "--own-requests")
    trained.madang("models", "request", "iris:v2", "production")
    assert "promoted" in trained.madang("models", "approve", "iris", "--comment", "ok").out
    assert "→ v1 (was v2)" in trained.madang("models", "rollback", "iris", "--dry").out
    back = trained.madang("models", "rollback", "iris", "--reason", "나쁨", "--json").json
    assert (back["number"], back["before"], back["actor"]) == (1, 2, "김민수")
    requests = trained.madang("models", "reviews", "iris", "--json").json["requests"]
    assert [one["state"] for one in requests] == ["promoted", "rejected"]
    history = trained.madang("models", "history", "iris", "--json").json["changes"]
    assert (history[0]["from"], history[0]["to"], history[0]["reason"]) == ("v2", "v1", "rollback from v2: 나쁨")
    assert {one["actor"] for one in history if one["kind"] == "stage"} == {"김민수"}  # one person has one name
    kinds = {one["kind"] for one in history}
    assert kinds >= {"stage", "version", "protection", "request", "approval", "rejection"}
    trained.madang("models", "protect", "iris", "production", "--off")
    trained.madang("models", "promote", "iris:v2", "production")
    compared = trained.madang("models", "compare", "iris", "v1", "production", "--json").json
    assert [one["metrics"]["val/f1"] for one in compared["versions"]] == [0.8, 0.9]


def test_the_best_model_only(trained: Project) -> None:
    """What `madang.yaml` declares is applied when a run ends; losers go when they may, and say why."""
    trained.write({"madang.yaml": "promote: {metric: val/f1, alias: champion, losers: drop}\n"})
    for value in ("0.5", "0.7", "0.6", "0.65"):
        trained.run("--no-arguments", "--", "python", "train.py", value)
    rows = {row["name"]: row for row in trained.madang("models", "--json").json["models"]}
    assert rows["iris"]["aliases"]["champion"] == 4
    decisions = trained.madang("models", "rules", "--name", "iris", "--json").json["decisions"]
    assert [(one["number"], one["outcome"]) for one in decisions] == [
        (6, "lost"), (5, "lost"), (4, "promoted"), (3, "promoted"),
    ]  # fmt: skip
    assert "max val/f1 → champion" in trained.madang("models", "rules").out
    told = trained.madang("gc", "--models", "--dry", "--json").json["models"]
    kept = {one["version"].rpartition("/")[2]: one["kept"] for one in told}
    assert kept == {"iris:v5": "", "iris:v6": "it is the latest version"}
    trained.madang("gc", "--models", "--yes")
    assert "0.6 does not beat 0.7 of v4" in trained.madang("models", "show", "iris:v5").out
    gone = trained.madang("artifacts", "get", "iris:v5", ok=1)
    assert "bytes" in gone.err
    trained.madang("artifacts", "get", "iris:v4", "--out", "out.onnx", ok=None)
