"""What the runs of a reproduction record of all its stages, read back as one pipeline."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from madang.client.http import HubClient
from madang.domain.pipelines import PipelineView
from madang.testing.project import PROGRAM, Project
from madang.wiring import local_user, open_store

PIPELINE = """\
stages:
  first:
    cmd: cp data.csv first.txt
    deps: [data.csv]
    outs: [first.txt]
  left:
    cmd: cp first.txt left.txt
    deps: [first.txt]
    params: [left]
    outs: [left.txt]
  right:
    cmd: cp first.txt right.txt
    deps: [first.txt]
    params: [right]
    outs: [right.txt]
  last:
    cmd: cat left.txt right.txt > last.txt
    deps: [left.txt, right.txt]
    outs: [last.txt]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Four stages over tracked data; nothing ran yet."""
    project = Project(tmp_path / "저장소", tmp_path)
    project.madang("init")
    project.write({"data.csv": "1\n", "dvc.yaml": PIPELINE, "params.yaml": "left: 1\nright: 1\n"})
    project.madang("add", "data.csv")
    project.commit()
    return project


def _newest(project: Project) -> PipelineView:
    engine = open_store(str(project.root))
    try:
        name = engine.search.projects(local_user())[0].name
        page = engine.pipelines.latest(local_user(), name, limit=1)
        return engine.pipelines.pipeline(local_user(), name, page.pipelines[0].group)
    finally:
        engine.close()


def _states(found: PipelineView) -> dict[str, str]:
    return {stage.name: stage.status for stage in found.stages}


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_plan_and_states_are_recorded(project: Project, jobs: str) -> None:
    """The whole plan is there with its edges and paths, one by one or side by side; data comes before its readers."""
    project.madang("repro", "-j", jobs)
    found = _newest(project)
    assert _states(found) == {
        "data.csv.dvc": "unchanged", "first": "ran", "left": "ran", "right": "ran", "last": "ran"
    }  # fmt: skip
    by_name = {stage.name: stage for stage in found.stages}
    assert by_name["first"].needs == ["data.csv.dvc"]
    assert by_name["last"].needs == ["left", "right"]
    assert (by_name["left"].reads, by_name["left"].writes) == (["first.txt", "params.yaml"], ["left.txt"])
    assert by_name["data.csv.dvc"].kind == "data"
    assert (found.status, bool(found.ended)) == ("finished", True)


def test_what_did_not_run_is_recorded_too(project: Project) -> None:
    """Stages that were up to date, restored or left out after a failure: the last of them after the last run."""
    project.madang("repro")
    project.write({"params.yaml": "left: 2\nright: 1\n"})
    project.madang("repro")
    bad = PIPELINE.replace("cp first.txt right.txt", "exit 3")
    project.write({"params.yaml": "left: 1\nright: 1\n", "dvc.yaml": bad})
    project.madang("repro", "--keep-going", ok=255)
    found = _newest(project)
    assert _states(found) == {
        "data.csv.dvc": "unchanged", "first": "unchanged", "left": "restored", "right": "failed", "last": "skipped"
    }  # fmt: skip
    restored = next(stage for stage in found.stages if stage.name == "left")
    assert [out.path for out in restored.outs] == ["left.txt"]
    assert (found.status, restored.run) == ("failed", "")


def test_a_stage_that_cannot_begin_says_why(project: Project) -> None:
    """A stage without a run that failed carries its error."""
    project.write({"dvc.yaml": PIPELINE.replace("params: [right]", "params: [absent]")})
    project.madang("repro", "--keep-going", ok=255)
    found = {stage.name: stage for stage in _newest(project).stages}
    assert (found["right"].status, found["right"].run) == ("failed", "")
    assert "absent" in found["right"].error


def test_nothing_to_do_leaves_no_trace(project: Project) -> None:
    """A reproduction in which no stage runs is no reproduction on the page."""
    project.madang("repro")
    before = _newest(project).group
    project.madang("repro")
    assert _newest(project).group == before


def test_a_killed_reproduction_shows_how_far_it_came(project: Project) -> None:
    """The plan is there from the first stage on; what came after the kill is open, then not reached."""
    project.write({"dvc.yaml": PIPELINE.replace("cp first.txt left.txt", "sleep 600")})
    command = [PROGRAM, "repro"]
    child = subprocess.Popen(
        command, cwd=project.root, env=project.env, start_new_session=True, stdout=subprocess.DEVNULL
    )
    while not (project.root / "first.txt").exists() or _states(_newest(project)).get("left") != "running":
        assert child.poll() is None
        time.sleep(0.1)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    found = _newest(project)
    assert _states(found)["first"] == "ran"
    assert _states(found)["last"] == "waiting"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_hub_knows_the_end(project: Project, tmp_path: Path, jobs: str) -> None:
    """When `repro` returns, the hub has the whole of it: also what became of stages after the last run."""
    project.madang("repro")
    project.write({"params.yaml": "left: 2\nright: 1\n"})
    command = [PROGRAM, "hub", "--store", str(tmp_path / "hub"), "--port", "0"]
    with subprocess.Popen(command, env=project.env, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        project.madang("repro", "-j", jobs, MADANG_HUB=address)
        client = HubClient(address)
        name = client.get(("projects",), dict[str, Any])["projects"][0]["name"]
        group = client.get(("projects", name, "pipelines"), dict[str, Any])["pipelines"][0]["group"]
        found = client.get(("projects", name, "pipelines", group), dict[str, Any])
        client.close()
        server.terminate()
    states = {stage["name"]: stage["status"] for stage in found["stages"]}
    assert states == {
        "data.csv.dvc": "unchanged", "first": "unchanged", "left": "ran", "right": "unchanged", "last": "unchanged"
    }  # fmt: skip
    assert found["status"] == "finished"
