"""What a run logs: metrics, parameters, tags, data sets, links to models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import msgspec
from msgspec import field

from madang.domain import events
from madang.domain.commands import Fact
from madang.edges.mlflow import shapes
from madang.edges.mlflow.arguments import Arguments, missing
from madang.edges.mlflow.checks import (
    LONGEST_KEY,
    LONGEST_PARAM,
    LONGEST_TAG,
    MOST_ENTITIES,
    MOST_METRICS,
    MOST_PARAMS,
    check_count,
    check_key,
    check_length,
    invalid,
)
from madang.edges.mlflow.experiments import Tag
from madang.edges.mlflow.finding import no_run, require_active_run, run_of
from madang.edges.mlflow.points import Metric, Point, points_of
from madang.edges.mlflow.services import MlflowCall
from madang.errors import InvalidInput, NotFound
from madang.formats.mlflow.words import METRIC_ORIGIN

_RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}\Z")


class LogMetric(Arguments):
    """POST runs/log-metric."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("run_id", "key", "value", "timestamp")
    run_id: str = ""
    run_uuid: str = ""
    key: str = ""
    value: float | None = None
    timestamp: int | None = None
    step: int = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""

    def __post_init__(self) -> None:
        self.run_id = self.run_id or self.run_uuid


class LogParam(Arguments):
    """POST runs/log-parameter, runs/set-tag and runs/delete-tag."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("run_id", "key")
    run_id: str = ""
    run_uuid: str = ""
    key: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        self.run_id = self.run_id or self.run_uuid


class LogPoints(Arguments):
    """POST runs/log-batch, where no point is of a model."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("run_id",)
    run_id: str = ""
    metrics: Sequence[Point] = field(default_factory=list)
    params: list[Tag] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)


class LogBatch(LogPoints):
    """POST runs/log-batch."""

    PLAIN: ClassVar[type[Any] | None] = LogPoints
    metrics: Sequence[Metric] = field(default_factory=list)


class NamedDataset(msgspec.Struct):
    """A data set."""

    name: str = ""
    digest: str = ""
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""


class DatasetInput(msgspec.Struct):
    """A data set with what it was read for."""

    dataset: NamedDataset = field(default_factory=NamedDataset)
    tags: list[Tag] = field(default_factory=list)


class ModelInput(msgspec.Struct):
    """A model that a run read or made."""

    model_id: str = ""
    step: int = 0


class LogInputs(Arguments):
    """POST runs/log-inputs."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("run_id",)
    run_id: str = ""
    datasets: list[DatasetInput] = field(default_factory=list)
    models: list[ModelInput] = field(default_factory=list)


class LogOutputs(Arguments):
    """POST runs/outputs."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("run_id",)
    run_id: str = ""
    models: list[ModelInput] = field(default_factory=list)


def tag_facts(tags: Mapping[str, str]) -> list[Fact]:
    """Tags, and what those of MLflow's own say of the run. An empty name says nothing, as in MLflow."""
    if not tags:
        return []
    told = {key: text for key, text in tags.items() if text or key != shapes.NAME}
    described = events.Described(
        name=told.get(shapes.NAME), notes=told.get(shapes.NOTE), parent=told.get(shapes.PARENT)
    )
    facts: list[Fact] = [events.Tags(told)] if told else []
    return [described, *facts] if described != events.Described() else facts


def _say(call: MlflowCall, run: str, facts: Sequence[Fact]) -> None:
    try:
        call.services.tracking.state(call.who, run, facts, later=True)
    except NotFound:
        raise no_run(run) from None


def log_metric(call: MlflowCall) -> None:
    """POST runs/log-metric."""
    body: LogMetric = call.body
    metric = Metric(
        body.key, body.value, body.timestamp, body.step, body.model_id, body.dataset_name, body.dataset_digest
    )
    _say(call, body.run_id, points_of([metric], single=True))
    _say_of_models(call, body.run_id, [metric])


def _say_of_models(call: MlflowCall, run: str, metrics: Sequence[Metric]) -> None:
    """Metrics of models are metrics of their records too, with the run and the data set they were found with."""
    of_models: dict[str, list[Metric]] = {}
    for metric in [metric for metric in metrics if metric.model_id]:
        of_models.setdefault(metric.model_id.removeprefix("m-"), []).append(metric)
    for model, items in of_models.items():
        origins = {
            f"{METRIC_ORIGIN}{item.key}": "\n".join((run, item.dataset_name, item.dataset_digest)) for item in items
        }
        data = {(item.dataset_name, item.dataset_digest) for item in items if item.dataset_name}
        facts = [
            *points_of(items),
            events.Tags(origins),
            *(events.Dataset(name, digest) for name, digest in sorted(data)),
        ]
        with suppress(NotFound, InvalidInput):  # a model that is gone keeps no run from logging
            call.services.tracking.state(call.who, model, facts)


def log_param(call: MlflowCall) -> None:
    """POST runs/log-parameter."""
    body: LogParam = call.body
    _say(call, body.run_id, [events.Config(_parameters([Tag(body.key, body.value)], ""))])


