"""A release of the client that is a year older than the present one, as it runs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.wandb.conftest import Client, Hub

ROOT = Path(__file__).parents[2]
OLDER = "0.22.0"
PACKAGES = (f"wandb=={OLDER}", "numpy==2.3.4")


@pytest.fixture(scope="module")
def older() -> str:
    """The Python of an environment with that release, made once for a checkout."""
    folder = ROOT / ".tools" / f"wandb-{OLDER}-{sys.version_info[0]}.{sys.version_info[1]}"
    python, is_made = folder / "bin" / "python", folder / "made"
    if not is_made.exists():
        for command in (
            ("venv", "--clear", "--quiet", "--python", sys.executable, str(folder)),
            ("pip", "install", "--quiet", "--python", str(python), *PACKAGES),
        ):
            for pause in (5, 20, 60, 0):  # networks fail for moments
                done = subprocess.run([sys.executable, "-m", "uv", *command], capture_output=True, text=True)
                if done.returncode == 0:
                    break
                time.sleep(pause)
            assert done.returncode == 0, done.stderr
        is_made.touch()
    return str(python)


@pytest.mark.timeout(900)  # with the making of the environment
def test_an_older_release_does_all_of_it(older: str, hub: Hub, tmp_path: Path) -> None:
    """Runs resumed, rewound and forked, media, artifacts, links, an offline run, a sweep with its agent, the Api."""
    client = Client(hub, tmp_path, older)
    script = ROOT / "scripts" / "wandb_features.py"
    client(script.read_text("utf-8"), WANDB_DISABLE_GIT="true")
    runs = {run["tags"]["wandb.id"]: run for run in hub.native("runs?project=recorded")["runs"]}
    first, offline = runs.pop("first"), runs.pop("offline")
    assert f'"cli_version":"{OLDER}"' in first["tags"]["wandb.config"]
    assert (first["name"], first["status"], first["notes"], first["group"]) == ("첫째", "finished", "n", "g")
    assert first["config"] == {"lr": 0.1, "model.depth": 3, "later": 1}
    assert {"one", "two"} <= first["tags"].keys()
    loss = hub.native(f"runs/{first['id']}/history?keys=loss")["series"]["loss"]
    assert (loss["steps"], loss["values"]) == ([0, 1, 2], [1, 0.5, 9])
    assert first["metrics"]["nan"]["last"] == "NaN"
    assert first["versions"] == ["data:v0", "run-first-cm_table:v0", "run-first-table:v0"]
    assert (offline["status"], offline["metrics"]["loss"]["last"]) == ("finished", 1)
    trials = [run for run in runs.values() if "x" in run["config"]]
    assert sorted((run["config"]["x"], run["metrics"]["y"]["last"]) for run in trials) == [(1, 1), (2, 2)]
    (maker,) = [run for run in runs.values() if "x" not in run["config"]]
    assert maker["versions"] == ["data:v2", "model:v0"]  # one of them was deleted, as was the collection `shared`
    data = hub.native("projects/recorded/artifacts/data/v2")
    assert [entry["path"] for entry in data["entries"]] == ["data.txt", "elsewhere", "more.txt"]
