"""Projects and runs as MLflow's JSON has them. Times are milliseconds since 1970 UTC."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from madang.domain.metrics import MetricSummary
from madang.domain.parameters import parameter_text
from madang.domain.projects import RegisteredProject
from madang.domain.runs import RunRecord
from madang.formats.mlflow import words
from madang.formats.mlflow.runs import tags_of

NAME, PARENT, NOTE, USER, CONTEXT = words.NAME, words.PARENT, words.NOTE, words.USER, words.CONTEXT
_STATUSES = {"crashed": "FAILED"}  # MLflow has no word for it
_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*:[^?#]*)([?#].*)", re.DOTALL)


def millis(micros: int) -> int:
    """A time as MLflow has it."""
    return micros // 1000


def pairs(items: Mapping[str, str]) -> list[dict[str, str]]:
    """A mapping as a list of keys and values."""
    return [{"key": key, "value": text} for key, text in items.items()]


def number(value: float) -> float | str:
    """A number as JSON may hold it."""
    if math.isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def lifecycle(deleted_at: int) -> str:
    """MLflow's word for deleted or not."""
    return "deleted" if deleted_at else "active"


def location(project: RegisteredProject) -> str:
    """Where the files of a project's runs are, as the client is told."""
    return project.location or f"mlflow-artifacts:/{project.number}"


def experiment(project: RegisteredProject) -> dict[str, Any]:
    """A project as an experiment."""
    made = {
        "experiment_id": str(project.number),
        "name": project.title,
        "artifact_location": location(project),
        "lifecycle_stage": lifecycle(project.deleted_at),
        "last_update_time": millis(project.updated_at),
        "creation_time": millis(project.created_at),
    }
    return {**made, "tags": pairs(project.tags)} if project.tags else made


def place_below(place: str, path: str) -> str:
    """An address with a path added to its own, before its query; what has no scheme is a path to its end."""
    found = _QUERY.match(place)
    head, query = found.groups() if found else (place, "")
    return f"{head.rstrip('/')}/{path}{query}"


def artifact_uri(run: RunRecord, project: RegisteredProject) -> str:
    """Where the files of a run are, as the client is told."""
    return uri_of(run.id, project)


def uri_of(run_id: str, project: RegisteredProject) -> str:
    """Where the files of a run with an id would be."""
    return place_below(location(project), f"{run_id}/artifacts")


def run_info(run: RunRecord, project: RegisteredProject) -> dict[str, Any]:
    """What MLflow knows of a run beside its data."""
    made = {
        "run_uuid": run.id,
        "experiment_id": str(project.number),
        "run_name": run.name,
        "user_id": run.user,
        "status": _STATUSES.get(run.status, run.status.upper()),
        "start_time": millis(run.created_at),
        "artifact_uri": artifact_uri(run, project),
        "lifecycle_stage": lifecycle(run.deleted_at),
        "run_id": run.id,
    }
    if run.ended_at:
        made["end_time"] = millis(run.ended_at)
    return made


def metric(key: str, item: MetricSummary) -> dict[str, Any] | None:
    """The last value of a metric; None for what is no number."""
    value = item.last
    if not isinstance(value, int | float):
        return None
    try:
        plain = number(float(value))
    except OverflowError:
        plain = "Infinity" if value > 0 else "-Infinity"
    return {"key": key, "value": plain, "timestamp": millis(item.last_at[1]), "step": item.last_at[0]}


def run_data(run: RunRecord) -> dict[str, Any]:
    """Last metrics, parameters and tags; what is empty is left out."""
    found = {
        "metrics": [made for key, item in run.metrics.items() if (made := metric(key, item)) is not None],
        "params": [{"key": key, "value": parameter_text(value)} for key, value in run.config.items()],
        "tags": pairs(tags_of(run)),
    }
    return {name: items for name, items in found.items() if items}


def run_inputs(run: RunRecord) -> dict[str, Any]:
    """Data sets and models that a run read."""
    data = []
    for item in run.datasets:
        told = {"name": item.name, "digest": item.digest, "source_type": item.source_type, "source": item.source}
        more = {"schema": item.schema, "profile": item.profile}
        entry: dict[str, Any] = {"dataset": told | {name: text for name, text in more.items() if text}}
        data.append({"tags": pairs(item.tags), **entry} if item.tags else entry)
    found = {"dataset_inputs": data, "model_inputs": [{"model_id": model} for model in run.linked_inputs]}
    return {name: items for name, items in found.items() if items}


def run_body(run: RunRecord, project: RegisteredProject) -> dict[str, Any]:
    """A whole run."""
    outputs = [{"model_id": model, "step": step} for model, step in run.linked_outputs.items()]
    return {
        "info": run_info(run, project),
        "data": run_data(run),
        "inputs": run_inputs(run),
        "outputs": {"model_outputs": outputs} if outputs else {},
    }


def row_encoder(projects: Mapping[str, RegisteredProject]) -> Callable[[RunRecord], bytes]:
    """What encodes runs of these projects (by name) for a list."""
    return lambda run: msgspec.json.encode(run_body(run, projects[run.project]))
