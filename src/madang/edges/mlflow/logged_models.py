"""Logged models: models in the making, kept as records of a kind of their own beside runs.

A record has what such a model has: an experiment, a name, parameters, tags, metrics, files and a status. It becomes a
version of the registry when it is registered.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, ClassVar

import msgspec
from msgspec import field
from starlette.responses import Response

from madang.domain import events
from madang.domain.commands import CreateRun, Fact
from madang.domain.ids import is_id, new_id
from madang.domain.parameters import parameter_text
from madang.domain.projects import RegisteredProject
from madang.domain.query import AllOf, AnyOf, Compare, Condition, Field, RunQuery
from madang.domain.run_names import new_name
from madang.domain.runs import LOGGED_MODEL, RunChange, RunRecord
from madang.edges.mlflow import logged_model_search, shapes
from madang.edges.mlflow.arguments import Arguments
from madang.edges.mlflow.artifacts import children, safe, send
from madang.edges.mlflow.checks import LONGEST_PARAM, invalid
from madang.edges.mlflow.experiments import Tag, require_active
from madang.edges.mlflow.finding import home_of, searched, target_of
from madang.edges.mlflow.paging import encoded_page
from madang.edges.mlflow.services import MlflowCall
from madang.errors import InvalidInput, NotFound
from madang.formats.mlflow.words import METRIC_ORIGIN

_STATUSES = {
    "running": "LOGGED_MODEL_PENDING",
    "finished": "LOGGED_MODEL_READY",
    "failed": "LOGGED_MODEL_UPLOAD_FAILED",
}
_WORDS = {word: status for status, word in _STATUSES.items()} | {"1": "running", "2": "finished", "3": "failed"}
_FORM = "mlflow-model"
_VERSIONS = "mlflow.modelVersions"
_BAD_NAME = ("/", ":", ".", "%", '"', "'")


class NewModel(Arguments):
    """POST logged-models."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("experiment_id",)
    experiment_id: str = ""
    name: str = ""
    model_type: str = ""
    source_run_id: str = ""
    params: list[Tag] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)


class ModelStatus(Arguments):
    """PATCH logged-models/{model_id}."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("status",)
    status: str | int = ""


class ModelQuestion(Arguments):
    """GET logged-models/{model_id}."""

    allow_deleted: bool = False


class ModelTags(Arguments):
    """PATCH logged-models/{model_id}/tags, POST logged-models/{model_id}/params."""

    tags: list[Tag] = field(default_factory=list)
    params: list[Tag] = field(default_factory=list)


class Folder(Arguments):
    """GET logged-models/{model_id}/artifacts/directories."""

    artifact_directory_path: str = ""


class File(Arguments):
    """GET logged-models/{model_id}/artifacts/files."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("artifact_file_path",)
    artifact_file_path: str = ""


class DatasetFilter(Arguments):
    """The data set that a model's metrics must be of."""

    dataset_name: str = ""
    dataset_digest: str = ""


class SearchModels(Arguments):
    """POST logged-models/search."""

    experiment_ids: list[str] = field(default_factory=list)
    filter: str = ""
    datasets: list[DatasetFilter] = field(default_factory=list)
    max_results: int = 100
    order_by: list[logged_model_search.OrderBy] = field(default_factory=list)
    page_token: str = ""


def no_model(model_id: str) -> NotFound:
    """The error for a model that is not there."""
    return NotFound(f"Logged model with ID '{model_id[:100]}' not found.")


def model_of(call: MlflowCall, model_id: str, *, deleted: bool = False) -> RunRecord:
    """The record of a logged model."""
    run = model_id.removeprefix("m-")
    if not is_id(run) or run == model_id:
        raise no_model(model_id)
    try:
        found = call.services.search.run(call.who, run)
    except NotFound:
        raise no_model(model_id) from None
    if found.job_type != LOGGED_MODEL or (found.deleted_at and not deleted):
        raise no_model(model_id)
    return found


