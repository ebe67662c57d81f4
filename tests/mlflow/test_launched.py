"""MLflow calls of a command under `madang run` and in stages: they land in that very run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from madang.testing.project import Project

PLAIN = """\
import mlflow
mlflow.log_param("C", 0.5)
mlflow.log_metric("acc", 0.25, step=3)
mlflow.log_metric("acc", 0.75, step=4)
mlflow.set_tag("team", "마당")
mlflow.log_text("weights", "model/w.txt")
"""
NESTED = """\
import mlflow
mlflow.set_experiment("sweep")
with mlflow.start_run(run_name="search", tags={"kind": "sweep"}, description="두 개") as parent:
    for lr in (1, 2):
        with mlflow.start_run(run_name=f"trial {lr}", nested=True):
            mlflow.log_param("lr", lr)
            mlflow.log_metric("loss", 1 / lr)
with mlflow.start_run():
    mlflow.log_metric("loss", 9)
found = mlflow.search_runs(experiment_names=["sweep"], order_by=["metrics.loss ASC"])
print(list(found["metrics.loss"].dropna()))
mlflow.MlflowClient().create_run("0", run_name="never ended")
"""
AUTOLOG = """\
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
mlflow.models.infer_pip_requirements = lambda *_, fallback: fallback  # by loading the model in one more process
mlflow.sklearn.autolog(log_datasets=False)
X, y = load_iris(return_X_y=True)
LogisticRegression(C=0.5, max_iter=300).fit(X, y)
mlflow.register_model(mlflow.search_logged_models(output_format="list")[0].model_uri, "iris")
mlflow.MlflowClient().set_registered_model_alias("iris", "production", 1)
"""
WORKERS = """\
import mlflow, subprocess, sys
if len(sys.argv) > 1:
    mlflow.start_run(run_id=sys.argv[1])
    mlflow.log_metric("worker", 1)
else:
    with mlflow.start_run() as run:
        subprocess.run([sys.executable, __file__, run.info.run_id], check=True)
    mlflow.MlflowClient().create_run("0", run_name="never ended")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository whose path has Korean letters and a blank; nobody has set an address for MLflow."""
    made = Project(tmp_path / "내 프로젝트", tmp_path)
    made.env = {name: text for name, text in made.env.items() if name != "MLFLOW_TRACKING_URI"}
    made.write({".gitignore": "mlruns\nmlflow.db\n__pycache__\n"})
    return made


@pytest.fixture
def hub(project: Project, tmp_path: Path) -> Iterator[str]:
    """A hub on a free port of this machine; its address."""
    with project.hub(tmp_path / "hub") as address:
        yield address


def runs_of(project: Project, hub: str = "") -> list[dict[str, Any]]:
    """All runs, oldest first."""
    found: list[dict[str, Any]] = project.madang("runs", "--json", MADANG_HUB=hub).json["runs"]
    return sorted(found, key=lambda run: run["created_at"])


def shown(project: Project, run: str, hub: str = "") -> dict[str, Any]:
    """All of one run."""
    found: dict[str, Any] = project.madang("runs", "show", run, "--json", MADANG_HUB=hub).json
    return found


def last(run: dict[str, Any]) -> dict[str, float]:
    """The last values of the run's own metrics."""
    return {key: item["last"] for key, item in run["metrics"].items() if not key.startswith("system")}


def test_a_script_without_an_address(project: Project) -> None:
    """Parameters, points, tags and files are those of the launched run, which keeps its name; nothing lies around."""
    project.commit({"train.py": PLAIN})
    run = project.run("-n", "first", "--", "python", "train.py", "--C", "1")
    found = shown(project, run)
    assert [one["id"] for one in runs_of(project)] == [run]
    assert (found["name"], found["status"], found["config"]) == ("first", "finished", {"C": "0.5"})
    assert (last(found), found["tags"]["team"]) == ({"acc": 0.75}, "마당")
    assert [one["path"] for one in found["files"]] == ["model/w.txt"]
    assert not list(project.root.glob("ml*"))
    assert found["code"]["entry"] == "train.py"


