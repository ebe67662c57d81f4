"""Experiments: the projects of the store."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import field

from madang.domain.projects import ProjectChange, RegisteredProject
from madang.domain.query import Exists, Field, RunQuery
from madang.edges.mlflow import shapes
from madang.edges.mlflow.arguments import Arguments
from madang.edges.mlflow.checks import LONGEST_EXPERIMENT, LONGEST_EXPERIMENT_TAG, LONGEST_KEY, check_key, check_length
from madang.edges.mlflow.experiment_search import ordered, selected
from madang.edges.mlflow.finding import project_of
from madang.edges.mlflow.paging import page, page_body
from madang.edges.mlflow.services import MlflowCall
from madang.errors import Conflict, InvalidInput, NotFound

MOST_EXPERIMENTS = 50_000
MOST_SEARCHED, MOST_RUNS_LOOKED_AT = 20, 1000
View: TypeAlias = Literal["active", "deleted", "all"]
_VIEWS: dict[str, View] = {
    "ACTIVE_ONLY": "active",
    "DELETED_ONLY": "deleted",
    "ALL": "all",
    "1": "active",
    "2": "deleted",
    "3": "all",
}


class Tag(Arguments):
    """A key and its value."""

    key: str = ""
    value: str = ""


class CreateExperiment(Arguments):
    """POST experiments/create."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name",)
    name: str = ""
    artifact_location: str = ""
    tags: list[Tag] = field(default_factory=list)


class ExperimentId(Arguments):
    """GET experiments/get, POST experiments/delete and restore."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("experiment_id",)
    experiment_id: str = ""


class ExperimentName(Arguments):
    """GET experiments/get-by-name."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("experiment_name",)
    experiment_name: str = ""


class UpdateExperiment(Arguments):
    """POST experiments/update."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("experiment_id", "new_name")
    experiment_id: str = ""
    new_name: str = ""


class ExperimentTag(Arguments):
    """POST experiments/set-experiment-tag."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("experiment_id", "key")
    experiment_id: str = ""
    key: str = ""
    value: str = ""


class SearchDatasets(Arguments):
    """POST experiments/search-datasets."""

    experiment_ids: list[str] = field(default_factory=list)


class SearchExperiments(Arguments):
    """POST or GET experiments/search."""

    max_results: int = 0
    page_token: str = ""
    filter: str = ""
    order_by: list[str] = field(default_factory=list)
    view_type: str | int = "ACTIVE_ONLY"


def view_of(view: str | int) -> View:
    """Which of active and deleted things a caller wants."""
    found = _VIEWS.get(str(view))
    if found is None:
        raise InvalidInput(f"Invalid view type '{view}'.")
    return found


def create(call: MlflowCall) -> Any:
    """POST experiments/create."""
    body: CreateExperiment = call.body
    check_length("name", LONGEST_EXPERIMENT, body.name)
    place = body.artifact_location
    if place.startswith("runs:") or "#" in place or ".." in urlsplit(place).path.split("/"):
        raise InvalidInput(f"Artifact location cannot be {place[:200]!r}.")
    found = {item.key: _checked_tag(item.key, item.value) for item in body.tags}
    try:
        made = call.services.projects.create(call.who, body.name, place, found)
    except Conflict:
        raise Conflict(f"Experiment(name={body.name}) already exists.") from None
    return {"experiment_id": str(made.number)}


def _checked_tag(key: str, value: str) -> str:
    check_length("key", LONGEST_KEY, check_key(key))
    return check_length("value", LONGEST_EXPERIMENT_TAG, value)


def get(call: MlflowCall) -> Any:
    """GET experiments/get."""
    return {"experiment": shapes.experiment(project_of(call, call.body.experiment_id))}


def get_by_name(call: MlflowCall) -> Any:
    """GET experiments/get-by-name."""
    name = call.body.experiment_name
    found = call.services.projects.find(call.who, name)
    if found is None:
        raise NotFound(f"Could not find experiment with name '{name}'")
    return {"experiment": shapes.experiment(found)}


