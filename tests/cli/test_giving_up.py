"""Giving up what a hub holds, by hand: workspace → hub → gc --runs → read → sync --fetch → sync --check."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.testing.project import Project
from madang.testing.segment_files import segment_files

TRAIN = """\
import madang
with madang.init(project="주행", name="첫 런") as run:
    for n in range(200):
        run.log({"loss": 1 / (n + 1)})
"""


@pytest.fixture
def hub(project: Project, tmp_path: Path) -> Iterator[str]:
    """A hub on a free port of this machine; its address."""
    with project.hub(tmp_path / "hub") as address:
        yield address


def test_given_up_read_and_brought_back(project: Project, hub: str) -> None:
    """Every command says where the segments are; the run stays readable, and comes back byte for byte."""
    project.commit({"train.py": TRAIN})
    project.env |= {"MADANG_HUB": hub, "MADANG_FOLLOWER": "0"}
    subprocess.run(["python", "train.py"], cwd=project.root, env=project.env, check=True)
    del project.env["MADANG_HUB"]
    project.madang("sync", "--hub", hub)
    (run,) = [one["id"] for one in project.madang("runs", "--json").json["runs"]]
    folder = project.store / "segments" / run[:2] / run
    before = segment_files(folder)
    told = project.madang("gc", "--runs", "--hub", hub, "--dry", "--json").json
    assert told["bytes"] == sum(path.stat().st_size for path in folder.glob("*.seg*")) > 0
    assert "--yes" in project.madang("gc", "--runs", "--hub", hub, ok=255).err
    assert segment_files(folder) == before
    assert project.madang("gc", "--runs", "--hub", hub, "--older-than", "1d", "--json").json["runs"] == []
    history = project.madang("runs", "history", run).out
    assert project.madang("gc", "--runs", "--hub", hub, "--yes", "--json").json["freed"] > 0
    assert segment_files(folder) == {}
    assert project.madang("runs", "history", run).out == history
    assert project.madang("runs", "show", run, "--json").json["damage"] == []
    for where in ((), ("--hub", hub)):
        assert f"held by {hub}" in project.madang("sync", "--check", *where).err
    for path in project.store.glob("records.db*"):
        path.unlink()
    listed = project.madang("runs")
    assert "첫 런" in listed.out
    assert f"held by {hub}; `madang sync --fetch {run} --hub {hub}`" in listed.err
    assert f"held by {hub}" in project.madang("reproduce", run, "--yes", ok=2).out
    assert project.madang("sync", "--fetch", run, "--json").json["runs"][0]["bytes"] == sum(map(len, before.values()))
    assert segment_files(folder) == before
    assert not (folder / "held").exists()
    assert project.madang("runs", "history", run).out == history
    project.madang("sync", "--hub", hub)  # the attempt to repeat it is on record too, as a run of its own
    for where in ((), ("--hub", hub)):
        assert project.madang("sync", "--check", *where, "--json").json["ok"]


def test_check_makes_no_store(project: Project) -> None:
    """A check where there is nothing says so and leaves nothing behind."""
    project.commit({"x": ""})
    said = project.madang("sync", "--check")
    assert "no runs" in said.err
    assert not project.store.exists()
