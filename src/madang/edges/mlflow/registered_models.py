"""Registered models: the collections of type model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from msgspec import field

from madang.domain.projects import DEFAULT
from madang.domain.versions import STAGES, VersionRecord
from madang.edges.mlflow import shapes
from madang.edges.mlflow.arguments import Arguments, missing
from madang.edges.mlflow.checks import LONGEST_KEY, check_key, check_length
from madang.edges.mlflow.experiments import Tag
from madang.edges.mlflow.finding import target_of
from madang.edges.mlflow.paging import limit_of, page, page_body
from madang.edges.mlflow.registry_search import Fields, ordered, selected
from madang.edges.mlflow.services import MlflowCall
from madang.errors import Conflict, InvalidInput, NotFound
from madang.formats.mlflow.words import ALIASES, PROMPT
from madang.formats.registry_events import REASON
from madang.ports.versions import CollectionRow
from madang.services.mlflow_words import aliases_of, told_of, written_aliases
from madang.services.model_registry.models import stage_of

LONGEST_TAG, LONGEST_ALIAS = 100_000, 255
MOST_MODELS = 1000
_STAGES = {"none": "", **{stage: stage for stage in STAGES}}
_ALIAS = re.compile(r"[\w\-]*\Z")
_FIELDS = Fields({"name": "name"}, {}, ("name",))


class ModelName(Arguments):
    """GET get, DELETE delete, GET get-latest-versions."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name",)
    name: str = ""
    stages: list[str] = field(default_factory=list)


class NewModel(ModelName):
    """POST create, PATCH update."""

    description: str = ""
    tags: list[Tag] = field(default_factory=list)


class Renamed(ModelName):
    """POST rename."""

    new_name: str = ""


class ModelTag(ModelName):
    """POST set-tag, DELETE delete-tag."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name", "key")
    key: str = ""
    value: str = ""


class ModelAlias(ModelName):
    """POST, DELETE and GET alias."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name", "alias")
    alias: str = ""
    version: str = ""


class SearchModels(Arguments):
    """GET search, also of versions."""

    filter: str = ""
    max_results: int | None = None
    order_by: list[str] = field(default_factory=list)
    page_token: str = ""


def check_model_name(name: str, what: str = "name") -> str:
    """A name that a model may have."""
    if not name.strip():
        raise missing(what)
    if "/" in name or ":" in name:
        raise InvalidInput(f"Invalid model name '{name}'. Names cannot contain '/' or ':'.")
    return name


def row_of(call: MlflowCall, name: str) -> CollectionRow:
    """The model with a name."""
    check_model_name(name)
    try:
        return call.services.models.find(call.who, name, DEFAULT)
    except (NotFound, InvalidInput):
        raise NotFound(f"Registered Model with name={name} not found") from None


def tag_of(item: Tag) -> tuple[str, str]:
    """A tag of a model or version, checked."""
    if not item.key:
        raise missing("key")
    check_length("key", LONGEST_KEY, check_key(item.key))
    return item.key, check_length("value", LONGEST_TAG, item.value)


def version_body(row: CollectionRow, version: VersionRecord) -> dict[str, Any]:
    """A version as MLflow's JSON has it."""
    told = told_of(version)
    made: dict[str, Any] = {
        "name": version.name,
        "version": str(version.number),
        "creation_timestamp": shapes.millis(version.created_at),
        "last_updated_timestamp": shapes.millis(version.updated_at or version.created_at),
        "current_stage": stage_of(row, version.number).capitalize() or "None",
        "description": version.description,
        "source": told.get("source") or f"models:/{version.name}/{version.number}",
        "run_id": told.get("run_id", version.run),
        "status": "READY",
        "run_link": told.get("run_link", ""),
        "model_id": told.get("model_id", ""),
        "tags": shapes.pairs(version.tags),
        "aliases": [alias for alias, number in aliases_of(row).items() if number == version.number],
    }
    shown = ("description", "run_id", "run_link")  # also when they are empty
    return {name: value for name, value in made.items() if value not in ("", []) or name in shown}


