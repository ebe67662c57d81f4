"""Versions of registered models."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

from msgspec import field
from starlette.responses import Response

from madang.domain.ids import is_id
from madang.domain.projects import DEFAULT
from madang.domain.versions import VersionRecord
from madang.edges.mlflow import artifacts
from madang.edges.mlflow.arguments import Arguments
from madang.edges.mlflow.checks import check_key
from madang.edges.mlflow.clauses import parse
from madang.edges.mlflow.experiments import Tag
from madang.edges.mlflow.logged_models import told_model
from madang.edges.mlflow.paging import limit_of, page, page_body
from madang.edges.mlflow.registered_models import (
    SearchModels,
    canonical_stage,
    no_version,
    reason_of,
    row_of,
    tag_of,
    version_body,
    version_number,
)
from madang.edges.mlflow.registry_search import Fields, ordered, selected
from madang.edges.mlflow.services import MlflowCall
from madang.edges.mlflow.sources import Source, source_of
from madang.errors import InvalidInput, NotFound
from madang.formats.mlflow.words import PROMPT
from madang.ports.versions import CollectionRow
from madang.services.mlflow_words import told_of

MOST_VERSIONS = 200_000
_FIELDS = Fields(
    {"name": "name", "run_id": "run_id", "source_path": "source"}, {"version_number": "version"}, ("name", "run_id")
)
_KEYS = {
    "name": lambda thing: thing["name"],
    "version_number": lambda thing: int(thing["version"]),
    "creation_timestamp": lambda thing: thing["creation_timestamp"],
    "last_updated_timestamp": lambda thing: thing["last_updated_timestamp"],
}


class Version(Arguments):
    """GET get and get-download-uri, DELETE delete, PATCH update."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name", "version")
    name: str = ""
    version: str = ""
    description: str = ""


class NewVersion(Arguments):
    """POST create."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name", "source")
    name: str = ""
    source: str = ""
    run_id: str = ""
    run_link: str = ""
    description: str = ""
    model_id: str = ""
    tags: list[Tag] = field(default_factory=list)


class Transition(Arguments):
    """POST transition-stage."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name", "version", "stage")
    name: str = ""
    version: str = ""
    stage: str = ""
    archive_existing_versions: bool = False
    comment: str = ""  # why; the client of Databricks sends it


class VersionFile(Arguments):
    """GET /model-versions/get-artifact."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name", "version", "path")
    name: str = ""
    version: str = ""
    path: str = ""


class VersionTag(Arguments):
    """POST set-tag, DELETE delete-tag."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name", "version", "key")
    name: str = ""
    version: str = ""
    key: str = ""
    value: str = ""


def version_of(call: MlflowCall, name: str, version: str) -> tuple[CollectionRow, VersionRecord]:
    """The model and the version that are meant."""
    number = version_number(version)
    try:
        row = row_of(call, name)
        return row, call.services.models.version(call.who, row, number)
    except NotFound:
        raise no_version(name, version) from None


def create(call: MlflowCall) -> Any:
    """POST model-versions/create."""
    body: NewVersion = call.body
    row = row_of(call, body.name)
    tags = dict(map(tag_of, body.tags))
    if row.tags.get(PROMPT) == "true" or tags.get(PROMPT) == "true":
        source = Source(body.source, body.source, body.run_id)
    else:
        source = source_of(call, body.source, body.run_id, body.model_id)
    told = {
        "source": body.source,
        "location": source.location,
        "run_id": body.run_id or source.run,
        "run_link": body.run_link,
        "model_id": body.model_id,
    }
    made = call.services.models.add(
        call.who,
        row,
        source.entries,
        origin=source.project,
        run=told["run_id"],
        description=body.description,
        metadata={"mlflow": {name: text for name, text in told.items() if text}},
        tags=tags,
    )
    if body.model_id:
        with suppress(NotFound):  # it may be another server's
            told_model(call, body.model_id, body.name, made.number)
    return {"model_version": version_body(row_of(call, body.name), made)}


def get(call: MlflowCall) -> Any:
    """GET model-versions/get."""
    return {"model_version": version_body(*version_of(call, call.body.name, call.body.version))}


