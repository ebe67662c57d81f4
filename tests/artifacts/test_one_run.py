"""A credential for one run: which methods of the services it may call, and with which effect."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from madang import services
from madang.backends.posting import Poster
from madang.backends.sealing import SealedBox
from madang.domain import events
from madang.domain.access import Permission, Principal, local
from madang.domain.commands import CreateRun, Log
from madang.domain.foreign import Model
from madang.domain.projects import ProjectChange
from madang.domain.query import RunQuery
from madang.domain.reviews import Protection
from madang.domain.runs import RunChange
from madang.domain.versions import AliasMove, Entry
from madang.domain.views import ViewChange
from madang.domain.webhooks import Webhook
from madang.errors import AccessDenied, NotFound
from madang.formats import segment as codec
from madang.formats.wandb.artifacts import draft_id
from madang.ports.drafts import Draft
from madang.services.access import Access
from madang.services.adopting import Adopting
from madang.services.artifacts import Artifacts
from madang.services.committing import Commits
from madang.services.comparing.code_changes import CodeComparison
from madang.services.comparing.explaining import Explaining
from madang.services.data import Data
from madang.services.datasets import Datasets
from madang.services.digests import Digests
from madang.services.drafts import Drafts
from madang.services.lineage import Lineage
from madang.services.merging.merging import Merging
from madang.services.model_registry.links import Links
from madang.services.model_registry.models import Models
from madang.services.model_registry.promotion import Promotion
from madang.services.model_registry.registry import Registry
from madang.services.model_registry.reviews import Reviews
from madang.services.parts import PartUploads
from madang.services.pipelines import Pipelines
from madang.services.projects import Projects
from madang.services.report_links import ReportLinks
from madang.services.reports import Reports
from madang.services.scorers import Scorers
from madang.services.search import Search
from madang.services.streams import Streams
from madang.services.sweeping.agents import SweepAgents
from madang.services.sweeping.sweeps import Sweeps
from madang.services.sweeping.trials import SweepRuns
from madang.services.tracking import Tracking
from madang.services.views import Views
from madang.services.webhooks import Webhooks
from madang.wiring import Engine, open_store
from madang.wiring_core import open_tracking

ME = local("me")
MINE, OTHER, CHILD, NEW = "1" * 32, "2" * 32, "3" * 32, "4" * 32
LIMITED = Principal("실행", projects={"p": Permission.ADMIN}, run=MINE)
ZERO = bytes(16).hex()
READERS = {Search, Lineage, Reports, Datasets, Pipelines, CodeComparison, Explaining}
READS = (
    {(Artifacts, name) for name in ("has_blob", "open_blob", "collections", "versions", "resolve", "manifest")}
    | {(Artifacts, name) for name in ("collection", "collection_with")}
    | {(Drafts, name) for name in ("get", "of_client", "named", "version", "held")}
    | {(Sweeps, name) for name in ("get", "of_project", "view", "views", "agent_view")}
    | {(SweepAgents, "agent"), (SweepRuns, "adopted"), (Streams, "held"), (Streams, "labels")}
    | {(Views, name) for name in ("get", "of_project", "charts")}
    | {(Digests, "files"), (Links, "of"), (Links, "source")}
    | {(Data, name) for name in ("sizes", "open", "stat", "read_many", "list")}
    | {(Models, name) for name in ("all", "find", "versions", "version", "entries", "written")}
    | {(Projects, name) for name in ("all", "get", "find", "some")}
    | {(Registry, "models"), (Registry, "history"), (Tracking, "segment"), (Tracking, "segment_bytes")}
    | {(Reviews, name) for name in ("protections", "requests", "history", "require_model")}
    | {(Merging, "state"), (Merging, "dropped"), (Reviews, "waiting"), (ReportLinks, "of")}
    | {(Scorers, name) for name in ("latest", "versions", "get")}
    | {(Promotion, name) for name in ("rules", "kept", "decisions")}
    # Parts lie aside until they are joined, and who joins them writes the file by a method that is here.
    | {(PartUploads, name) for name in ("begin", "put", "joined", "drop")}
)


def writing_methods() -> set[tuple[type, str]]:
    """All methods of all services that take a caller and are not known to read only."""
    modules = [
        importlib.import_module(item.name) for item in pkgutil.walk_packages(services.__path__, "madang.services.")
    ]
    classes = {
        found for module in modules for _, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__
    }  # fmt: skip
    return {
        (service, name)
        for service in classes - READERS
        for name, method in inspect.getmembers(service, inspect.isfunction)
        if not name.startswith("_") and "who" in inspect.signature(method).parameters
    } - READS


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A store in which two runs have written a version each."""
    made = open_store(store=str(tmp_path / "store"))
    for run in (MINE, OTHER):
        made.tracking.create(ME, "p", CreateRun(id=run))
        made.artifacts.create(ME, "p", f"m-{run[0]}", "model", [blob(made, run)], run=run)
    yield made
    made.close()