def _parameters(params: Sequence[Tag], path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    twice: list[str] = []
    for index, item in enumerate(params):
        place = path.format(index)
        if not item.key:
            raise missing(place + "key")
        check_length("Param key", LONGEST_KEY, check_key(item.key, place + "key"))
        if item.key in found:
            twice.append(item.key)
        found[item.key] = item.value[:LONGEST_PARAM]
    if twice:
        raise InvalidInput(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request contains only one "
            "param value per param key."
        )
    return found


def _tags(tags: Sequence[Tag], path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for index, item in enumerate(tags):
        place = path.format(index)
        if not item.key:
            raise missing(place + "key")
        check_length(place + "key", LONGEST_KEY, check_key(item.key, place + "key"))
        found[item.key] = item.value[:LONGEST_TAG]
    return found


def log_batch(call: MlflowCall) -> None:
    """POST runs/log-batch."""
    body: LogPoints = call.body
    if not _RUN_ID.match(body.run_id):
        raise invalid("run_id", body.run_id)
    facts: list[Fact] = points_of(body.metrics)
    params, tags = _parameters(body.params, "params[{}]."), _tags(body.tags, "tags[{}].")
    check_count("metrics", MOST_METRICS, body.metrics)
    check_count("params", MOST_PARAMS, body.params)
    check_count("tags", MOST_PARAMS, body.tags)
    total = len(body.metrics) + len(body.params) + len(body.tags)
    check_count("metrics, params, and tags", MOST_ENTITIES, total)
    if params:
        facts.append(events.Config(params))
    _say(call, body.run_id, facts + tag_facts(tags))
    if isinstance(body, LogBatch):
        _say_of_models(call, body.run_id, body.metrics)


def set_tag(call: MlflowCall) -> None:
    """POST runs/set-tag."""
    body: LogParam = call.body
    _say(call, body.run_id, tag_facts(_tags([Tag(body.key, body.value)], "")))


def delete_tag(call: MlflowCall) -> None:
    """POST runs/delete-tag. The run keeps its name without the tag; its notes and its parent are no more than tags."""
    body: LogParam = call.body
    run = run_of(call, body.run_id)
    require_active_run(run)
    if body.key not in run.tags or (body.key == shapes.NAME and not run.tags[body.key]):
        raise NotFound(f"No tag with name: {body.key} in run with id {body.run_id}")
    if body.key == shapes.NAME:  # left empty: a run without it would be taken for one of another client's
        _say(call, body.run_id, [events.Tags({body.key: ""})])
        return
    facts: list[Fact] = [events.Removed("tags", [body.key])]
    if body.key == shapes.NOTE:
        facts.append(events.Described(notes=""))
    elif body.key == shapes.PARENT:
        facts.append(events.Described(parent=""))
    _say(call, body.run_id, facts)


def log_inputs(call: MlflowCall) -> None:
    """POST runs/log-inputs."""
    body: LogInputs = call.body
    known = {(item.name, item.digest) for item in run_of(call, body.run_id).datasets}
    facts: list[Fact] = []
    for item in body.datasets:
        made = _dataset(item)
        if (made.name, made.digest) not in known:  # MLflow keeps the tags that it was told first
            known.add((made.name, made.digest))
            facts.append(made)
    if body.models:
        facts.append(events.Linked(inputs=[item.model_id for item in body.models]))
    _say(call, body.run_id, facts)


_DATASET_LIMITS = {"name": 500, "digest": 36, "schema": 1_048_575, "source": 65_535, "profile": 16_777_215}


def _dataset(item: DatasetInput) -> events.Dataset:
    told = item.dataset
    for name, most in _DATASET_LIMITS.items():
        check_length(name, most, getattr(told, name))
    for tag in item.tags:
        check_length("key", 255, tag.key)
        check_length("value", 500, tag.value)
    tags = {tag.key: tag.value for tag in item.tags}
    return events.Dataset(told.name, told.digest, told.source_type, told.source, told.schema, told.profile, tags)


def log_outputs(call: MlflowCall) -> None:
    """POST runs/outputs."""
    body: LogOutputs = call.body
    _say(call, body.run_id, [events.Linked(outputs=[(item.model_id, item.step) for item in body.models])])


def log_model(call: MlflowCall) -> None:
    """POST runs/log-model, of old clients: the models of a run are a list in a tag."""
    body: LogModel = call.body
    try:
        told: Any = msgspec.json.decode(body.model_json)
    except msgspec.DecodeError:
        raise InvalidInput(f"Malformed model info. \n {body.model_json[:200]} \n is not valid JSON.") from None
    needed = ("artifact_path", "flavors", "utc_time_created", "run_id")
    lacking = [name for name in needed if not isinstance(told, dict) or name not in told]
    if lacking:
        raise InvalidInput(f"Model json is missing mandatory fields: {lacking}")
    run = run_of(call, body.run_id)
    try:
        before = msgspec.json.decode(run.tags.get(_MODELS, "[]"), type=list[Any])
    except msgspec.DecodeError:  # anyone may set a tag
        before = []
    text = msgspec.json.encode([*before, told]).decode()
    _say(call, body.run_id, [events.Tags({_MODELS: text})])


_MODELS = "mlflow.log-model.history"


class LogModel(Arguments):
    """POST runs/log-model."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("run_id", "model_json")
    run_id: str = ""
    model_json: str = ""