def test_a_second_run_is_a_child(project: Project) -> None:
    """The first `start_run` is the launched run, with the name and tags it is given; others are children beside it.

    The end of MLflow's run is not that of the launched one: the exit code decides; open children end as the command.
    """
    project.commit({"train.py": f"{NESTED}\nimport sys\nsys.exit(3)\n"})
    said = project.madang("run", "-p", "vision", "--", "python", "train.py", ok=3)
    first, *children = runs_of(project)
    assert said.out == "[0.5, 1.0, 9.0]\n"
    assert (first["id"], first["name"], first["notes"]) == (said.err.splitlines()[0], "search", "두 개")
    assert (first["status"], first["exit_code"], first["tags"]["kind"]) == ("failed", 3, "sweep")
    assert {one["parent"] for one in children} == {first["id"]}
    assert {one["project"] for one in (first, *children)} == {"vision"}
    assert [one["name"] for one in children][:2] == ["trial 1", "trial 2"]
    assert [one["status"] for one in children] == ["finished", "finished", "finished", "failed"]


def test_autologging_and_models(project: Project) -> None:
    """What autologging says is the run's, its model is registered; a repetition says it again and moves no pointer."""
    project.commit({"train.py": AUTOLOG})
    run = project.run("-p", "flowers", "--", "python", "train.py")
    found, models = shown(project, run), project.madang("models", "--json").json["models"]
    assert (found["config"]["C"], found["status"]) == ("0.5", "finished")
    assert last(found)["training_accuracy_score"] > 0.9
    assert [one["id"] for one in runs_of(project)] == [run]
    assert [(one["name"], one["project"], one["aliases"]) for one in models] == [("iris", "flowers", {"production": 1})]
    again = shown(project, project.madang("reproduce", run, "--json", ok=None).json["run"])
    assert project.madang("models", "--json").json["models"] == models
    assert last(again) == last(found)
    assert "iris/MLmodel" in {one["path"] for one in again["outputs"]}


def test_processes_of_the_command(project: Project) -> None:
    """A process that the command starts logs into the same run; a child that nobody has ended ends as the command."""
    project.commit({"train.py": WORKERS})
    run = project.run("--", "python", "train.py")
    first, child = runs_of(project)
    assert (first["id"], last(shown(project, run))) == (run, {"worker": 1})
    assert (child["name"], child["status"]) == ("never ended", "finished")


def test_a_killed_script(project: Project) -> None:
    """All that was answered is there after SIGKILL."""
    script = (
        "import mlflow, os\nfor step in range(50):\n    mlflow.log_metric('m', step, step=step)\n"
        "mlflow.start_run(nested=True)\nos.kill(os.getpid(), 9)\n"
    )
    project.commit({"train.py": script})
    project.run("--", "python", "train.py", ok=128 + signal.SIGKILL)
    first, child = runs_of(project)
    assert (first["status"], first["metrics"]["m"]["count"], last(first)) == ("killed", 50, {"m": 49})
    assert child["status"] == "killed"


@pytest.mark.parametrize("arguments", [("repro", "-j", "2"), ("exp", "run")])
def test_stages(project: Project, arguments: tuple[str, ...]) -> None:
    """Each stage has a run of its own to log into, also side by side and in an experiment."""
    stages = "".join(f"  {name}:\n    cmd: python train.py {name}\n    deps: [train.py]\n" for name in ("one", "two"))
    script = "import mlflow, sys\nmlflow.log_metric(sys.argv[1], 1)\n"
    project.commit({"train.py": script, "dvc.yaml": f"stages:\n{stages}", ".dvc/config": "", ".dvc/.gitignore": "/tmp"})
    project.madang(*arguments)
    found = {run["name"]: shown(project, run["id"]) for run in runs_of(project) if run["job_type"] == "stage"}
    assert {name: last(run) for name, run in found.items()} == {"one": {"one": 1}, "two": {"two": 1}}


