"""Every route of the native API: path, permission, parameters, body and answer. OpenAPI is made from this table."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from madang.domain.access import Permission
from madang.domain.code_changes import CodeChanges
from madang.domain.collection_states import CollectionState, Merged
from madang.domain.datasets import DatasetTree
from madang.domain.lineage import DataUse
from madang.domain.lineage_graph import Graph
from madang.domain.pipelines import PipelineView
from madang.domain.projects import RegisteredProject
from madang.domain.reviews import Protection, Request
from madang.domain.sweep_views import SweepView
from madang.domain.sweeps import Agent
from madang.domain.tables import TableChange
from madang.domain.versions import PointerChange
from madang.edges.native import (
    adopting,
    artifacts,
    commands,
    comparing,
    datasets,
    events,
    lineage,
    models,
    openapi,
    people,
    pipelines,
    reports,
    runs,
    states,
    sweeps,
    uploads,
    webhooks,
)
from madang.formats import native
from madang.formats import reviews as review_bodies
from madang.formats import sweeps as sweep_bodies
from madang.http.routes import Param, Route, RouteTable
from madang.ports.records import MetricKey, Project
from madang.ports.versions import CollectionRow
from madang.services.explaining import Differences, WhyView
from madang.services.lineage import MAX_DEPTH
from madang.services.merging import Adopted
from madang.services.pipelines import PipelinePage
from madang.services.report_links import ReportLink
from madang.services.reports import ReportView

PREFIX = "/api/v1"
NONE, READ, WRITE, ADMIN = Permission


class Projects(Struct):
    """All readable projects."""

    projects: list[Project]


class DataUses(Struct):
    """Runs that read some data."""

    uses: list[DataUse]


class MetricKeys(Struct):
    """Metric names."""

    keys: list[MetricKey]


class Collections(Struct):
    """Collections of a project."""

    collections: list[CollectionRow]


class Models(Struct):
    """Collections of type model."""

    models: list[CollectionRow]


class Tokens(Struct):
    """Tokens that the caller manages."""

    tokens: list[people.TokenBody]


_FILTER = (
    Param("filter", help="As in `madang runs --filter`."),
    Param("order_by", repeated=True, help="A field, then asc or desc."),
    Param("limit", "integer", help=f"Up to {runs.MAX_PAGE}."),
    Param("cursor", help="`next` of the page before."),
    Param("deleted", help="active, deleted or all."),
    Param("text", help="Part of a name, id, note or tag."),
    Param("keys", repeated=True, help="Metrics to bring along; all when left out, none when empty."),
)
_STEPS = (Param("samples", "integer"), Param("min_step", "integer"), Param("max_step", "integer"))
_SANDBOXED = (Param("sandboxed", "boolean", help="Show HTML in a frame without origin instead of as an attachment."),)
_AGAINST = Param("against", help="The run to compare with.")
_BYTES = "application/octet-stream"
_STATE = 64 << 20  # bytes of a body
_ARTIFACT = "/projects/{project}/artifacts/{name}"


def _route(method: str, pattern: str, handler: Any, permission: Permission, summary: str, **more: Any) -> Route:
    return Route(method=method, pattern=pattern, handler=handler, permission=permission, summary=summary, **more)


def _runs() -> list[Route]:
    run = native.Run
    return [
        _route("GET", "/projects", runs.projects, READ, "All projects", answer=Projects),
        _route(
            "GET", "/projects/{project}/runs", runs.project_runs, READ, "Search a project", query=_FILTER,
            answer=native.Page,
        ),
        _route(
            "GET", "/runs", runs.all_runs, READ, "Search all projects", answer=native.Page,
            query=(*_FILTER, Param("project", repeated=True)),
        ),
        _route(
            "POST", "/projects/{project}/runs", commands.create, WRITE, "Make a run from outside", body=commands.NewRun,
            answer=run, status=201,
        ),
        _route("POST", "/runs/{run}/log", commands.log, WRITE, "Log to such a run", body=commands.LogBody, answer={}),
        _route("GET", "/runs/{run}", runs.run, READ, "One run with all that is known of it", answer=run),
        _route(
            "GET", "/runs/{run}/metrics", runs.metrics, READ, "More metrics of a run that has very many",
            query=(Param("cursor", "integer"),), answer=native.MetricTable,
        ),
        _route("PATCH", "/runs/{run}", runs.change, WRITE, "Change from outside", body=runs.ChangeBody, answer=run),
        _route("POST", "/runs/{run}/stop", runs.stop, WRITE, "Ask the program behind a run to stop", answer=run),
        _route("POST", "/runs/{run}/delete", runs.delete, WRITE, "Delete a run; it can be restored", answer=run),
        _route("POST", "/runs/{run}/restore", runs.restore, WRITE, "Bring a deleted run back", answer=run),
        _route(
            "GET", "/projects/{project}/metrics", runs.metric_keys, READ, "Metric names", answer=MetricKeys,
            query=(Param("contains"), Param("run", repeated=True), Param("limit", "integer")),
        ),
        _route(
            "GET", "/data/uses", runs.data_uses, READ, "Runs that read a tracked path or an artifact", answer=DataUses,
            query=(Param("of", help="A path relative to the work tree's root, or an artifact's name."),),
        ),
        _route(
            "POST", "/history", runs.histories, READ, "Series of several runs", body=runs.HistoryBody,
            answer=native.HistoryBody,
        ),
        _route(
            "GET", "/runs/{run}/history", runs.history, READ, "Series of one run", answer=native.SeriesTable,
            query=(Param("keys", repeated=True), *_STEPS, Param("cursor")),
        ),
        _route(
            "GET", "/runs/{run}/console", runs.console, READ, "Console lines", answer=native.ConsoleBody,
            query=(Param("after", "integer"), Param("limit", "integer"), Param("tail", "boolean")),
        ),
        _route(
            "GET", "/runs/{run}/code", comparing.code, READ, "How its code differs from another run's",
            answer=CodeChanges, query=(_AGAINST,),
        ),
        _route(
            "GET", "/runs/{run}/differences", comparing.differences, READ, "What differs from another run",
            answer=Differences, query=(_AGAINST,),
        ),
        _route(
            "GET", "/runs/{run}/why", comparing.why, READ, "What changed a metric", answer=WhyView,
            query=(Param("metric"), _AGAINST),
        ),
        _route("GET", "/runs/{run}/diff", runs.diff, READ, "The diff of the code", answer="text/plain"),
        _route(
            "GET", "/runs/{run}/files/{path...}", runs.file, READ, "A file of the run", answer=_BYTES, query=_SANDBOXED
        ),
        _route(
            "GET", "/events", events.events, READ, "Live updates", answer="text/event-stream",
            query=(Param("project", repeated=True), Param("run", repeated=True), Param("since")),
        ),
    ]  # fmt: skip


def _artifacts() -> list[Route]:
    version = native.Version
    return [
        _route(
            "GET", "/projects/{project}/artifacts", artifacts.collections, READ, "Collections", answer=Collections,
            query=(Param("type"),),
        ),
        _route(
            "POST", "/projects/{project}/artifacts", artifacts.create, WRITE, "Make a version of blobs",
            body=artifacts.NewVersion, answer=version, status=201, limit=64 << 20,
        ),
        _route("GET", "/models", artifacts.models, READ, "Models", answer=Models, query=(Param("project"),)),
        _route("GET", _ARTIFACT, artifacts.versions, READ, "Versions", answer=native.VersionsBody),
        _route(
            "GET", _ARTIFACT + "/history", artifacts.pointer_history, READ, "Moves of aliases and stages",
            answer=native.ChangesBody,
        ),
        _route(
            "PUT", _ARTIFACT + "/aliases/{alias}", artifacts.point, WRITE, "Point an alias or stage at a version",
            body=artifacts.PointerMove, answer=PointerChange,
        ),
        _route(
            "DELETE", _ARTIFACT + "/aliases/{alias}", artifacts.unpoint, WRITE, "Take an alias or stage away",
            body=artifacts.PointerRemoval, answer=PointerChange,
        ),
        _route(
            "POST", "/pointers", artifacts.point_all, WRITE, "Move several aliases, all or none", body=artifacts.Moves,
            answer=native.ChangesBody,
        ),
        _route("GET", _ARTIFACT + "/{ref}", artifacts.version, READ, "A version and its files", answer=version),
        _route(
            "PATCH", _ARTIFACT + "/{ref}", artifacts.edit, WRITE, "Describe a version", body=artifacts.VersionEdit,
            answer=version,
        ),
        _route(
            "POST", _ARTIFACT + "/{ref}/promote", artifacts.promote, WRITE, "Bring a version to a stage",
            body=artifacts.Promotion, answer=PointerChange,
        ),
        _route(
            "GET", _ARTIFACT + "/{ref}/files/{path...}", artifacts.version_file, READ, "A file of a version",
            answer=_BYTES, query=_SANDBOXED,
        ),
    ]  # fmt: skip


def _models() -> list[Route]:
    model, rules = "/projects/{project}/models/{name}", "/projects/{project}/promotion"
    rule, request = model + "/protections/{alias}", model + "/requests/{number}"
    return [
        _route(
            "GET", model + "/history", models.history, READ, "Every change of a model: who, when, from, to, why",
            answer=review_bodies.HistoryBody,
        ),
        _route(
            "GET", model + "/protections", models.protections, READ, "Protected pointers",
            answer=review_bodies.ProtectionsBody,
        ),
        _route(
            "PUT", rule, models.protect, ADMIN, "Protect a stage or alias", body=models.ProtectionWish,
            answer=Protection,
        ),
        _route("DELETE", rule, models.unprotect, ADMIN, "Lift a protection", body=models.Reason, answer={}),
        _route(
            "GET", model + "/requests", models.requests, READ, "Requests to move protected pointers",
            answer=review_bodies.RequestsBody,
        ),
        _route(
            "POST", model + "/requests", models.request, WRITE, "Ask for a move", body=models.Wish, answer=Request,
            status=201,
        ),
        _route(
            "GET", "/reviews", models.waiting, READ, "Requests of all models that wait for the caller's word",
            answer=review_bodies.RequestsBody,
        ),
        _route("POST", request + "/approve", models.approve, WRITE, "Approve", body=models.Said, answer=Request),
        _route("POST", request + "/reject", models.reject, WRITE, "Turn down", body=models.Said, answer=Request),
        _route(
            "POST", model + "/rollback", models.rollback, WRITE, "Point back at the version before", body=models.Back,
            answer=PointerChange,
        ),
        _route(
            "GET", model + "/decisions", models.decisions, READ, "What rules of promotion have decided",
            answer=review_bodies.DecisionsBody,
        ),
        _route("GET", rules, models.rules, READ, "Rules of promotion", answer=review_bodies.RulesBody),
        _route(
            "PUT", rules, models.put_rules, ADMIN, "Replace the rules of promotion", body=models.RulesWish,
            answer=review_bodies.RulesBody,
        ),
    ]  # fmt: skip


def _states() -> list[Route]:
    state = "/projects/{project}/states/{name}"
    return [
        _route("GET", state, states.state, READ, "All that is known of a collection", answer=CollectionState),
        _route(
            "POST", state, states.merge, WRITE, "Take in what another store knows of it", body=CollectionState,
            answer=Merged, limit=_STATE,
        ),
        _route(
            "POST", state + "/numbers", states.claim, WRITE, "Keep the numbers that its versions have there",
            body=CollectionState, answer={}, limit=_STATE,
        ),
        _route(
            "POST", state + "/versions", states.adopt, WRITE, "Make a version of another store",
            body=states.AdoptedWish, answer=Adopted, limit=_STATE,
        ),
        _route(
            "GET", "/registered-projects", adopting.projects, READ, "Projects with their numbers and titles",
            answer=adopting.RegisteredProjects,
        ),
        _route(
            "POST", "/registered-projects", adopting.project, WRITE, "Take in a project of another tracker",
            body=RegisteredProject, answer=RegisteredProject,
        ),
        _route(
            "POST", "/projects/{project}/adopted-models", adopting.model, WRITE, "Take in a model of another tracker",
            body=adopting.AdoptedModel, answer=adopting.Refused, limit=_STATE,
        ),
    ]  # fmt: skip


def _datasets() -> list[Route]:
    dataset = "/projects/{project}/data"
    version = (Param("version", help="`md5:…`"), Param("path", help="The file; left out for a single one."))
    return [
        _route("GET", dataset, datasets.datasets, READ, "Tracked data", answer=datasets.DatasetsBody),
        _route(
            "GET", dataset + "/versions", datasets.versions, READ, "Versions of some data and the runs that read them",
            answer=datasets.VersionsBody, query=(Param("of", help="The tracked path."),),
        ),
        _route(
            "GET", dataset + "/tree", datasets.tree, READ, "The files of a version, and what changed against another",
            answer=DatasetTree, query=(version[0], Param("against"), Param("limit", "integer")),
        ),
        _route(
            "GET", dataset + "/table", datasets.table, READ, "How a file differs between two versions as a table",
            answer=TableChange, query=(*version, Param("against"), Param("name", help="Of a single file.")),
        ),
        _route("GET", dataset + "/file", datasets.file, READ, "A file of a version", answer=_BYTES, query=version),
    ]  # fmt: skip


def _lineage() -> list[Route]:
    depth = f"Steps to go; up to {MAX_DEPTH}."
    return [
        _route(
            "GET", "/projects/{project}/lineage", lineage.graph, READ,
            "What something was made of, and what it led to", answer=Graph,
            query=(
                Param("of", help="`run:ID`, `data:PATH@DIGEST` or `version:NAME:v3`."),
                Param("above", "integer", help=depth), Param("below", "integer", help=depth),
            ),
        )
    ]  # fmt: skip


def _pipelines() -> list[Route]:
    group = "/projects/{project}/pipelines"
    before = Param("before", "integer", help="`before` of the page before.")
    return [
        _route(
            "GET", group, pipelines.pipelines, READ, "Reproductions", answer=PipelinePage,
            query=(before, Param("limit", "integer", help=f"Up to {pipelines.MAX_PAGE}.")),
        ),
        _route("GET", group + "/{group}", pipelines.pipeline, READ, "A reproduction's stages", answer=PipelineView),
    ]  # fmt: skip


def _reports() -> list[Route]:
    of_project, one = "/projects/{project}/reports", "/projects/{project}/reports/{report}"
    return [
        _route("GET", of_project, reports.reports, READ, "Reports", answer=reports.ReportList),
        _route("GET", one, reports.report, READ, "A report with its run sets looked up", answer=ReportView),
        _route("DELETE", one, reports.delete, WRITE, "Take a report away", answer={}),
        _route("GET", one + "/links", reports.links, READ, "Links by which anyone may look", answer=reports.LinkList),
        _route(
            "POST", one + "/links", reports.make_link, ADMIN, "Make such a link", body=reports.LinkWish,
            answer=ReportLink, status=201,
        ),
        _route("DELETE", one + "/links", reports.end_links, ADMIN, "End such links and who came by them", answer={}),
        _route("GET", "/charts", reports.charts, READ, "Custom charts", answer=reports.Charts),
    ]  # fmt: skip


def _sweeps() -> list[Route]:
    of_project, one = "/projects/{project}/sweeps", "/projects/{project}/sweeps/{sweep}"
    return [
        _route("GET", "/sweeps", sweeps.all_sweeps, READ, "Sweeps of all projects", answer=sweep_bodies.SweepsBody),
        _route("GET", "/sweeps/{sweep}", sweeps.any_sweep, READ, "A sweep of whichever project", answer=SweepView),
        _route("GET", of_project, sweeps.sweeps, READ, "Sweeps", answer=sweep_bodies.SweepsBody),
        _route(
            "POST", of_project, sweeps.create, WRITE, "Begin a sweep", body=sweeps.NewSweep, answer=SweepView,
            status=201,
        ),
        _route("GET", one, sweeps.sweep, READ, "A sweep with its trials", answer=SweepView),
        _route(
            "PATCH", one, sweeps.change, WRITE, "Pause, resume or end it", body=sweeps.SweepChange, answer=SweepView
        ),
        _route(
            "POST", one + "/agents", sweeps.join, WRITE, "Be an agent of it", body=sweeps.NewAgent, answer=Agent,
            status=201,
        ),
        _route(
            "POST", one + "/agents/{agent}/beat", sweeps.beat, WRITE, "Say what an agent runs; hear what it is to do",
            body=sweeps.Beat, answer=sweep_bodies.OrdersBody,
        ),
    ]  # fmt: skip


def _uploads() -> list[Route]:
    blob, segment = "/projects/{project}/blobs/{digest}", "/runs/{run}/segments/{segment}"
    return [
        _route("PUT", blob, uploads.put_blob, WRITE, "Upload a blob; its digest is checked", status=201),
        _route("GET", blob, uploads.get_blob, READ, "Download a blob", answer=_BYTES),
        _route("HEAD", blob, uploads.has_blob, READ, "Whether a readable version or run holds a blob"),
        _route(
            "GET", segment, uploads.segment_bytes, READ, "Bytes of a segment", answer=_BYTES,
            query=(Param("offset", "integer"), Param("limit", "integer", help=f"Up to {uploads.MOST_READ}.")),
        ),
        _route("HEAD", segment, uploads.position, WRITE, "How far a segment has been received"),
        _route(
            "PATCH", segment, uploads.append, WRITE, "Append to a segment", query=(Param("project"),), status=204
        ),
    ]  # fmt: skip


def _people() -> list[Route]:
    return [
        _route("GET", "/tokens", people.tokens, ADMIN, "Tokens", answer=Tokens),
        _route(
            "POST", "/tokens", people.create_token, ADMIN, "Make a token; its secret is in this answer only",
            body=people.NewToken, answer=people.TokenBody, status=201,
        ),
        _route("DELETE", "/tokens/{id}", people.revoke_token, ADMIN, "End a token and its sessions", answer={}),
        _route("POST", "/session", people.sign_in, NONE, "Open a session", body=people.SignIn, answer=people.Me),
        _route("DELETE", "/session", people.sign_out, NONE, "Close the session", answer={}),
        _route("GET", "/me", people.me, NONE, "Who is asking", answer=people.Me),
        _route("GET", "/openapi.json", openapi.document, NONE, "This description", answer={}),
    ]  # fmt: skip


def table() -> RouteTable:
    """The routes of the native API."""
    return RouteTable(
        PREFIX,
        [
            *_runs(),
            *_artifacts(),
            *_models(),
            *_states(),
            *_datasets(),
            *_lineage(),
            *_pipelines(),
            *_sweeps(),
            *_reports(),
            *webhooks.routes(),
            *_uploads(),
            *_people(),
        ],
    )