def blob(engine: Engine, text: str, who: Principal = ME) -> Entry:
    kept = engine.artifacts.put_blob(who, "p", [text.encode()])
    return Entry("file.bin", kept.digest, kept.size)


def segment(tmp_path: Path, run: str, parent: str = "", version: dict[str, Any] | None = None) -> bytes:
    """A whole segment, its id that of the run with the digits turned around."""
    path = tmp_path / f"{run}.seg"
    path.unlink(missing_ok=True)
    writer = codec.SegmentWriter(str(path), run[::-1], {"run": run, "project": "p", "writer": "process"})
    writer.append(codec.STARTED, {"name": "n", "parent": parent})
    if version is not None:
        writer.append(codec.VERSION, {"type": "model", **version})
    writer.close()
    return path.read_bytes()


def of_drafts(engine: Engine) -> dict[tuple[type, str], list[Callable[[], Any]]]:
    """What it may not do with versions in the making, and with links."""
    drafts, links, model = engine.drafts, engine.links, engine.artifacts.resolve(ME, "p", "m-2")
    theirs = drafts.begin(ME, Draft(0, "p", "d", "dataset", 0, run=OTHER))
    id_ = draft_id(theirs.id)
    list_ = drafts.list_files(ME, id_, "FULL", "", "")
    links.link(ME, model, "p", "shown")
    return {
        (Drafts, "begin"): [
            lambda: drafts.begin(LIMITED, Draft(0, "p", "d", "dataset", 0)),
            lambda: drafts.begin(LIMITED, Draft(0, "p", "d", "dataset", 0, run=OTHER)),
            lambda: drafts.begin(LIMITED, Draft(0, "p", "e", "dataset", 0, run=MINE, aliases=("best",))),
        ],
        (Drafts, "admit"): [lambda: drafts.admit(LIMITED, theirs)],
        (Drafts, "open_draft"): [lambda: drafts.open_draft(LIMITED, id_)],
        (Drafts, "take"): [lambda: drafts.take(LIMITED, "q", "0" * 32, [b"1"])],
        (Drafts, "list_files"): [lambda: drafts.list_files(LIMITED, id_, "FULL", "", "")],
        (Drafts, "announce"): [lambda: drafts.announce(LIMITED, list_.id, "0" * 32)],
        (Drafts, "take_list"): [lambda: drafts.take_list(LIMITED, list_.id, b"{}")],
        (Drafts, "keep_for"): [lambda: drafts.keep_for(LIMITED, model, 9)],
        (Commits, "commit"): [lambda: engine.commits.commit(LIMITED, id_)],
        (Links, "link"): [lambda: links.link(LIMITED, model, "p", "other")],
        (Links, "unlink"): [lambda: links.unlink(LIMITED, model, "p", "shown")],
        (Links, "point"): [lambda: links.point(LIMITED, model, "best")],
        (Artifacts, "retype"): [lambda: engine.artifacts.retype(LIMITED, "p", "m-2", "file")],
    }


def of_streams(engine: Engine) -> dict[tuple[type, str], list[Callable[[], Any]]]:
    """What it may not do with the lines that clients stream."""
    streams = engine.streams
    return {
        (Streams, "take"): [lambda: streams.take(LIMITED, OTHER, {}, lambda *_: [])],
        (Streams, "say"): [lambda: streams.say(LIMITED, OTHER, lambda _: [events.Tags({"a": "b"})])],
        (Streams, "rewind"): [lambda: streams.rewind(LIMITED, OTHER, 1, 1)],
        (Streams, "note_lost"): [lambda: streams.note_lost(LIMITED, OTHER)],
        (Streams, "ask_to_stop"): [lambda: streams.ask_to_stop(LIMITED, OTHER)],
        (Streams, "expect"): [lambda: streams.expect(LIMITED, OTHER, anew=True)],
    }


