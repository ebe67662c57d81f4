"""The same commands over a hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.testing.project import Project

TRAIN = """\
import json, sys
json.dump({'acc': float(sys.argv[1])}, open('metrics.json', 'w'))
open('m.bin', 'w').write('x')
"""


@pytest.fixture
def hub(project: Project, tmp_path: Path) -> Iterator[str]:
    """A hub on a free port of this machine; its address."""
    with project.hub(tmp_path / "hub") as address:
        yield address


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


def test_the_registry_goes_along(project: Project, hub: str) -> None:
    """What was registered and promoted here by hand is sent; what moved there, too, is told with what to do."""
    project.commit({"train.py": TRAIN, ".gitignore": "metrics.json\nm.bin\n"})
    project.run("-p", "시험", "--name", "first", "--out", "m.bin", "--", "python", "train.py", "0.5")
    for name in ("best", "other"):
        project.madang("models", "register", "first", "m.bin", "-n", name)
    project.madang("models", "promote", "best:v1", "production", "-r", "it works")
    assert "2 versions of 2" in project.madang("sync", "--hub", hub).out
    there = project.madang("models", "history", "best", "--json", MADANG_HUB=hub).json
    assert "it works" in str(there)
    project.madang("models", "promote", "best:v1", "staging", MADANG_HUB=hub)
    project.madang("models", "promote", "best:v1", "archived")
    said = project.madang("sync", "--hub", hub, ok=1).err
    assert "staging is at v1 on" in said
    assert f"MADANG_HUB={hub} `madang models promote best:v1 archived`" in said
    assert project.madang("sync", "--hub", hub, "--fetch", ok=1).err.count("nothing was done") == 2
    project.madang("models", "promote", "best:v1", "staging")
    assert "best" not in project.madang("sync", "--hub", hub).err


def test_hub_that_is_down(project: Project) -> None:
    """With the hub down nothing is lost: the command runs, says what is left to do, and the record is here."""
    project.commit({"x": ""})
    project.env |= {"MADANG_HUB": "http://127.0.0.1:9", "MADANG_SYNC_TIMEOUT": "1"}
    said = project.madang("run", "--", "true")
    assert "madang sync" in said.err
    assert "does not answer" in project.madang("runs", ok=1).err
    del project.env["MADANG_HUB"]
    assert project.madang("runs", "show", said.err.splitlines()[0], "--json").json["status"] == "finished"
