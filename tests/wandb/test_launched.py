"""W&B calls of a command under `madang run`: they land in that very run."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.wandb.conftest import hub_at

from madang.testing.project import Project

PLAIN = """\
import wandb
run = wandb.init(project="theirs", config={"C": 0.5}, tags=["one"])
for step in range(5):
    run.log({"acc": step / 4})
run.finish()
second = wandb.init(project="theirs", name="again")
second.log({"acc": 9.0})
second.finish()
print(run.id)
"""
BOTH = """\
import mlflow, wandb
run = wandb.init(project="theirs", config={"lr": 0.5})
mlflow.log_params({"lr": 0.5, "depth": 3})
run.config["later"] = 1
for step in range(5):
    mlflow.log_metric("acc", step / 4, step=step)
    run.log({"acc": step / 4, "own": step})
run.finish()
"""
KILLED = """\
import os, time, wandb
run = wandb.init(project="theirs")
for step in range(40):
    run.log({"acc": step})
while wandb.Api(timeout=200).run(run.path).lastHistoryStep < 39:
    time.sleep(0.1)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository; nobody has said where W&B's calls go."""
    made = Project(tmp_path / "내 프로젝트", tmp_path)
    drop = ("WANDB", "MLFLOW_TRACKING_URI")
    made.env = {name: text for name, text in made.env.items() if not name.startswith(drop)}
    made.env |= {"HOME": str(tmp_path), "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    made.write({".gitignore": "wandb\nmlruns\nmlflow.db\n__pycache__\n"})
    return made


def runs_of(project: Project) -> list[dict[str, Any]]:
    """All runs, oldest first, each with all that is known of it."""
    found = sorted(project.madang("runs", "--json").json["runs"], key=lambda run: run["created_at"])
    return [project.madang("runs", "show", run["id"], "--json").json for run in found]


def test_the_first_run_is_the_launched_one(project: Project) -> None:
    """Config, rows and labels are those of the launched run; the second one is its child."""
    project.commit({"train.py": PLAIN})
    run = project.run("-n", "mine", "--", "python", "train.py", "--C", "1")
    first, second = runs_of(project)
    assert (first["id"], first["name"], first["status"]) == (run, "mine", "finished")
    assert (first["config"]["C"], first["tags"]["one"], first["metrics"]["acc"]["count"]) == (0.5, "", 5)
    assert (second["parent"], second["name"], second["project"]) == (run, "again", first["project"])
    assert second["metrics"]["acc"]["last"] == 9.0


def test_two_trackers(project: Project) -> None:
    """What a script logs to MLflow and to W&B is there once, and not where a key of W&B's own service would lead."""
    project.commit({"train.py": BOTH})
    said = project.madang("run", "--", "python", "train.py", WANDB_API_KEY="k" * 40)
    assert "not sent to api.wandb.ai; set MADANG_WANDB=0" in said.err
    (found,) = runs_of(project)
    assert (found["metrics"]["acc"]["count"], found["metrics"]["own"]["count"]) == (5, 5)
    assert found["config"] == {"lr": 0.5, "depth": "3", "later": 1}


def test_a_killed_script(project: Project) -> None:
    """What reached the launched edge is kept after SIGKILL, and the run says that its end did not come."""
    project.commit({"train.py": KILLED})
    project.run("--", "python", "train.py", ok=128 + signal.SIGKILL)
    (found,) = runs_of(project)
    assert found["status"] == "killed"
    assert found["metrics"]["acc"]["count"] == 40
    assert [alert["title"] for alert in found["alerts"]] == ["The end is missing"]


@pytest.mark.parametrize(
    "given", [{"WANDB_BASE_URL": "http://127.0.0.1:9"}, {"WANDB_MODE": "offline"}, {"MADANG_WANDB": "0"}]
)
def test_nothing_is_touched(project: Project, given: dict[str, str]) -> None:
    """Who has set an address or a mode, or wants none of this, finds their environment as it was."""
    show = "import json, os\nprint(json.dumps({k: v for k, v in os.environ.items() if 'WANDB' in k}))\n"
    project.commit({"show.py": show})
    project.env |= given
    before = {name: text for name, text in project.env.items() if "WANDB" in name}
    assert project.madang("run", "--", "python", "show.py").json == before
    assert not (project.store / "trackers.log").exists()
    assert json.dumps(before)


def test_a_hub_gets_it_too(project: Project, tmp_path: Path) -> None:
    """With a hub the run and its child are there when the command has ended, under the names that the client gave."""
    hub = hub_at(tmp_path)
    hub.start()
    try:
        project.commit({"train.py": PLAIN + "open('o.txt', 'w').write('words')\n"})
        said = project.madang("run", "-p", "vision", "--", "python", "train.py", MADANG_HUB=hub.address)
        name = said.out.strip().splitlines()[-1]
        found = hub.ask(
            'query Q($name: String!) { project(name: "vision", entityName: "madang") { run(name: $name) '
            "{ state config historyLineCount } } }",
            name=name,
        )["project"]["run"]
        assert (found["state"], json.loads(found["config"])["C"]["value"]) == ("finished", 0.5)
        assert len(hub.native("runs?project=vision")["runs"]) == 2
    finally:
        hub.kill()