def of_sweeps(engine: Engine) -> dict[tuple[type, str], list[Callable[[], Any]]]:
    """What it may not do with sweeps: they make runs of their own."""
    sweeps, agents = engine.sweeping.sweeps, engine.sweeping.agents
    text = "method: grid\nparameters: {x: {values: [1, 2]}}"
    made = sweeps.create(ME, "p", text)
    agent = agents.join(ME, "p", made.id, "host")
    return {
        (Sweeps, "create"): [lambda: sweeps.create(LIMITED, "p", text)],
        (Sweeps, "change"): [lambda: sweeps.change(LIMITED, "p", made.id, {"state": "paused"})],
        (Sweeps, "rewrite"): [lambda: sweeps.rewrite(LIMITED, "p", made.id, text)],
        (SweepAgents, "join"): [lambda: agents.join(LIMITED, "p", made.id, "host")],
        (SweepAgents, "beat"): [lambda: agents.beat(LIMITED, agent.id, [])],
        (SweepAgents, "adopt"): [lambda: agents.adopt(LIMITED, "p", made.id, [OTHER])],
    }


def of_views(engine: Engine) -> dict[tuple[type, str], list[Callable[[], Any]]]:
    """What it may not do with reports and charts."""
    views = engine.views
    report, _ = views.save(ME, "p", "runs", "report", ViewChange())
    views.save_chart(ME, "chart", ViewChange())
    return {
        (Views, "save"): [lambda: views.save(LIMITED, "p", "runs", "other", ViewChange())],
        (Views, "change"): [lambda: views.change(LIMITED, report.number, ViewChange(title="t"))],
        (Views, "drop"): [lambda: views.drop(LIMITED, report.number)],
        (Views, "save_chart"): [lambda: views.save_chart(LIMITED, "chart", ViewChange(title="t"))],
    }


def of_report_links(engine: Engine) -> dict[tuple[type, str], list[Callable[[], Any]]]:
    """What it may not do with links by which others look at a report."""
    links = engine.report_links
    report, _ = engine.views.save(ME, "p", "runs", "shared", ViewChange())
    link = links.make(ME, report.number, [])
    assert links.of(LIMITED, report.number) == []
    return {
        (ReportLinks, "make"): [lambda: links.make(LIMITED, report.number, [])],
        (ReportLinks, "grant"): [lambda: links.grant(LIMITED, link.secret, ["p"])],
        (ReportLinks, "end"): [lambda: links.end(LIMITED, link.secret)],
    }


def of_scorers(engine: Engine) -> dict[tuple[type, str], list[Callable[[], Any]]]:
    """What it may not do with scorers."""
    scorers = Scorers(engine.records)
    scorers.register(ME, "p", "s", "{}")
    return {
        (Scorers, "register"): [lambda: scorers.register(LIMITED, "p", "s", "{}")],
        (Scorers, "delete"): [lambda: scorers.delete(LIMITED, "p", "s")],
    }


def of_webhooks(engine: Engine, key: str) -> dict[tuple[type, str], list[Callable[[], Any]]]:
    """It may not even know of webhooks."""
    webhooks = Webhooks(engine.records, Poster([]), SealedBox(key))
    wanted = {"name": "w", "url": "https://example.org", "events": ["run.failed"], "project": "p"}
    engine.records.webhooks.put(Webhook(MINE, "w", "https://example.org", ("run.failed",), 1, project="p"))
    assert webhooks.get(ME, MINE).name == "w"
    return {
        (Webhooks, "all"): [lambda: webhooks.all(LIMITED)],
        (Webhooks, "create"): [lambda: webhooks.create(LIMITED, wanted)],
        (Webhooks, "change"): [lambda: webhooks.change(LIMITED, MINE, {"name": "v"})],
        (Webhooks, "get"): [lambda: webhooks.get(LIMITED, MINE)],
        (Webhooks, "deliveries"): [lambda: webhooks.deliveries(LIMITED, MINE)],
        (Webhooks, "test"): [lambda: webhooks.test(LIMITED, MINE)],
        (Webhooks, "remove"): [lambda: webhooks.remove(LIMITED, MINE)],
    }


