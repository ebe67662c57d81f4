"""The same commands over a hub."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.testing.project import PROGRAM, Project

TRAIN = """\
import json, sys
json.dump({'acc': float(sys.argv[1])}, open('metrics.json', 'w'))
open('m.bin', 'w').write('x')
"""


@pytest.fixture
def hub(project: Project, tmp_path: Path) -> Iterator[str]:
    """A hub on a free port of this machine; its address."""
    command = [PROGRAM, "hub", "--store", str(tmp_path / "hub"), "--port", "0"]
    with subprocess.Popen(command, env=project.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def test_everything_over_a_hub(project: Project, hub: str) -> None:
    """A run is uploaded before the command ends; it is listed, registered, fetched and reproduced from the hub."""
    project.commit({"train.py": TRAIN, ".gitignore": "metrics.json\nm.bin\n"})
    project.env["MADANG_HUB"] = hub
    assert "no runs" in project.madang("sync").err
    run = project.run("-p", "시험", "--name", "first", "--out", "m.bin", "--", "python", "train.py", "0.5")
    page = project.madang("runs", "--filter", "metrics.acc > 0.4", "--order-by", "metrics.acc desc", "--json").json
    assert [(one["id"], one["status"]) for one in page["runs"]] == [(run, "finished")]
    assert project.madang("models", "register", "first", "m.bin", "-n", "best", "--json").json["number"] == 1
    project.madang("models", "promote", "best:v1", "production")
    project.madang("artifacts", "get", "best@production", "m.bin", "--to", "got.bin")
    assert (project.root / "got.bin").read_text() == "x"
    project.madang("runs", "tag", "first", "seen")
    assert project.madang("runs", "show", run, "--json").json["tags"] == {"seen": ""}
    found = project.madang("reproduce", "first", "--json").json
    assert found["verdict"] == "IDENTICAL"
    again = project.madang("runs", "show", found["run"], "--json").json
    assert (again["verdict"]["of"], again["verdict"]["verdict"]) == (run, "IDENTICAL")
    assert project.madang("verify", run, "--json").json["checked"][0]["finding"] == "VALID"
    (project.store / "segments").rename(project.store / "gone")
    for index in project.store.glob("records.db*"):
        index.unlink()
    assert "made by" in project.madang("reproduce", run, ok=2).err  # not ours to the store: a record may say anything
    found = project.madang("reproduce", run, "--yes", "--json").json
    assert found["verdict"] == "IDENTICAL"
    assert len(project.madang("verify", run, "--json").json["checked"]) == 2


def test_the_registry_stays(project: Project, hub: str) -> None:
    """What was registered and promoted here by hand is not sent to a hub, and the command says so."""
    project.commit({"train.py": TRAIN, ".gitignore": "metrics.json\nm.bin\n"})
    project.run("-p", "시험", "--name", "first", "--out", "m.bin", "--", "python", "train.py", "0.5")
    project.madang("models", "register", "first", "m.bin", "-n", "best")
    project.madang("models", "promote", "best:v1", "production")
    said = project.madang("sync", "--hub", hub).err
    assert "model best:" in said
    assert "the registry is not sent" in said
    project.madang("models", "register", "first", "m.bin", "-n", "best", MADANG_HUB=hub)
    project.madang("models", "promote", "best:v1", "production", MADANG_HUB=hub)
    project.run("-p", "시험", "--name", "second", "--", "true")
    assert "the registry is not sent" not in project.madang("sync", "--hub", hub).err


def test_hub_that_is_down(project: Project) -> None:
    """With the hub down nothing is lost: the command runs, says what is left to do, and the record is here."""
    project.commit({"x": ""})
    project.env |= {"MADANG_HUB": "http://127.0.0.1:9", "MADANG_SYNC_TIMEOUT": "1"}
    said = project.madang("run", "--", "true")
    assert "madang sync" in said.err
    assert "does not answer" in project.madang("runs", ok=1).err
    del project.env["MADANG_HUB"]
    assert project.madang("runs", "show", said.err.splitlines()[0], "--json").json["status"] == "finished"