def artifact_uri(model: RunRecord, project: RegisteredProject) -> str:
    """Where the files of a model are, as the client is told."""
    return shapes.place_below(shapes.location(project), f"models/m-{model.id}/artifacts")


def body_of(model: RunRecord, project: RegisteredProject) -> dict[str, Any]:
    """A logged model as JSON has it."""
    info: dict[str, Any] = {
        "model_id": f"m-{model.id}",
        "experiment_id": str(project.number),
        "name": model.name,
        "creation_timestamp_ms": shapes.millis(model.created_at),
        "last_updated_timestamp_ms": shapes.millis(max(model.seen_at, model.deleted_at)),
        "artifact_uri": artifact_uri(model, project),
        "status": _STATUSES.get(model.status, "LOGGED_MODEL_UPLOAD_FAILED"),
        "model_type": model.group,
        "source_run_id": model.parent,
        "tags": shapes.pairs({key: text for key, text in model.tags.items() if not key.startswith(METRIC_ORIGIN)}),
    }
    data = {
        "params": [{"key": key, "value": parameter_text(value)} for key, value in model.config.items()],
        "metrics": [_metric(model, made) for key, item in model.metrics.items() if (made := shapes.metric(key, item))],
    }
    made = {name: value for name, value in info.items() if value not in ("", [])}
    return {"info": made, "data": {name: items for name, items in data.items() if items}}


def _metric(model: RunRecord, item: dict[str, Any]) -> dict[str, Any]:
    told = model.tags.get(METRIC_ORIGIN + item["key"], "").split("\n")
    origin = dict(zip(("run_id", "dataset_name", "dataset_digest"), told, strict=False))
    made = {**item, "model_id": f"m-{model.id}", **origin}
    return {name: value for name, value in made.items() if value != ""}


def _answer(call: MlflowCall, model: RunRecord) -> Any:
    return {"model": body_of(model, home_of(call, model))}


def create(call: MlflowCall) -> Any:
    """POST logged-models."""
    body: NewModel = call.body
    project = target_of(call, body.experiment_id)
    require_active(project)
    if any(sign in body.name for sign in _BAD_NAME):
        raise InvalidInput(
            f"Invalid model name ({body.name}) provided. Model name must be a non-empty string and cannot contain the "
            f"following characters: {list(_BAD_NAME)}."
        )
    model = new_id()
    facts: list[Fact] = [events.Described(name=body.name or new_name(model))]
    facts += _facts(body.params, body.tags)
    command = CreateRun(id=model, job_type=LOGGED_MODEL, group=body.model_type, parent=body.source_run_id, facts=facts)
    made = call.services.tracking.create(call.who, project.name, command)
    if call.services.launched is not None:
        call.services.launched.made.append(model)
    return {"model": body_of(made, project)}


def _facts(params: list[Tag], tags: list[Tag]) -> list[Fact]:
    facts: list[Fact] = []
    if params:
        facts.append(events.Config({item.key: item.value[:LONGEST_PARAM] for item in params}))
    if tags:
        facts.append(events.Tags({item.key: item.value for item in tags}))
    return facts


def get(call: MlflowCall) -> Any:
    """GET logged-models/{model_id}."""
    return _answer(call, model_of(call, call.path["model_id"], deleted=call.body.allow_deleted))


def finalize(call: MlflowCall) -> Any:
    """PATCH logged-models/{model_id}: the files are there, or will never be."""
    status = _WORDS.get(str(call.body.status))
    if status is None:
        raise invalid("status", call.body.status)
    model = model_of(call, call.path["model_id"])
    call.services.tracking.state(call.who, model.id, [events.Status(status)])
    return _answer(call, model_of(call, call.path["model_id"]))


def delete(call: MlflowCall) -> None:
    """DELETE logged-models/{model_id}."""
    model = model_of(call, call.path["model_id"])
    call.services.tracking.change(call.who, model.id, RunChange(deleted=True))


def set_tags(call: MlflowCall) -> Any:
    """PATCH logged-models/{model_id}/tags."""
    model = model_of(call, call.path["model_id"])
    call.services.tracking.state(call.who, model.id, _facts([], call.body.tags))
    return _answer(call, model_of(call, call.path["model_id"]))


