"""Runs: making, reading, changing and searching them."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import field

from madang.domain import events
from madang.domain.commands import CreateRun, Fact
from madang.domain.ids import new_id
from madang.domain.query import RunQuery
from madang.domain.run_names import new_name
from madang.domain.runs import RunChange, RunRecord, record
from madang.edges.mlflow import run_search, shapes
from madang.edges.mlflow.arguments import Arguments, missing
from madang.edges.mlflow.checks import invalid
from madang.edges.mlflow.experiments import Tag, require_active, view_of
from madang.edges.mlflow.finding import experiment_number, home_of, no_run, run_of, searched, target_of
from madang.edges.mlflow.logging import tag_facts
from madang.edges.mlflow.paging import encoded_page
from madang.edges.mlflow.services import MlflowCall
from madang.errors import InvalidInput, NotFound
from madang.formats.mlflow.runs import code_of
from madang.formats.mlflow.words import STATUSES
from madang.services.launched import Launched

MOST_RUNS = 50_000
_FORM = "mlflow"  # of the rows that are kept


class NewRun(Arguments):
    """POST runs/create."""

    experiment_id: str = ""
    user_id: str = ""
    run_name: str = ""
    start_time: int = 0
    tags: list[Tag] = field(default_factory=list)


class RunId(Arguments):
    """GET runs/get, POST runs/delete and restore; old clients say `run_uuid`."""

    run_id: str = ""
    run_uuid: str = ""

    @property
    def run(self) -> str:
        """Whichever was given."""
        found = self.run_id or self.run_uuid
        if not found:
            raise missing("run_id")
        return found


class UpdateRun(RunId):
    """POST runs/update."""

    status: str | int | None = None
    end_time: int | None = None
    run_name: str | None = None


class SearchRuns(Arguments):
    """POST runs/search."""

    REQUIRED: ClassVar[tuple[str, ...]] = ()
    experiment_ids: list[str] = field(default_factory=list)
    filter: str = ""
    run_view_type: str | int = "ACTIVE_ONLY"
    max_results: int = 1000
    order_by: list[str] = field(default_factory=list)
    page_token: str = ""


def create(call: MlflowCall) -> Any:
    """POST runs/create."""
    body: NewRun = call.body
    tags = {tag.key: tag.value for tag in body.tags}
    tagged = tags.get(shapes.NAME, "")
    if body.run_name and tagged and body.run_name != tagged:
        raise InvalidInput(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
            f"(run_name='{body.run_name}', mlflow.runName='{tagged}')."
        )
    launched = call.services.launched
    if launched is not None:
        with launched.lock:
            if not launched.taken:
                return _take_over(call, launched, {**tags, shapes.NAME: body.run_name} if body.run_name else tags)
        tags.setdefault(shapes.PARENT, launched.run)
    project = target_of(call, body.experiment_id)
    require_active(project)
    code = code_of(tags) if launched is None else None  # what launches a command records all of its code
    run = new_id()
    tags[shapes.NAME] = body.run_name or tagged or new_name(run)
    made = call.services.tracking.create(
        call.who,
        project.name,
        CreateRun(
            id=run,
            parent=tags.get(shapes.PARENT, ""),
            user=body.user_id,
            facts=[*tag_facts(tags), *([code] if code else [])],
            time=max(0, body.start_time) * 1000,
        ),
        later=True,
    )
    if launched is not None:
        launched.made.append(run)
    return {"run": shapes.run_body(made, project)}


def _take_over(call: MlflowCall, launched: Launched, tags: dict[str, str]) -> Any:
    """The launched run itself is the first one that its command begins. It keeps its name unless another is given."""
    run = state(call, launched.run, tag_facts(tags))
    launched.homes.add(experiment_number(call.body.experiment_id))
    launched.taken = True
    return {"run": shapes.run_body(run, home_of(call, run))}


def get(call: MlflowCall) -> Any:
    """GET runs/get."""
    run = run_of(call, call.body.run)
    return {"run": shapes.run_body(run, home_of(call, run))}


def update(call: MlflowCall) -> Any:
    """POST runs/update."""
    body: UpdateRun = call.body
    facts: list[Fact] = []
    status = STATUSES.get(str(body.status).upper()) if body.status is not None else ""
    if status is None:
        raise invalid("status", body.status)
    if status or body.end_time:
        facts.append(events.Status(status, max(1, body.end_time * 1000) if body.end_time else 0))
    if body.run_name:
        facts += tag_facts({shapes.NAME: body.run_name})
    run = state(call, body.run, facts)
    info = shapes.run_info(run, home_of(call, run))
    if body.end_time is not None:
        info["end_time"] = body.end_time
    return {"run_info": info}


def state(call: MlflowCall, run: str, facts: list[Fact]) -> RunRecord:
    """Say something of a run, which comes back without its metrics.

    Raises:
        NotFound, InvalidInput: it is not there, or deleted.
    """
    try:
        stored = call.services.tracking.state(call.who, run, facts, later=True)
    except NotFound:
        raise no_run(run) from None
    return record(stored.state, stored.overrides)


def delete(call: MlflowCall) -> None:
    """POST runs/delete."""
    _set_deleted(call, deleted=True)


def restore(call: MlflowCall) -> None:
    """POST runs/restore."""
    _set_deleted(call, deleted=False)


def _set_deleted(call: MlflowCall, *, deleted: bool) -> None:
    run = run_of(call, call.body.run)
    if bool(run.deleted_at) != deleted:
        call.services.tracking.change(call.who, run.id, RunChange(deleted=deleted))


def search(call: MlflowCall) -> bytes:
    """POST runs/search."""
    body: SearchRuns = call.body
    if body.max_results > MOST_RUNS:
        raise InvalidInput(
            f"Invalid value {body.max_results} for parameter 'max_results' supplied: It must be at most {MOST_RUNS}."
        )
    if body.max_results < 1:
        raise InvalidInput(f"Invalid value {body.max_results} for parameter 'max_results' supplied: not positive.")
    view = view_of(body.run_view_type)
    projects = searched(call, body.experiment_ids)
    where, order = run_search.condition(body.filter, projects.values()), run_search.orders(body.order_by)
    if not projects:
        return b"{}"
    query = RunQuery(
        projects=tuple(projects),
        where=where,
        order=order,
        limit=body.max_results,
        cursor=body.page_token,
        deleted=view,
    )
    found = call.services.search.rows(call.who, query, _FORM, shapes.row_encoder(projects), most_keys=1 << 40)
    return encoded_page("runs", found.rows, found.next)