def latest_by_stage(call: MlflowCall, row: CollectionRow) -> list[dict[str, Any]]:
    """The newest version of each stage, and of those in none."""
    found: dict[str, VersionRecord] = {}
    for version in call.services.models.versions(call.who, row):
        found.setdefault(stage_of(row, version.number), version)
    return [version_body(row, version) for version in found.values()]


def body_of(call: MlflowCall, row: CollectionRow) -> dict[str, Any]:
    """A model as MLflow's JSON has it."""
    made: dict[str, Any] = {
        "name": row.name,
        "creation_timestamp": shapes.millis(row.created_at),
        "last_updated_timestamp": shapes.millis(row.updated_at),
        "description": row.description,
        "latest_versions": latest_by_stage(call, row),
        "tags": shapes.pairs({key: text for key, text in row.tags.items() if key != ALIASES}),
        "aliases": [{"alias": alias, "version": str(number)} for alias, number in aliases_of(row).items()],
    }
    return {name: value for name, value in made.items() if value not in ("", [])}


def create(call: MlflowCall) -> Any:
    """POST registered-models/create."""
    body: NewModel = call.body
    check_model_name(body.name)
    tags = dict(map(tag_of, body.tags))
    try:
        before = row_of(call, body.name)
    except NotFound:
        pass
    else:
        raise _taken(body.name, before, is_prompt=tags.get(PROMPT) == "true")
    project = target_of(call, "0").name
    try:
        made = call.services.models.create(call.who, project, body.name, body.description, tags)
    except Conflict:
        raise Conflict(f"Registered Model (name={body.name}) already exists.") from None
    return {"registered_model": body_of(call, made)}


def _taken(name: str, before: CollectionRow, *, is_prompt: bool) -> Conflict:
    was = "Prompt" if before.tags.get(PROMPT) == "true" else "Registered Model"
    new = "Prompt" if is_prompt else "Registered Model"
    if was != new:
        return Conflict(
            f"Tried to create a {new.lower()} with name {name!r}, but the name is already taken by a {was.lower()}. "
            "MLflow does not allow creating a model and a prompt with the same name."
        )
    return Conflict(f"{new} (name={name}) already exists.")


def get(call: MlflowCall) -> Any:
    """GET registered-models/get."""
    return {"registered_model": body_of(call, row_of(call, call.body.name))}


def update(call: MlflowCall) -> Any:
    """PATCH registered-models/update."""
    row = row_of(call, call.body.name)
    made = call.services.models.edit(call.who, row, description=call.body.description)
    return {"registered_model": body_of(call, made)}


def rename(call: MlflowCall) -> Any:
    """POST registered-models/rename."""
    body: Renamed = call.body
    row = row_of(call, body.name)
    new = check_model_name(body.new_name, "new_name")
    try:
        row_of(call, new)
    except NotFound:
        made = call.services.models.rename(call.who, row, new)
        return {"registered_model": body_of(call, made)}
    raise Conflict(f"Registered Model (name={new}) already exists.")


def delete(call: MlflowCall) -> None:
    """DELETE registered-models/delete."""
    call.services.models.delete(call.who, row_of(call, call.body.name))


def set_tag(call: MlflowCall) -> None:
    """POST registered-models/set-tag."""
    key, value = tag_of(Tag(call.body.key, call.body.value))
    row = row_of(call, call.body.name)
    call.services.models.edit(call.who, row, tags={**row.tags, key: value})


def delete_tag(call: MlflowCall) -> None:
    """DELETE registered-models/delete-tag: one that is not there is no error."""
    check_key(call.body.key)
    row = row_of(call, call.body.name)
    call.services.models.edit(call.who, row, tags={key: text for key, text in row.tags.items() if key != call.body.key})


def search(call: MlflowCall) -> Any:
    """GET registered-models/search."""
    body: SearchModels = call.body
    limit = limit_of(body.max_results, 100, MOST_MODELS)
    rows = {row.name: row for row in call.services.models.all(call.who, DEFAULT)}
    plain = [{"name": row.name, "tags": shapes.pairs(row.tags), "updated": row.updated_at} for row in rows.values()]
    found = sorted(selected(_FIELDS, plain, body.filter), key=lambda thing: thing["name"])
    keys = {"name": lambda thing: thing["name"]} | dict.fromkeys(
        ("timestamp", "last_updated_timestamp"), lambda thing: thing["updated"]
    )
    part, token = page(ordered(found, body.order_by, keys), limit, body.page_token)
    return page_body("registered_models", [body_of(call, rows[thing["name"]]) for thing in part], token)


