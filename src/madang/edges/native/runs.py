"""Projects, runs, their metrics, history, console and files."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from msgspec import Struct
from starlette.responses import Response

from madang.domain.lineage import DataUse
from madang.domain.pages import HistoryPage
from madang.domain.query import RunQuery
from madang.domain.runs import STOP_TAG, RunChange, RunRecord
from madang.edges.native.content import BYTES, SANDBOXED, send_blob
from madang.edges.native.services import NativeCall
from madang.errors import Conflict, InvalidInput, NotFound
from madang.formats import filter as filters
from madang.formats import native
from madang.http.routes import READ, WRITE, Param, Route
from madang.ports.records import MetricKey, Project
from madang.services.rows import JSON

MAX_PAGE = 10_000
MAX_METRICS = 10_000  # of one run in one answer
MAX_LINES = 10_000
MAX_SERIES = 20_000  # runs times keys in one request


_FILTER = (
    Param("filter", help="As in `madang runs --filter`."),
    Param("order_by", repeated=True, help="A field, then asc or desc."),
    Param("limit", "integer", help=f"Up to {MAX_PAGE}."),
    Param("cursor", help="`next` of the page before."),
    Param("deleted", help="active, deleted or all."),
    Param("text", help="Part of a name, id, note or tag."),
    Param("keys", repeated=True, help="Metrics to bring along; all when left out, none when empty."),
)
_STEPS = (Param("samples", "integer"), Param("min_step", "integer"), Param("max_step", "integer"))


class Projects(Struct):
    """All readable projects."""

    projects: list[Project]


class MetricKeys(Struct):
    """Metric names."""

    keys: list[MetricKey]


class DataUses(Struct):
    """Runs that read some data."""

    uses: list[DataUse]


def projects(call: NativeCall) -> Any:
    """GET /projects."""
    return {"projects": call.services.search.projects(call.who)}


def project_runs(call: NativeCall) -> Any:
    """GET /projects/{project}/runs."""
    return _search(call, (call.path["project"],))


def all_runs(call: NativeCall) -> Any:
    """GET /runs."""
    return _search(call, tuple(call.many("project")) or None)


def _search(call: NativeCall, names: tuple[str, ...] | None) -> native.RowPage:
    deleted = call.text("deleted", "active")
    if deleted not in ("active", "deleted", "all"):
        raise InvalidInput(f"deleted={deleted[:40]!r} is none of active, deleted, all.")
    keys = call.many("keys")
    query = RunQuery(
        projects=names,
        where=filters.parse_filter(call.text("filter")),
        order=tuple(filters.parse_order(text) for text in call.many("order_by")),
        limit=call.integer("limit", 100, 1, MAX_PAGE),
        cursor=call.text("cursor"),
        deleted=deleted,  # type: ignore[arg-type]
        text=call.text("text"),
        keys=tuple(key for key in keys if key) if keys else None,
    )
    binary = call.binary
    form = "msgpack" if binary else JSON
    page = call.services.search.rows(call.who, query, form, partial(native.encoded_row, binary=binary))
    return native.RowPage([msgspec.Raw(row) for row in page.rows], page.next, page.total)


def run(call: NativeCall) -> Any:
    """GET /runs/{run}."""
    found = call.services.search.run(call.who, call.path["run"], metrics=MAX_METRICS)
    return native.whole_run(found, call.plain, _more(found, 0))


def metrics(call: NativeCall) -> Any:
    """GET /runs/{run}/metrics."""
    after = call.integer("cursor", 0, 0)
    found = call.services.search.run(call.who, call.path["run"], metrics=MAX_METRICS, after=after)
    return native.MetricTable(native.metrics(found, call.plain), _more(found, after))


def _more(found: RunRecord, after: int) -> str:
    """The cursor of the metrics behind a page that is full."""
    return str(after + len(found.metrics)) if len(found.metrics) >= MAX_METRICS else ""


class ChangeBody(Struct, forbid_unknown_fields=True):
    """A change from outside; only what is given changes. ``revision``: the one that the caller has seen."""

    name: str | None = None
    notes: str | None = None
    group: str | None = None
    tags: dict[str, str] | None = None
    tags_removed: list[str] = []
    archived: bool | None = None
    revision: int | None = None


def change(call: NativeCall) -> Any:
    """PATCH /runs/{run}."""
    body: ChangeBody = call.body
    wanted = RunChange(body.name, body.notes, body.group, body.tags, tuple(body.tags_removed), archived=body.archived)
    return _changed(call, wanted, body.revision)


def delete(call: NativeCall) -> Any:
    """POST /runs/{run}/delete."""
    return _changed(call, RunChange(deleted=True), None)


def restore(call: NativeCall) -> Any:
    """POST /runs/{run}/restore."""
    return _changed(call, RunChange(deleted=False), None)


def stop(call: NativeCall) -> Any:
    """POST /runs/{run}/stop."""
    found = call.services.search.run(call.who, call.path["run"], metrics=0)
    if found.status != "running":
        raise Conflict(f"The run {found.id} has ended.", hint="There is nothing to stop.")
    return _changed(call, RunChange(tags={STOP_TAG: call.who.name}), None)


def _changed(call: NativeCall, wanted: RunChange, expected: int | None) -> native.Run:
    found = call.services.tracking.change(call.who, call.path["run"], wanted, expected)
    return native.whole_run(found, call.plain)


def metric_keys(call: NativeCall) -> Any:
    """GET /projects/{project}/metrics."""
    found = call.services.search.metric_keys(
        call.who,
        call.path["project"],
        call.many("run") or None,
        call.text("contains"),
        call.integer("limit", 1000, 1, 50_000),
    )
    return {"keys": found}


def data_uses(call: NativeCall) -> Any:
    """GET /data/uses."""
    return {"uses": call.services.search.data_uses(call.who, call.text("of"))}


class HistoryBody(Struct, forbid_unknown_fields=True):
    """Which series to read. ``keys`` null: all, page by page; ``samples`` null: every point."""

    runs: list[str]
    keys: list[str] | None = None
    samples: int | None = 1000
    min_step: int | None = None
    max_step: int | None = None
    cursor: str = ""


def histories(call: NativeCall) -> Any:
    """POST /history."""
    body: HistoryBody = call.body
    if len(body.runs) * len(body.keys or [""]) > MAX_SERIES:
        raise InvalidInput(f"One request reads at most {MAX_SERIES} series.", hint="Ask for fewer runs or keys.")
    if body.samples is not None and body.samples < 1:
        raise InvalidInput("samples is at least 1, or null for every point.")
    found = _history(call, body)
    return native.history(found, call.plain)


def _history(call: NativeCall, body: HistoryBody) -> HistoryPage:
    search = call.services.search
    if body.keys is None:
        read = partial(search.history_page, call.who, body.runs, body.cursor, MAX_SERIES)
        return read(samples=body.samples, min_step=body.min_step, max_step=body.max_step)
    if body.cursor:
        raise InvalidInput("A cursor goes with all keys.", hint="Leave out the keys or the cursor.")
    some = partial(search.history, call.who, body.runs, body.keys)
    return HistoryPage(some(samples=body.samples, min_step=body.min_step, max_step=body.max_step))


def history(call: NativeCall) -> Any:
    """GET /runs/{run}/history."""
    name = call.path["run"]
    samples = call.optional("samples")
    if samples is not None and samples < 1:
        raise InvalidInput("samples is at least 1.", hint="Leave it out for every point.")
    body = HistoryBody(
        [name], call.many("keys") or None, samples, call.optional("min_step"), call.optional("max_step"),
        call.text("cursor"),
    )  # fmt: skip
    page = _history(call, body)
    plain = call.plain
    table = next(iter(page.series.values()), {})
    return native.SeriesTable({key: native.series(item, plain) for key, item in table.items()}, page.next)


def console(call: NativeCall) -> Any:
    """GET /runs/{run}/console."""
    page = call.services.search.console(
        call.who,
        call.path["run"],
        call.integer("after", 0, 0),
        call.integer("limit", 1000, 1, MAX_LINES),
        call.flag("tail"),
    )
    return native.ConsoleBody(page.lines, page.last, page.total)


def diff(call: NativeCall) -> Response:
    """GET /runs/{run}/diff."""
    found = call.services.search.run(call.who, call.path["run"])
    if found.code is None or found.code.diff is None:
        raise NotFound(f"Run {found.id} has no code diff.", hint="It ran on a clean commit, or outside a repository.")
    return send_blob(call, found.project, found.code.diff.digest, "code.diff", "text/plain")


def file(call: NativeCall) -> Response:
    """GET /runs/{run}/files/{path}."""
    found = call.services.search.run(call.who, call.path["run"])
    path = call.path["path"]
    for item in found.files:
        if item.path == path:
            return send_blob(call, found.project, item.digest, path.rpartition("/")[2], item.mime)
    code = found.code.untracked if found.code else []
    for ref in (*found.outputs, *code):
        if ref.path == path:
            return send_blob(call, found.project, ref.digest, path.rpartition("/")[2])
    raise NotFound(f"Run {found.id} has no file {path[:200]!r}.")


def routes() -> list[Route]:
    """The routes of projects and runs."""
    return [*_of_many(), *_of_one()]


def _of_many() -> list[Route]:
    return [
        Route("GET", "/projects", projects, READ, "All projects", answer=Projects),
        Route(
            "GET", "/projects/{project}/runs", project_runs, READ, "Search a project", query=_FILTER,
            answer=native.Page,
        ),
        Route(
            "GET", "/runs", all_runs, READ, "Search all projects", answer=native.Page,
            query=(*_FILTER, Param("project", repeated=True)),
        ),
        Route(
            "GET", "/projects/{project}/metrics", metric_keys, READ, "Metric names", answer=MetricKeys,
            query=(Param("contains"), Param("run", repeated=True), Param("limit", "integer")),
        ),
        Route(
            "GET", "/data/uses", data_uses, READ, "Runs that read a tracked path or an artifact", answer=DataUses,
            query=(Param("of", help="A path relative to the work tree's root, or an artifact's name."),),
        ),
        Route(
            "POST", "/history", histories, READ, "Series of several runs", body=HistoryBody,
            answer=native.HistoryBody,
        ),
    ]  # fmt: skip


def _of_one() -> list[Route]:
    return [
        Route("GET", "/runs/{run}", run, READ, "One run with all that is known of it", answer=native.Run),
        Route(
            "GET", "/runs/{run}/metrics", metrics, READ, "More metrics of a run that has very many",
            query=(Param("cursor", "integer"),), answer=native.MetricTable,
        ),
        Route("PATCH", "/runs/{run}", change, WRITE, "Change from outside", body=ChangeBody, answer=native.Run),
        Route("POST", "/runs/{run}/stop", stop, WRITE, "Ask the program behind a run to stop", answer=native.Run),
        Route("POST", "/runs/{run}/delete", delete, WRITE, "Delete a run; it can be restored", answer=native.Run),
        Route("POST", "/runs/{run}/restore", restore, WRITE, "Bring a deleted run back", answer=native.Run),
        Route(
            "GET", "/runs/{run}/history", history, READ, "Series of one run", answer=native.SeriesTable,
            query=(Param("keys", repeated=True), *_STEPS, Param("cursor")),
        ),
        Route(
            "GET", "/runs/{run}/console", console, READ, "Console lines", answer=native.ConsoleBody,
            query=(Param("after", "integer"), Param("limit", "integer"), Param("tail", "boolean")),
        ),
        Route("GET", "/runs/{run}/diff", diff, READ, "The diff of the code", answer="text/plain"),
        Route("GET", "/runs/{run}/files/{path...}", file, READ, "A file of the run", answer=BYTES, query=SANDBOXED),
    ]  # fmt: skip
