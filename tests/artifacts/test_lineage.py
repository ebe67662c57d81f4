"""The lineage graph: what a run, some data or a version was made of, and what it led to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from madang.domain.commands import CreateRun
from madang.domain.events import Use
from madang.domain.lineage_graph import Graph, Node, Thing, parse
from madang.domain.versions import Entry
from madang.errors import InvalidInput, NotFound
from madang.services import lineage as service
from madang.testing.project import Project
from madang.wiring import Engine, local_user, open_store

MAKE = """\
import madang
with madang.init(project="p", name="make") as run:
    open("table.csv", "w").write(open(run.use("raw.csv")).read())
    run.log_artifact("table.csv", "table", "dataset")
"""
USE = """\
import sys, madang
with madang.init(project="p", name=sys.argv[1]) as run:
    print(open(run.use("table:latest")).read())
    open("notes.txt").read()
    open("weights", "w").write(sys.argv[1])
    run.log_artifact("weights", "net", "model", aliases=["production"])
"""
STAGES = """\
stages:
  shrink:
    cmd: cp raw.csv small.csv
    deps: [raw.csv]
    outs: [small.csv]
  count:
    cmd: cp small.csv count.txt
    deps: [small.csv]
    outs: [count.txt]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Raw data → a table → two models, by logging; and raw data → small data → a count, by stages."""
    folder = tmp_path_factory.mktemp("lineage")
    project = Project(folder / "project", folder)
    project.madang("init")
    project.write({"raw.csv": "1\n", "make.py": MAKE, "use.py": USE, "notes.txt": "x", "dvc.yaml": STAGES})
    project.madang("add", "raw.csv")
    project.commit({".gitignore": "table.csv\nweights\n/raw.csv\n"})
    project.run("-p", "p", "--", "python", "make.py")
    project.run("-p", "p", "--", "python", "use.py", "one")
    project.run("-p", "p", "--", "python", "use.py", "two")
    project.madang("repro", "-q", MADANG_PROJECT="p")
    return project


@pytest.fixture
def engine(project: Project) -> Iterator[Engine]:
    """The project's store."""
    made = open_store(str(project.root))
    yield made
    made.close()


def _titles(graph: Graph) -> set[str]:
    return {node.title for node in graph.nodes}


def _pairs(graph: Graph) -> set[tuple[str, str]]:
    titles = {node.id: node.title for node in graph.nodes}
    return {(titles[link.source], titles[link.target]) for link in graph.links}


def _data(engine: Engine, path: str) -> Thing:
    graph = engine.lineage.around(local_user(), "p", "run:make", 1, 0) if path == "raw.csv" else _count(engine)
    node = next(node for node in graph.nodes if node.name == path)
    return parse(node.id)


def _count(engine: Engine) -> Graph:
    return engine.lineage.around(local_user(), "p", "run:count", 9, 9)


def test_a_model_leads_back_to_the_raw_data(engine: Engine) -> None:
    """Upward from a model: the run that wrote it, the table that this read, its run, and the raw data."""
    graph = engine.lineage.around(local_user(), "p", "version:net:v2", 9, 0)
    assert _titles(graph) == {"net:v2", "two", "table:v1", "make", "raw.csv"}
    assert len(graph.nodes) == 5  # what was declared and opened is one thing
    assert _pairs(graph) == {("two", "net:v2"), ("table:v1", "two"), ("make", "table:v1"), ("raw.csv", "make")}
    model = graph.nodes[0]
    assert (model.kind, model.type, model.aliases, model.above) == ("version", "model", ["production"], 1)


def test_raw_data_leads_to_all_that_came_of_it(engine: Engine) -> None:
    """Downward from data: all runs that read it, and theirs; logged versions and outputs of stages alike."""
    graph = engine.lineage.around(local_user(), "p", _data(engine, "raw.csv").id, 0, 9)
    assert _titles(graph) >= {"make", "table:v1", "one", "two", "net:v1", "net:v2", "shrink", "small.csv", "count"}
    stage = next(node for node in graph.nodes if node.title == "shrink")
    assert (stage.kind, stage.stage, stage.status) == ("run", "shrink", "finished")


def test_outputs_of_stages_know_their_makers(engine: Engine) -> None:
    """Data that a stage made leads up to its run, and from there to what that read."""
    graph = engine.lineage.around(local_user(), "p", _data(engine, "small.csv").id, 2, 0)
    assert _pairs(graph) == {("shrink", "small.csv"), ("raw.csv", "shrink")}


