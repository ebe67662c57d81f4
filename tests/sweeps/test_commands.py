"""Sweeps by commands and from Python, in a repository and with a hub."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from madang.testing.hubs import clock_put_on_by
from madang.testing.patience import wait_for
from madang.testing.project import PROGRAM, Project

TRAIN = """
import sys, time, madang

with madang.init(config={"x": -1, "own": 1}) as run:
    config = run.config
    print(sys.argv[1:])
    time.sleep(config.wait)
    run.log({"loss": (config.x - 0.3) ** 2 + config.model.size})
"""
GRID = """
program: train.py
method: grid
metric: {name: loss}
parameters:
  x: {values: [0.1, 0.3, 0.5]}
  wait: {value: %s}
  model: {parameters: {size: {values: [1, 2]}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository with a program to train, whose path has Korean letters and a blank."""
    made = Project(tmp_path / "내 프로젝트", tmp_path)
    made.commit({"train.py": TRAIN, "sweep.yaml": GRID % 0})
    return made


def agent(project: Project, *words: str, **env: str) -> subprocess.Popen[str]:
    """An agent at work."""
    return subprocess.Popen([PROGRAM, "agent", *words], cwd=project.root, env={**project.env, **env}, text=True)


def told(project: Project, sweep: str, **env: str) -> Any:
    """What is known of a sweep."""
    return project.madang("sweep", "status", sweep, "--json", ok=0, given="", cwd="", **env).json


def until(project: Project, sweep: str, holds: Any, **env: str) -> None:
    """Wait until something holds of a sweep."""
    wait_for(lambda: holds(told(project, sweep, **env)))


def test_a_sweep_in_a_repository(project: Project) -> None:
    """Two agents run a grid: each trial is a run of its own, with its parameters in the arguments and in the config."""
    said = project.madang("sweep", "run", "sweep.yaml", "--agents", "2", "-n", "첫째")
    assert "6 of 6 trials (6 finished)" in said.out
    (listed,) = project.madang("sweep", "list", "--json").json["sweeps"]
    assert (listed["name"], listed["state"], listed["best"]["value"]) == ("첫째", "finished", 1.0)
    found = told(project, listed["id"])
    assert sorted((trial["params"]["x"], trial["params"]["model.size"]) for trial in found["trials"]) == [
        (x, size) for x in (0.1, 0.3, 0.5) for size in (1, 2)
    ]
    assert [item["name"] for item in found["parameters"]] == ["x", "wait", "model.size"]
    best = project.madang("runs", "show", listed["best"]["run"], "--json").json
    assert best["config"] == {"x": 0.3, "wait": 0, "model.size": 1, "own": 1}
    assert (best["tags"]["madang.sweep"], best["tags"]["madang.trial"]) == (listed["id"], str(listed["best"]["number"]))
    runs = project.madang("runs", "--filter", f"tags.`madang.sweep` = '{listed['id']}'", "--json").json["runs"]
    assert len(runs) == 6


def test_agents_of_a_hub_are_killed(project: Project, tmp_path: Path) -> None:
    """An agent that dies with its trial in hand: another one elsewhere does it, and none is done twice."""
    later = tmp_path / "later"
    with project.hub(tmp_path / "hub", clock_put_on_by(later)) as hub:
        killed_and_replaced(project, hub, later)


def killed_and_replaced(project: Project, hub: str, later: Path) -> None:
    """An agent is killed, the clock is put on by ``later``, and two others do all that is left."""
    project.write({"slow.yaml": GRID % 0.2})
    sweep = project.madang("sweep", "create", "slow.yaml", MADANG_HUB=hub).out.strip()
    dying = agent(project, sweep, MADANG_HUB=hub, TMPDIR=str(project.root.parent))  # it cannot clean up
    until(project, sweep, lambda view: view["trials"] and view["agents"][0]["running"], MADANG_HUB=hub)
    children = subprocess.run(["pgrep", "-P", str(dying.pid)], capture_output=True, text=True, check=True).stdout
    dying.kill()
    dying.wait()
    for child in children.split():
        os.killpg(int(child), signal.SIGKILL)
    later.touch()  # nothing was heard of it for long
    others = [agent(project, sweep, MADANG_HUB=hub) for _ in range(2)]
    assert [other.wait(250) for other in others] == [0, 0]
    found = told(project, sweep, MADANG_HUB=hub)
    assert (found["state"], found["counts"]["finished"], len(found["trials"])) == ("finished", 6, 6)
    assert len({json.dumps(trial["params"]) for trial in found["trials"]}) == 6
    assert [trial["attempt"] for trial in found["trials"] if trial["attempt"] > 1] == [2]


def test_an_interrupted_agent_gives_its_trial_back(project: Project) -> None:
    """SIGTERM ends the trial and the agent, and the next agent gets the trial at once."""
    project.write({"slow.yaml": GRID % 600})
    sweep = project.madang("sweep", "create", "slow.yaml").out.strip()
    first = agent(project, sweep)
    until(project, sweep, lambda view: view["trials"] and view["trials"][0]["run"])
    (run,) = [trial["run"] for trial in told(project, sweep)["trials"]]
    while project.madang("runs", "show", run, "--json", ok=None).code != 0:
        time.sleep(0.1)  # until the program has begun
    first.terminate()
    assert first.wait(200) != 0
    (trial,) = told(project, sweep)["trials"]
    assert trial["state"] == "waiting"
    project.madang("sweep", "pause", sweep)
    project.madang("sweep", "resume", sweep)
    project.madang("sweep", "cancel", sweep)
    assert project.madang("agent", sweep).code == 0
    refused = project.madang("sweep", "resume", sweep, ok=1)
    assert "was cancelled" in refused.err


def test_what_goes_wrong_is_told(project: Project) -> None:
    """A configuration that makes no sense, a sweep that is not there, a program that always fails."""
    calls = "method: random, parameters: {x: {value: 1}}}"
    project.write({"bad.yaml": "method: grid", "calls.yaml": "{" + calls, "fails.yaml": "{program: no.py, " + calls})
    assert "no `parameters`" in project.madang("sweep", "run", "bad.yaml", ok=1).err
    sweep = project.madang("sweep", "create", "calls.yaml").out.strip()
    assert "names no program" in project.madang("agent", sweep, ok=1).err
    assert told(project, sweep)["trials"] == []
    project.madang("sweep", "stop", sweep)
    assert "no sweep" in project.madang("agent", "nothing", ok=1).err
    assert "No sweep runs" in project.madang("agent", ok=1).err
    failed = project.madang("sweep", "run", "fails.yaml", ok=1)
    assert "The last 5 trials have failed" in failed.err


FUNCTION = """
import json, madang

def train(run):
    if run.config.x == 2:
        raise ValueError("no")
    run.log({"loss": run.config.x})

def alone():
    madang.init(config={"x": 9})
    madang.log({"loss": madang.current_run().config.x})

config = {"method": "grid", "metric": {"name": "loss"}, "parameters": {"x": {"values": [1, 2, 3]}}}
sweeps = [madang.sweep(config, "함수") for _ in range(2)]
print(json.dumps([sweeps, madang.agent(sweeps[0], train), madang.agent(sweeps[1], alone, count=2)]))
"""


def test_functions_as_trials(project: Project) -> None:
    """A function gets each trial's run, or begins it itself; one that raises has failed, and the next one comes."""
    project.write({"search.py": FUNCTION})
    words = [sys.executable, "search.py"]
    done = subprocess.run(words, cwd=project.root, env=project.env, capture_output=True, text=True, check=True)
    sweeps, first, second = json.loads(done.stdout)
    assert sorted(first.values()) == ["failed", "finished", "finished"]
    assert list(second.values()) == ["finished", "finished"]
    found = [told(project, sweep) for sweep in sweeps]
    states = [[(trial["params"]["x"], trial["state"], trial["value"]) for trial in view["trials"]] for view in found]
    assert states[0] == [(1, "finished", 1.0), (2, "failed", None), (3, "finished", 3.0)]
    assert states[1] == [(1, "finished", 1.0), (2, "finished", 2.0)]
    run = project.madang("runs", "show", next(iter(second)), "--json").json
    assert (run["project"], run["config"], run["tags"]["madang.sweep"]) == ("함수", {"x": 1}, sweeps[1])


STEPS = """
import time, madang

with madang.init() as run:
    for step in range(30 if run.config.x == 9 else 10_000):
        run.log({"loss": run.config.x})
        time.sleep(0.02)
"""
EARLY = """
program: steps.py
method: grid
agent_timeout: 2
metric: {name: loss, goal: maximize}
early_terminate: {type: hyperband, min_iter: 4, eta: 3, strict: true}
parameters: {x: {values: [9, 1]}}
"""
CALLS = """
import sys, time, madang

def train(run):
    for step in range(30 if run.config.x == 9 else 10_000):
        run.log({"loss": run.config.x})
        time.sleep(0.02)

print(sorted(madang.agent(sys.argv[1], train).values()))
"""


def test_hopeless_trials_are_stopped(project: Project) -> None:
    """By early termination, as a command and as a call: the trial ends long before it would, and counts as stopped."""
    project.write({"steps.py": STEPS, "early.yaml": EARLY, "calls.py": CALLS})
    assert "1 finished, 1 stopped" in project.madang("sweep", "run", "early.yaml").out
    sweep = project.madang("sweep", "create", "early.yaml").out.strip()
    words = [sys.executable, "calls.py", sweep]
    done = subprocess.run(words, cwd=project.root, env=project.env, capture_output=True, text=True, check=True)
    assert done.stdout == "['finished', 'killed']\n", done.stderr
    view = told(project, sweep)
    assert [(trial["params"]["x"], trial["state"], trial["value"]) for trial in view["trials"]] == [
        (9, "finished", 9.0), (1, "stopped", 1.0),
    ]  # fmt: skip
    assert view["best"]["value"] == 9.0
    run = project.madang("runs", "show", view["trials"][1]["run"], "--json").json
    assert 4 <= run["metrics"]["loss"]["count"] < 10_000