def delete_tag(call: MlflowCall) -> None:
    """DELETE logged-models/{model_id}/tags/{key}."""
    model, key = model_of(call, call.path["model_id"]), call.path["key"]
    if key not in model.tags:
        raise NotFound(f"No tag with key {key!r} found for model with ID {call.path['model_id']!r}.")
    call.services.tracking.state(call.who, model.id, [events.Removed("tags", [key])])


def log_params(call: MlflowCall) -> None:
    """POST logged-models/{model_id}/params."""
    model = model_of(call, call.path["model_id"])
    call.services.tracking.state(call.who, model.id, _facts(call.body.params, []))


def told_model(call: MlflowCall, model_id: str, name: str, version: int) -> None:
    """Note on a logged model the version of the registry that it became. Raises `NotFound`."""
    model = model_of(call, model_id)
    try:
        known = json.loads(model.tags.get(_VERSIONS, "[]"))
    except ValueError:  # anyone may set a tag
        known = []
    entry = {"name": name, "version": version}
    if isinstance(known, list) and entry not in known:
        text = json.dumps([*known, entry])  # with the blanks that its client writes
        call.services.tracking.state(call.who, model.id, [events.Tags({_VERSIONS: text})])


def files(call: MlflowCall) -> Any:
    """GET logged-models/{model_id}/artifacts/directories."""
    model = model_of(call, call.path["model_id"])
    folder = safe(call.body.artifact_directory_path) if call.body.artifact_directory_path else ""
    found = children(model.files, folder, below=folder)
    root = {"root_uri": artifact_uri(model, home_of(call, model))}
    return {**root, "files": found} if found else root


def file(call: MlflowCall) -> Response:
    """GET logged-models/{model_id}/artifacts/files, as MLflow's page reads one."""
    model = model_of(call, call.path["model_id"])
    return send(call, model.project, model.files, safe(call.body.artifact_file_path))


def search(call: MlflowCall) -> bytes:
    """POST logged-models/search."""
    body: SearchModels = call.body
    if any(not item.dataset_name for item in body.datasets):
        raise InvalidInput("`dataset_name` in the `datasets` clause must be specified.")
    data = [Compare(Field("datasets", "name"), "=", item.dataset_name) for item in body.datasets]
    where: Condition = logged_model_search.condition(body.filter)
    if data:
        where = AllOf((where, AnyOf(tuple(data))))
    order = logged_model_search.orders(body.order_by)
    projects = searched(call, body.experiment_ids)
    if not projects:
        return b"{}"
    query = RunQuery(
        projects=tuple(projects),
        where=where,
        order=order,
        limit=body.max_results or 100,
        cursor=_cursor(body),
        kind=LOGGED_MODEL,
    )

    def encode(model: RunRecord) -> bytes:
        return msgspec.json.encode(body_of(model, projects[model.project]))

    found = call.services.search.rows(call.who, query, _FORM, encode, most_keys=1 << 40)
    return encoded_page("models", found.rows, _token(body, found.next) if found.next else "")


def _asked(body: SearchModels) -> dict[str, Any]:
    """What a page's token is good for."""
    return {
        "Experiment IDs": body.experiment_ids,
        "Order by": msgspec.to_builtins(body.order_by),
        "Filter string": body.filter,
    }


def _token(body: SearchModels, cursor: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([cursor, _asked(body)])).decode()


def _cursor(body: SearchModels) -> str:
    """The place in a page's token. Raises `InvalidInput` when it was given for another search."""
    if not body.page_token:
        return ""
    try:
        cursor, asked = msgspec.json.decode(base64.urlsafe_b64decode(body.page_token), type=tuple[str, dict[str, Any]])
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise InvalidInput("Invalid page token.") from None
    for name, value in _asked(body).items():
        if asked.get(name) != value:
            raise InvalidInput(f"{name} in the page token {'do' if name.endswith('s') else 'does'} not match.")
    return cursor
