"""Runs, comparison, models and artifacts in the user's words."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from madang.testing.project import Project

SCRIPT = """\
import json, sys, madang
with madang.init(project="iris", name=sys.argv[2], config={"C": float(sys.argv[1]), "opt": {"name": "adam"}}) as run:
    run.define_metric("loss", goal="min")
    for step in range(3):
        run.log({"loss": 1 / float(sys.argv[1]) / (step + 1), "한글": step, "_runtime": step}, step=step)
    open("model.onnx", "w").write(sys.argv[1])
    run.log_artifact("model.onnx", "weights", "file")
"""


@pytest.fixture
def trained(project: Project) -> Project:
    """Two runs of one script with other parameters."""
    project.commit({"train.py": SCRIPT, ".gitignore": "model.onnx\n"})
    for value, name in (("1", "first"), ("2", "두 번째")):
        project.run("--no-arguments", "--", "python", "train.py", value, name)
    return project


def test_list_and_show(trained: Project) -> None:
    """Runs are listed, filtered, sorted, paged and shown, as a table and as JSON."""
    page = trained.madang("runs", "--json", "--order-by", "metrics.loss asc").json
    assert [run["name"] for run in page["runs"]] == ["두 번째", "first"]
    assert (page["total"], page["next"]) == (2, "")
    one = trained.madang("runs", "list", "--filter", "params.C = 1 and `x` is null", "--json", ok=1)
    assert "at character 18" in one.err
    one = trained.madang("runs", "--filter", "params.C = 1 and tags.x is null", "--json")
    assert [run["name"] for run in one.json["runs"]] == ["first"]
    first = trained.madang("runs", "--limit", "1", "--json").json
    second = trained.madang("runs", "--limit", "1", "--cursor", first["next"], "--json").json
    assert {first["runs"][0]["name"], second["runs"][0]["name"]} == {"first", "두 번째"}
    assert "_runtime" not in trained.madang("runs").out, "what clients keep for themselves"
    assert "_runtime" in trained.madang("runs", "--order-by", "metrics._runtime asc").out
    table = trained.madang("runs", "--columns", "name,params.C,min(metrics.loss),metrics.한글,commit,tags.none").out
    assert table.splitlines()[0].split()[:4] == ["ID", "name", "C", "min(loss)"]
    assert "0.166667" in table
    shown = trained.madang("runs", "show", "두 번째").out
    assert "opt.name" in shown
    assert "weights:v" in shown
    series = trained.madang("runs", "history", "first", "--json").json["series"]
    assert series["loss"]["values"] == [1.0, 0.5, 1 / 3]
    assert trained.madang("runs", "history", "first", "-k", "한글").out == "step\t한글\n0\t0\n1\t1\n2\t2\n"


def test_change_runs(trained: Project) -> None:
    """Tags, notes, names and deletion are changed and undone; a change names all runs or changes none."""
    trained.madang("runs", "tag", "first", "baseline", "team=시각")
    trained.madang("runs", "tag", "first", "--remove", "team")
    again = trained.madang("runs", "tag", "first", "--remove", "team")
    assert (again.out.split()[0], "has no tag 'team'" in again.err) == ("unchanged", True)
    trained.madang("runs", "note", "first", "too slow")
    run = trained.madang("runs", "rename", "first", "renamed", "--json").json["runs"][0]
    assert run["notes"] == "too slow"
    assert "team" not in run["tags"]
    assert run["tags"]["baseline"] == ""
    trained.madang("runs", "delete", "renamed", "nope", ok=1)
    assert len(trained.madang("runs", "--json").json["runs"]) == 2
    trained.madang("runs", "delete", "renamed")
    assert [run["name"] for run in trained.madang("runs", "--json").json["runs"]] == ["두 번째"]
    assert [run["name"] for run in trained.madang("runs", "--deleted", "--json").json["runs"]] == ["renamed"]
    trained.madang("runs", "restore", "renamed")
    assert "renamed" in trained.madang("runs").out


def test_compare(trained: Project) -> None:
    """Only what differs is listed, the best metric is marked, and JSON says all of it."""
    said = trained.madang("compare", "first", "두 번째").out
    assert "loss (min)" in said
    assert "0.166667*" in said
    assert "opt.name" not in said
    assert "Code: the same" in said
    found = trained.madang("compare", "first", "두 번째", "--json").json
    assert found["config"] == {"C": {"values": [1.0, 2.0]}}
    assert found["metrics"]["loss"]["best"] == 1
    assert found["same"]["config"] == 1
    trained.madang("compare", "first", ok=2)


def test_models(trained: Project, tmp_path: Path) -> None:
    """A run's file becomes a model, is promoted, rolled back and fetched; the history tells who, when and why."""
    first = trained.madang("models", "register", "first", "model.onnx", "--name", "iris", "--json").json
    assert (first["ref"], first["type"], first["files"]) == ("iris:v1", "model", 2)
    assert trained.madang("models", "register", "first", "model.onnx", "-n", "iris", "--json").json["number"] == 1
    second = trained.madang("models", "register", "두 번째", "weights/model.onnx", "-n", "iris", "--json").json
    assert second["number"] == 2
    trained.madang("models", "promote", "iris:v1", "production", "--reason", "처음")
    trained.madang("models", "promote", "iris:v2", "staging")
    trained.madang("models", "promote", "iris@staging", "production")
    shown = trained.madang("models", "show", "iris", "--json").json
    assert {version["number"]: version["aliases"] for version in shown["versions"]} == {
        1: [], 2: ["latest", "production"],
    }  # fmt: skip
    assert [(move["alias"], move["before"], move["number"]) for move in shown["history"]] == [
        ("production", 1, 2), ("staging", 2, None), ("staging", None, 2), ("production", None, 1),
    ]  # fmt: skip
    assert shown["history"][-1]["reason"] == "처음"
    assert "→ v1 (was v2)" in trained.madang("models", "rollback", "iris").out
    trained.madang("models", "promote", "iris:v1", "none")
    assert "production" not in trained.madang("models").out
    target = tmp_path / "가져온 것"
    trained.madang("artifacts", "get", "iris:v2", "--to", str(target))
    assert (target / "model.onnx").read_text() == "2"
    assert "onnx" in (target / "MLmodel").read_text()
    trained.madang("artifacts", "get", "iris:v2", "--to", str(target), ok=1)
    trained.madang("artifacts", "get", "iris", "model.onnx", "--to", str(tmp_path / "one"))
    assert (tmp_path / "one").read_text() == "2"


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["runs", "show", "nope"], 1, "nope"),
        (["runs", "nonsense"], 2, "No such command"),
        (["nonsense"], 2, "No such command"),
        (["modls"], 2, "Did you mean 'models'?"),
        (["models", "promot"], 2, "Did you mean 'promote'?"),
        (["gc", "-w", "--older-than", "1d"], 255, "--runs"),
        (["ui", "--store", "nowhere"], 1, "nowhere is no store"),
        (["run", "./nowhere"], 127, "MLproject"),
        (["run", "-t", "=x", "--", "true"], 2, "needs a name"),
        (["hub", "token", "list", "--store", "nowhere"], 1, "nowhere is no store"),
        (["export", "mlflow", "out", "--store", "nowhere"], 1, "nowhere is no store"),
        (["models", "probe", "nonsense"], 2, "is not the address of a server"),
        (["keys", "trust", "kim", sys.executable], 1, "is not text in UTF-8"),
        (["login", "http://127.0.0.1:1", "--token", "mdg_토큰"], 1, "signs that no token has"),
        (["runs", "--limit", "many"], 2, "--limit"),
        (["runs", "--order-by", "loss"], 1, "metrics.loss"),
        (["runs", "--columns", "metrics."], 1, "name was expected"),
        (["runs", "--cursor", "xyz"], 1, "cursor"),
        (["runs", "--project", "projcet"], 0, "no project 'projcet'. Near it: 'project'"),
        (["runs", "--project", "nowhere", "--json"], 0, "no project 'nowhere'"),
        (["runs", "--order-by", "metrics.loss sideways"], 1, "`asc` or `desc`"),
        (["runs", "--columns", "name,,b"], 1, "The column is wrong"),
        (["runs", "history", "first", "--key", "los"], 0, "no metric 'los'. Near it: 'loss'"),
        (["runs", "tag", "first"], 2, "No tag"),
        (["runs", "tag", "first", "=x"], 2, "needs a name"),
        (["models", "show", "nope"], 1, "nope"),
        (["models", "show", "weights:v9"], 1, "weights:v9"),
        (["artifacts", "show", "nope:v1", "-p", "저장소 없음"], 1, "-p '저장소 없음'"),
        (["models", "show", "a:b:c@"], 1, "a:b:c"),
        (["models", "promote", "weights:v1", "everywhere"], 1, "not a stage"),
        (["models", "register", "first", "other.bin", "-n", "x"], 1, "weights/model.onnx"),
        (["models", "register", "first", "model.onnx", "-n", "a:b"], 1, "sign"),
        (["models", "register", "first", "model.onnx", "-n", "weights"], 1, "file"),
        (["models", "rollback", "weights"], 1, "weights@production"),
        (["artifacts", "get", "weights", "../x"], 1, "no file"),
        (["artifacts", "get", "nothing"], 1, "`madang artifacts` lists"),
        (["models", "rules", "--set", "nofile.yaml"], 1, "nofile.yaml: No such file or directory."),
        (["compare", "first", "nope"], 1, "nope"),
        (["run", "-P", "novalue", "--", "true"], 2, "key=value"),
        (["run", "--model", "x", "--", "true"], 2, "PATH:NAME"),
        (["completion", "cmd"], 2, "cmd"),
    ],
)  # fmt: skip
def test_bad_input(shared: Project, command: list[str], code: int, says: str) -> None:
    """A wrong name, option or value is one message that names it, with the documented exit code."""
    assert says in shared.madang(*command, ok=code).err


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One run for all commands that change nothing."""
    folder = tmp_path_factory.mktemp("shared")
    made = Project(folder / "project", folder)
    made.commit({"train.py": SCRIPT, ".gitignore": "model.onnx\n"})
    made.run("--no-arguments", "--", "python", "train.py", "1", "first")
    return made


def test_outside_a_repository(tmp_path: Path) -> None:
    """Without a repository runs go to the user's data folder; nothing is asked of Git."""
    project = Project(tmp_path / "p", tmp_path)
    (project.root / ".git").rename(tmp_path / "away")
    run = project.run("--project", "loose", "--", "true")
    assert project.madang("runs", "show", run, "--json").json["project"] == "loose"
    assert (tmp_path / ".local" / "share" / "madang" / "segments").is_dir()
    assert json.loads(project.madang("reproduce", run, "--json", ok=2).out)["verdict"] == "CANNOT"


def test_hostile_names(project: Project) -> None:
    """What a record says cannot move the cursor of whoever looks at it."""
    project.commit({"x": ""})
    escape = "\x1b[2J"
    run = project.run("--name", f"a{escape}b", "--tag", f"t{escape}", "-P", f"k{escape}=v{escape}", "--", "true")
    project.madang("runs", "note", run, f"n{escape}")
    for command in (["runs"], ["runs", "show", run], ["compare", run, run, "--all"], ["runs", "tag", run, "x"]):
        assert "\x1b" not in project.madang(*command).out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(project: Project, shell: str) -> None:
    """Each shell gets its script; asked by the shell, it names commands, subcommands and options."""
    answer = project.madang("completion", shell).out
    assert "_MADANG_COMPLETE" in answer
    assert project.madang("completion", "-s", shell).out == answer
    project.env["_MADANG_COMPLETE"] = "bash_complete"
    assert "plain,show" in project.madang(COMP_WORDS="madang runs sh", COMP_CWORD="2").out
    assert "plain,--order-by" in project.madang(COMP_WORDS="madang runs list --or", COMP_CWORD="3").out