def test_it_writes_its_own_run_and_nothing_else(engine: Engine, tmp_path: Path) -> None:
    """Every method of every service that writes refuses another run, and what belongs to the whole project."""
    hub, entry = open_tracking(engine.records), blob(engine, "neu")
    tracking, artifacts, registry, access = engine.tracking, engine.artifacts, engine.registry, engine.access
    reviews, adopting = engine.reviews, engine.adopting
    data, models, projects = engine.data, engine.models, engine.projects
    number = projects.named(["p"])["p"].number
    row, tags = models.find(ME, "m-1"), [events.Tags({"a": "b"})]
    state = engine.merging.state(ME, "p", "m-1")

    def append(run: str, parent: str = "") -> Any:
        return hub.append(LIMITED, "p", run, run[::-1], 0, ZERO, segment(tmp_path, run, parent))

    allowed: dict[tuple[type, str], list[Callable[[], Any]]] = {
        (Tracking, "append"): [lambda: append(MINE), lambda: append(CHILD, MINE)],
        (Tracking, "create"): [lambda: tracking.create(LIMITED, "p", CreateRun(parent=MINE))],
        (Tracking, "log"): [lambda: tracking.log(LIMITED, MINE, Log({"x": 1}))],
        (Tracking, "state"): [lambda: tracking.state(LIMITED, MINE, tags)],
        (Tracking, "change"): [lambda: tracking.change(LIMITED, MINE, RunChange(name="n"))],
        (Artifacts, "put_blob"): [lambda: blob(engine, "mine", LIMITED)],
        (Artifacts, "create"): [lambda: artifacts.create(LIMITED, "p", "x", "model", [entry], run=MINE)],
        (Artifacts, "edit"): [lambda: artifacts.edit(LIMITED, "p", "m-1:v1", description="d")],
    }
    refused: dict[tuple[type, str], list[Callable[[], Any]]] = {
        (Tracking, "append"): [lambda: append(OTHER), lambda: append(NEW), lambda: append(NEW, OTHER)],
        (Tracking, "create"): [
            lambda: tracking.create(LIMITED, "p", CreateRun()),
            lambda: tracking.create(LIMITED, "p", CreateRun(parent=OTHER)),
        ],
        (Tracking, "log"): [lambda: tracking.log(LIMITED, OTHER, Log({"x": 1}))],
        (Tracking, "state"): [lambda: tracking.state(LIMITED, OTHER, tags)],
        (Projects, "create"): [lambda: projects.create(LIMITED, "p")],
        (Projects, "change"): [lambda: projects.change(LIMITED, number, ProjectChange(title="q"))],
        (Merging, "claim"): [lambda: engine.merging.claim(LIMITED, state)],
        (Merging, "adopt"): [lambda: engine.merging.adopt(LIMITED, state, [entry])],
        (Merging, "merge"): [lambda: engine.merging.merge(LIMITED, state)],
        (Merging, "drop"): [lambda: engine.merging.drop(LIMITED, state)],
        (Merging, "acknowledge"): [lambda: engine.merging.acknowledge(LIMITED, state)],
        (Models, "create"): [lambda: models.create(LIMITED, "p", "new")],
        (Models, "edit"): [lambda: models.edit(LIMITED, row, description="d")],
        (Models, "rename"): [lambda: models.rename(LIMITED, row, "new")],
        (Models, "delete"): [lambda: models.delete(LIMITED, row), lambda: models.delete(LIMITED, row, 1)],
        (Models, "add"): [lambda: models.add(LIMITED, row, [entry], run=MINE)],
        (Models, "edit_version"): [lambda: models.edit_version(LIMITED, models.version(ME, row, 1), description="d")],
        (Models, "move"): [lambda: models.move(LIMITED, row, 1, "production")],
        (Models, "point"): [lambda: models.point(LIMITED, row, "best", 1)],
        (Tracking, "change"): [lambda: tracking.change(LIMITED, OTHER, RunChange(deleted=True))],
        (Artifacts, "put_blob"): [lambda: artifacts.put_blob(LIMITED, "q", [b"1"])],
        (Artifacts, "create"): [
            lambda: artifacts.create(LIMITED, "p", "y", "model", [entry]),
            lambda: artifacts.create(LIMITED, "p", "y", "model", [entry], run=OTHER),
            lambda: artifacts.create(LIMITED, "p", "m-1", "model", [entry], run=MINE, aliases=["best"]),
        ],
        (Artifacts, "edit"): [lambda: artifacts.edit(LIMITED, "p", "m-2:v1", description="d")],
        (Registry, "point"): [
            lambda: registry.point(LIMITED, "p", "m-1", "best", 1),
            lambda: registry.point(LIMITED, "p", "m-1", "best", None),
        ],
        (Registry, "point_all"): [
            lambda: registry.point_all(LIMITED, [AliasMove("p", "m-1", "best", 1, None)]),
        ],
        (Data, "put"): [lambda: data.put(LIMITED, "p", "files/md5/aa/bb", [b"1"])],
        (Data, "put_many"): [lambda: data.put_many(LIMITED, "p", [("files/md5/aa/bb", b"1")])],
        (Data, "arrived"): [lambda: data.arrived(LIMITED, "p", "files/md5/aa/bb", 1)],
        (Data, "append"): [lambda: data.append(LIMITED, "p", "files/md5/aa/bb", 0, 1, [b"1"])],
        (Data, "delete"): [lambda: data.delete(LIMITED, "p", ["files/md5/aa/bb"])],
        (Registry, "promote"): [lambda: registry.promote(LIMITED, "p", "m-1:v1", "production")],
        (Reviews, "protect"): [lambda: reviews.protect(LIMITED, Protection("p", "m-1", "best", gates=("x > 1",)))],
        (Reviews, "unprotect"): [lambda: reviews.unprotect(LIMITED, "p", "m-1", "best")],
        (Reviews, "request"): [lambda: reviews.request(LIMITED, "p", "m-1:v1", "best")],
        (Reviews, "review"): [lambda: reviews.review(LIMITED, "p", "m-1", 1, is_approval=True)],
        (Reviews, "rollback"): [lambda: reviews.rollback(LIMITED, "p", "m-1", "best")],
        (Promotion, "put_rules"): [lambda: engine.promotion.put_rules(LIMITED, "p", ())],
        (Adopting, "project"): [lambda: adopting.project(LIMITED, projects.named(["p"])["p"])],
        (Adopting, "model"): [lambda: adopting.model(LIMITED, "p", Model("m-1"), [], "there")],
        (Access, "create_token"): [lambda: access.create_token(LIMITED, "t", Permission.READ, ["p"])],
        (Access, "tokens"): [lambda: access.tokens(LIMITED)],
        (Access, "revoke"): [lambda: access.revoke(LIMITED, "0" * 16)],
    }
    refused |= of_drafts(engine) | of_streams(engine) | of_sweeps(engine) | of_views(engine)
    refused |= of_report_links(engine) | of_scorers(engine) | of_webhooks(engine, str(tmp_path / "key"))
    assert writing_methods() - {(Access, "issue_one_time")} == set(refused)  # of this process, never of a caller
    for calls in refused.values():
        for call in calls:
            before = engine.records.runs.revision()
            with pytest.raises((AccessDenied, NotFound)):
                call()
            assert engine.records.runs.revision() == before
    for calls in allowed.values():
        for call in calls:
            call()
    assert {run.id for run in engine.search.runs(ME, RunQuery(("p",))).runs} >= {MINE, OTHER, CHILD}
    assert engine.registry.history(ME, "p", "m-1") == []