def canonical_stage(stage: str) -> str:
    """The stage that a text means in any case; empty for `None`."""
    found = _STAGES.get(stage.lower())
    if found is None:
        known = ", ".join(["None", *(name.capitalize() for name in STAGES)])
        raise InvalidInput(f"Invalid Model Version stage: {stage}. Value must be one of {known}.")
    return found


def latest_versions(call: MlflowCall) -> Any:
    """GET or POST registered-models/get-latest-versions."""
    row = row_of(call, call.body.name)
    wanted = {canonical_stage(stage).capitalize() or "None" for stage in call.body.stages}
    found = [item for item in latest_by_stage(call, row) if not wanted or item["current_stage"] in wanted]
    return {"model_versions": found} if found else {}


def checked_alias(alias: str, *, new: bool = False) -> str:
    """An alias that MLflow would take."""
    if not _ALIAS.match(alias):
        raise InvalidInput(
            f"Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )
    check_length("Registered model alias name", LONGEST_ALIAS, alias)
    if new and alias.lower() == "latest":
        raise InvalidInput("'latest' alias name (case insensitive) is reserved.")
    if new and re.match(r"[vV]\d+\Z", alias):
        raise InvalidInput(f"Version alias name '{alias}' is reserved.")
    return alias


def set_alias(call: MlflowCall) -> None:
    """POST registered-models/alias."""
    body: ModelAlias = call.body
    alias = checked_alias(body.alias, new=True)
    row, number = row_of(call, body.name), version_number(body.version)
    try:
        version = call.services.models.version(call.who, row, number)
    except NotFound:
        raise no_version(body.name, body.version) from None
    with reason_of(call, version) as reason:
        call.services.models.point(call.who, row, alias.lower(), number, reason, alias)


@contextmanager
def reason_of(call: MlflowCall, version: VersionRecord, comment: str = "") -> Iterator[str]:
    """Why a pointer moves to a version: the comment of the call, else what the client has put in a tag.

    The tag goes away once the pointer has moved: the history has it.
    """
    yield comment or version.tags.get(REASON, "")
    if REASON in version.tags and not comment:
        fresh = call.services.models.version(call.who, row_of(call, version.name), version.number)
        kept = {key: text for key, text in fresh.tags.items() if key != REASON}
        call.services.models.edit_version(call.who, fresh, tags=kept)


def _note_alias(call: MlflowCall, row: CollectionRow, written: dict[str, str]) -> None:
    call.services.models.edit(call.who, row, tags={**row.tags, ALIASES: json.dumps(written)})


def delete_alias(call: MlflowCall) -> None:
    """DELETE registered-models/alias: one that is not there is no error."""
    alias = checked_alias(call.body.alias).lower()
    row = row_of(call, call.body.name)
    if alias in row.aliases and alias != "latest":
        call.services.models.point(call.who, row, alias, None)
    written = written_aliases(row)
    if written.pop(alias, None) is not None:
        _note_alias(call, row, written)


def get_by_alias(call: MlflowCall) -> Any:
    """GET registered-models/alias."""
    body: ModelAlias = call.body
    row = row_of(call, body.name)
    number = row.latest if body.alias.lower() == "latest" else row.aliases.get(checked_alias(body.alias).lower())
    if not number:
        raise InvalidInput(f"Registered model alias {body.alias} not found.")
    return {"model_version": version_body(row, call.services.models.version(call.who, row, number))}


def version_number(text: str) -> int:
    """The number of a version."""
    if not text:
        raise missing("version")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidInput(f"Parameter 'version' must be an integer, got '{text[:100]}'.")
    return int(text)


def no_version(name: str, version: str) -> NotFound:
    """The error for a version that is not there."""
    return NotFound(f"Model Version (name={name}, version={version}) not found")