def update(call: MlflowCall) -> Any:
    """PATCH model-versions/update."""
    row, version = version_of(call, call.body.name, call.body.version)
    made = call.services.models.edit_version(call.who, version, description=call.body.description)
    return {"model_version": version_body(row, call.services.models.version(call.who, row, made.number))}


def delete(call: MlflowCall) -> None:
    """DELETE model-versions/delete."""
    row, version = version_of(call, call.body.name, call.body.version)
    call.services.models.delete(call.who, row, version.number)


def transition(call: MlflowCall) -> Any:
    """POST model-versions/transition-stage."""
    body: Transition = call.body
    stage = canonical_stage(body.stage)
    if body.archive_existing_versions and stage not in ("staging", "production"):
        raise InvalidInput(
            f"Model version transition cannot archive existing model versions because '{body.stage}' is not an Active "
            "stage. Valid stages are ['Staging', 'Production']"
        )
    row, version = version_of(call, body.name, body.version)
    with reason_of(call, version, body.comment) as reason:
        call.services.models.move(
            call.who, row, version.number, stage, archive=body.archive_existing_versions, reason=reason
        )
    return {"model_version": version_body(*version_of(call, body.name, body.version))}


def download_uri(call: MlflowCall) -> Any:
    """GET model-versions/get-download-uri."""
    row, version = version_of(call, call.body.name, call.body.version)
    told = told_of(version)
    plain = f"mlflow-artifacts:/versions/{row.project}/{row.name}/v{version.number}/artifacts"
    return {"artifact_uri": told.get("location") or told.get("source") or plain}


def get_file(call: MlflowCall) -> Response:
    """GET /model-versions/get-artifact."""
    body: VersionFile = call.body
    path = artifacts.safe(body.path)
    _, version = version_of(call, body.name, body.version)
    files = artifacts.files_of(call.services.models.entries(call.who, version))
    return artifacts.send(call, version.project, files, path)


def set_tag(call: MlflowCall) -> None:
    """POST model-versions/set-tag."""
    body: VersionTag = call.body
    key, value = tag_of(Tag(body.key, body.value))
    _, version = version_of(call, body.name, body.version)
    call.services.models.edit_version(call.who, version, tags={**version.tags, key: value})


def delete_tag(call: MlflowCall) -> None:
    """DELETE model-versions/delete-tag: one that is not there is no error."""
    body: VersionTag = call.body
    check_key(body.key)
    _, version = version_of(call, body.name, body.version)
    kept = {key: text for key, text in version.tags.items() if key != body.key}
    call.services.models.edit_version(call.who, version, tags=kept)


def search(call: MlflowCall) -> Any:
    """GET model-versions/search."""
    body: SearchModels = call.body
    limit = limit_of(body.max_results, 10_000, MOST_VERSIONS)
    rows = {row.name: row for row in call.services.models.all(call.who, DEFAULT)}
    things: list[dict[str, Any]] = []
    for row in rows.values():
        is_prompt = row.tags.get(PROMPT) == "true"
        versions = call.services.models.versions(call.who, row)
        things += [{**version_body(row, version), "is_prompt": is_prompt} for version in versions]
    things += _hidden(call, body.filter, {row.id for row in rows.values()})
    found = selected(_FIELDS, things, body.filter)
    found.sort(key=lambda thing: (thing["name"], -int(thing["version"])))
    orders = body.order_by or ["last_updated_timestamp DESC", "name ASC", "version_number DESC"]
    part, token = page(ordered(found, orders, _KEYS), limit, body.page_token)
    plain = [{name: value for name, value in thing.items() if name != "is_prompt"} for thing in part]
    return page_body("model_versions", plain, token)


def _hidden(call: MlflowCall, text: str, seen: set[int]) -> list[dict[str, Any]]:
    """What the runs that a filter names have written in models which another one of the same name hides."""
    runs: dict[str, None] = {}
    for clause in parse(text):
        if clause.key == "run_id" and clause.op in ("=", "IN"):
            named = clause.value if isinstance(clause.value, tuple) else (str(clause.value),)
            runs.update(dict.fromkeys(run for run in named if is_id(run)))
    return [
        {**version_body(row, version), "run_id": run, "is_prompt": row.tags.get(PROMPT) == "true"}
        for run in runs
        for row, version in call.services.models.written(call.who, run)
        if row.id not in seen
    ]