def test_depth_and_what_nobody_looked_at(engine: Engine) -> None:
    """One step shows the neighbours alone; theirs are not counted, so that a page knows where to go on."""
    graph = engine.lineage.around(local_user(), "p", "run:one", 1, 1)
    by_title: dict[str, Node] = {node.title: node for node in graph.nodes}
    assert set(by_title) == {"one", "table:v1", "net:v1"}
    assert (by_title["one"].above, by_title["one"].below) == (1, 1)
    assert (by_title["table:v1"].above, by_title["table:v1"].below) == (None, None)


def test_answers_are_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many neighbours the newest are shown and all are counted; a full answer says that it is cut."""
    monkeypatch.setattr(service, "MAX_NEIGHBOURS", 1)
    graph = engine.lineage.around(local_user(), "p", "version:table:v1", 0, 1)
    assert _titles(graph) == {"table:v1", "two"}
    assert graph.nodes[0].below == 2
    monkeypatch.setattr(service, "MAX_NODES", 2)
    assert engine.lineage.around(local_user(), "p", "version:net:v2", 9, 0).is_cut


@pytest.mark.parametrize("start", ["", "run:", "data:x", "version:net", "version:net:latest", "file:x", "version::v1"])
def test_what_names_nothing_is_refused(engine: Engine, start: str) -> None:
    """An id that is not well formed is invalid, not merely absent."""
    with pytest.raises(InvalidInput):
        engine.lineage.around(local_user(), "p", start, 1, 1)


@pytest.mark.parametrize("start", ["run:nobody", "version:net:v9"])
def test_what_is_not_there(engine: Engine, start: str) -> None:
    """A thing that the store does not hold is not found."""
    with pytest.raises(NotFound):
        engine.lineage.around(local_user(), "p", start, 1, 1)


def test_readers_of_a_version_are_shown_by_the_command(project: Project) -> None:
    """`artifacts show` names the runs that used a version."""
    readers: Any = project.madang("artifacts", "show", "table:v1", "-p", "p", "--json").json["readers"]
    assert len(readers) == 2
    assert f"used by     {readers[0][:8]}" in project.madang("artifacts", "show", "table:v1", "-p", "p").out


def test_versions_of_other_projects_are_named_by_theirs(engine: Engine) -> None:
    """What crosses projects is one node, whoever names it, and says where it is; nothing of the same name is taken."""
    me = local_user()
    blob = engine.artifacts.put_blob(me, "q", [b"q"])
    maker = engine.tracking.create(me, "q", CreateRun(name="far"))
    for place, name in (("q", "far-data"), ("q", "net")):
        engine.artifacts.create(me, place, name, "dataset", [Entry("x", blob.digest, blob.size)], run=maker.id)
    used = Use("q/far-data:v1", "q/far-data:v1", "", blob.digest)
    reader = engine.tracking.create(me, "p", CreateRun(name="near", facts=[used]))
    graph = engine.lineage.around(me, "p", f"run:{reader.id}", 2, 0)
    places = {node.title: node.project for node in graph.nodes}
    assert places == {"near": "", "far-data:v1": "q", "far": "q"}
    below = engine.lineage.around(me, "p", "version:q/far-data:v1", 1, 1)
    assert _pairs(below) == {("far", "far-data:v1"), ("far-data:v1", "near")}
    wrote = engine.lineage.around(me, "p", f"run:{maker.id}", 0, 2)
    assert {node.id for node in wrote.nodes} >= {"version:q/net:v1", "version:q/far-data:v1", f"run:{reader.id}"}
    assert "version:net:v1" not in {node.id for node in wrote.nodes}


def test_the_command_draws_both_directions(project: Project) -> None:
    """`madang lineage` takes a version, an alias or a run, prints a tree each way, and the page's graph as JSON."""
    said = project.madang("lineage", "net:production", "-p", "p", "--depth", "4").out
    lines = [line.split("  ")[0] for line in said.splitlines()]
    assert (lines[0], *[line for line in lines if line.endswith(":")]) == ("net:v2", "made of:", "led to:")
    shown = [line for line in said.splitlines() if "─" in line]
    assert [line.index("─") // 4 for line in shown] == [0, 1, 2, 3]
    assert [name in line for name, line in zip(("two", "table:v1", "make", "raw.csv"), shown, strict=True)] == [
        True
    ] * 4
    up = project.madang("lineage", "one", "--up", "--depth", "1", "--json").json
    assert {node["title"] for node in up["nodes"]} == {"one", "table:v1"}
    assert len(up["links"]) == 1
    assert "no artifact and no run" in project.madang("lineage", "nothing-such", ok=1).err
    assert project.madang("lineage", "net:v99", "-p", "p", ok=1).err