def test_its_segments_move_no_alias(engine: Engine, tmp_path: Path) -> None:
    """A version of the run is made, its aliases stay where they are, and the run says so."""
    engine.registry.point(ME, "p", "m-2", "best", 1)
    entry = blob(engine, "neu")
    version = {"name": "m-2", "entries": [["f", entry.digest, entry.size]], "aliases": ["best", "production"]}
    data = segment(tmp_path, MINE, version=version)
    open_tracking(engine.records).append(LIMITED, "p", MINE, MINE[::-1], 0, ZERO, data)
    (row,) = (row for row in engine.artifacts.collections(ME, "p") if row.name == "m-2")
    assert (row.latest, row.aliases) == (2, {"best": 1})
    assert "best, production" in engine.search.run(ME, MINE).damage[0]


def test_it_reads_what_a_run_may_use(engine: Engine) -> None:
    """Any version of its project, and nothing of another."""
    assert engine.artifacts.resolve(LIMITED, "p", "m-2").number == 1
    entry = engine.artifacts.manifest(LIMITED, "p", "m-2:v1")[0]
    engine.artifacts.open_blob(LIMITED, "p", entry.digest)[0].close()
    with pytest.raises(NotFound):
        engine.artifacts.resolve(LIMITED, "q", "m-2")