def test_another_launcher_inside(project: Project) -> None:
    """A launched command that launches one has its own run for each."""
    inner = "import mlflow, subprocess\nmlflow.log_metric('outer', 1)\n"
    inner += (
        "subprocess.run(['madang', 'run', '--', 'python', 'inner.py'], check=True)\nmlflow.log_metric('outer', 2)\n"
    )
    project.commit({"train.py": inner, "inner.py": "import mlflow\nmlflow.log_metric('inner', 1)\n"})
    run = project.run("--", "python", "train.py")
    first, second = runs_of(project)
    assert (first["id"], last(first), last(second)) == (run, {"outer": 2}, {"inner": 1})
    assert second["parent"] == run


def test_a_hub_gets_it_too(project: Project, hub: str) -> None:
    """With a hub the run, its files and its children are there when the command has ended."""
    project.commit({"train.py": PLAIN + "mlflow.start_run(nested=True)\nmlflow.log_metric('inner', 1)\n"})
    run = project.run("--", "python", "train.py", MADANG_HUB=hub)
    found = shown(project, run, hub)
    assert (last(found), found["config"]) == ({"acc": 0.75}, {"C": "0.5"})
    answer = urllib3.request("GET", f"{hub}/get-artifact", fields={"run_id": run, "path": "model/w.txt"})
    assert answer.data == b"weights"
    assert [last(one) for one in runs_of(project, hub) if one["parent"] == run] == [{"inner": 1}]


@pytest.mark.parametrize(
    "given", [{"MLFLOW_TRACKING_URI": "http://127.0.0.1:9/", "HTTP_PROXY": "x"}, {"MADANG_MLFLOW": "0"}]
)
def test_nothing_is_touched(project: Project, given: dict[str, str]) -> None:
    """Who has set an address, or wants none of this, finds their environment as it was."""
    show = (
        "import json, os\nprint(json.dumps({k: v for k, v in os.environ.items() if 'MLFLOW' in k or 'PROXY' in k}))\n"
    )
    project.commit({"show.py": show})
    before = {name: text for name, text in project.env.items() if "MLFLOW" in name or "PROXY" in name}
    project.env |= given | {"MADANG_WANDB": "0"}
    assert project.madang("run", "--", "python", "show.py").json == before | given


def test_only_a_caller_costs_a_server(project: Project) -> None:
    """A script that does not call MLflow starts nothing; one without the secret is refused, and no proxy is asked."""
    script = (
        "import json, os, urllib.request, urllib.error\n"
        "if os.environ.get('CALL'):\n"
        "    try:\n"
        "        path = '/api/2.0/mlflow/experiments/get?experiment_id=0'\n"
        "        urllib.request.urlopen(os.environ['MLFLOW_TRACKING_URI'] + path)\n"
        "    except urllib.error.HTTPError as error:\n"
        "        print(error.code)\n"
    )
    project.commit({"show.py": script})
    project.madang("run", "--", "python", "show.py")
    assert not (project.store / "trackers.log").exists()
    assert project.madang("run", "--", "python", "show.py", CALL="1", http_proxy="http://127.0.0.1:9").out == "401\n"


def test_a_server_that_cannot_start(project: Project) -> None:
    """The client is refused at once, the command goes on, and the user is told."""
    script = "import mlflow\ntry:\n    mlflow.log_metric('a', 1)\nexcept Exception as e:\n    print(type(e).__name__)\n"
    project.commit({"train.py": script})
    project.madang("runs")
    (project.store / "trackers.log").mkdir(parents=True)
    said = project.madang("run", "--", "python", "train.py")
    assert said.out == "MlflowException\n"
    assert "Calls of MLflow or W&B were not answered to the end" in said.err