def search(call: MlflowCall) -> Any:
    """POST or GET experiments/search."""
    body: SearchExperiments = call.body
    if not 0 < body.max_results <= MOST_EXPERIMENTS:
        said = "must be a positive integer" if body.max_results < 1 else f"must be at most {MOST_EXPERIMENTS}"
        raise InvalidInput(f"Invalid value {body.max_results} for parameter 'max_results' supplied. It {said}")
    view = view_of(body.view_type)
    found = [
        item
        for item in call.services.projects.all(call.who)
        if view == "all" or bool(item.deleted_at) == (view == "deleted")
    ]
    chosen = ordered(selected(found, body.filter), body.order_by)
    part, token = page(chosen, body.max_results, body.page_token)
    return page_body("experiments", [shapes.experiment(item) for item in part], token)


def search_datasets(call: MlflowCall) -> Any:
    """POST experiments/search-datasets: the data sets of the newest runs of some experiments."""
    body: SearchDatasets = call.body
    if not body.experiment_ids:
        raise InvalidInput("SearchDatasets request must specify at least one experiment_id.")
    if len(body.experiment_ids) > MOST_SEARCHED:
        raise InvalidInput(
            f"SearchDatasets request cannot specify more than {MOST_SEARCHED} experiment_ids. "
            f"Received {len(body.experiment_ids)} experiment_ids."
        )
    projects = {item.name: item for item in (project_of(call, text) for text in body.experiment_ids)}
    found: dict[tuple[int, str, str, str], None] = {}
    query = RunQuery(tuple(projects), Exists(Field("datasets", "name")), limit=MOST_RUNS_LOOKED_AT, keys=())
    for run in call.services.search.runs(call.who, query).runs:
        for item in run.datasets:
            number = projects[run.project].number
            found[number, item.name, item.digest, item.tags.get(shapes.CONTEXT, "")] = None
    made = [
        {"experiment_id": str(number), "name": name, "digest": digest, **({"context": context} if context else {})}
        for number, name, digest, context in found
    ]
    return {"dataset_summaries": made} if made else {}


def update(call: MlflowCall) -> None:
    """POST experiments/update."""
    body: UpdateExperiment = call.body
    check_length("name", LONGEST_EXPERIMENT, body.new_name)
    before = project_of(call, body.experiment_id)
    if before.deleted_at:
        raise InvalidInput("Cannot rename a non-active experiment.")
    try:
        call.services.projects.change(call.who, before.number, ProjectChange(title=body.new_name))
    except Conflict:
        raise Conflict(f"Experiment(name={body.new_name}) already exists.") from None


def delete(call: MlflowCall) -> None:
    """POST experiments/delete."""
    _set_deleted(call, deleted=True)


def restore(call: MlflowCall) -> None:
    """POST experiments/restore."""
    _set_deleted(call, deleted=False)


def _set_deleted(call: MlflowCall, *, deleted: bool) -> None:
    before = project_of(call, call.body.experiment_id)
    if bool(before.deleted_at) == deleted:
        raise NotFound(f"No Experiment with id={before.number} exists")
    call.services.projects.change(call.who, before.number, ProjectChange(deleted=deleted))


def _active(call: MlflowCall, experiment_id: str) -> RegisteredProject:
    found = project_of(call, experiment_id)
    require_active(found)
    return found


def require_active(project: RegisteredProject) -> None:
    """Refuse to change what is in a deleted experiment."""
    if project.deleted_at:
        raise InvalidInput(f"The experiment {project.number} must be in the 'active' state. Current state is deleted.")


def set_tag(call: MlflowCall) -> None:
    """POST experiments/set-experiment-tag."""
    body: ExperimentTag = call.body
    value = _checked_tag(body.key, body.value)
    found = _active(call, body.experiment_id)
    call.services.projects.change(call.who, found.number, ProjectChange(tags={body.key: value}))


def delete_tag(call: MlflowCall) -> None:
    """POST experiments/delete-experiment-tag."""
    body: ExperimentTag = call.body
    found = _active(call, body.experiment_id)
    if body.key not in found.tags:
        raise NotFound(f"No tag with name: {body.key} in experiment with id {found.number}")
    call.services.projects.change(call.who, found.number, ProjectChange(tags_removed=(body.key,)))
