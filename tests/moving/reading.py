"""Everything that MLflow's own client reads of a store or server, in plain values that can be compared.

It runs with clients of MLflow 1.30 and newer: what an old one does not have is empty.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import ViewType


def everything(client: MlflowClient, scratch: Path, *, files: bool = True, registry: bool = True) -> dict[str, Any]:
    """Experiments by name, runs and logged models by id, registered models by name."""
    found: dict[str, Any] = {"experiments": {}, "runs": {}, "logged models": {}, "models": {}}
    names = {}
    for experiment in client.search_experiments(view_type=ViewType.ALL):
        names[experiment.experiment_id] = experiment.name
        found["experiments"][experiment.name] = {
            "tags": dict(experiment.tags),
            "stage": experiment.lifecycle_stage,
        }
        for run in client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL, max_results=50_000):
            found["runs"][run.info.run_id] = one_run(client, run, experiment.name, scratch if files else None)
        for model in getattr(client, "search_logged_models", lambda _: ())([experiment.experiment_id]):
            found["logged models"][model.model_id] = _logged_model(model, experiment.name)
    for model in client.search_registered_models() if registry else ():
        found["models"][model.name] = _model(client, model)
    return found


def one_run(client: MlflowClient, run: Any, experiment: str, scratch: Path | None) -> dict[str, Any]:
    """One run, with the whole history of its metrics and the hashes of its files."""
    info = run.info
    inputs, outputs = getattr(run, "inputs", None), getattr(run, "outputs", None)
    return {
        "experiment": experiment,
        "name": info.run_name,
        "status": info.status,
        "start": info.start_time,
        "end": info.end_time or None,
        "user": info.user_id or None,
        "stage": info.lifecycle_stage,
        "params": dict(run.data.params),
        "tags": dict(run.data.tags),
        "last": {item.key: [repr(item.value), item.timestamp, item.step] for item in run.data._metric_objs},
        "history": {key: _history(client, info.run_id, key) for key in run.data.metrics},
        "datasets": sorted(
            [item.dataset.name, item.dataset.digest, item.dataset.source_type, item.dataset.source,
             item.dataset.schema or "", item.dataset.profile or "", {tag.key: tag.value for tag in item.tags}]
            for item in getattr(inputs, "dataset_inputs", ())
        ),
        "inputs": sorted(item.model_id for item in getattr(inputs, "model_inputs", None) or ()),
        "outputs": sorted([item.model_id, item.step] for item in getattr(outputs, "model_outputs", None) or ()),
        "files": _files(client, info.run_id, scratch) if scratch is not None else None,
    }  # fmt: skip


def _history(client: MlflowClient, run: str, key: str) -> list[list[Any]]:
    points = {(item.step, item.timestamp, repr(item.value)) for item in client.get_metric_history(run, key)}
    return sorted(map(list, points))


def _files(client: MlflowClient, run: str, scratch: Path, folder: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for item in client.list_artifacts(run, folder or None):
        if item.is_dir:
            found |= _files(client, run, scratch, item.path)
        else:
            path = Path(client.download_artifacts(run, item.path, str(scratch)))
            found[item.path] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _logged_model(model: Any, experiment: str) -> dict[str, Any]:
    return {
        "experiment": experiment,
        "name": model.name,
        "type": model.model_type or None,
        "status": str(model.status),
        "run": model.source_run_id or None,
        "created": model.creation_timestamp,
        "params": dict(model.params),
        "tags": dict(model.tags),
        "metrics": sorted(
            [item.key, item.value, item.step, item.timestamp, item.run_id, item.dataset_name, item.dataset_digest]
            for item in model.metrics or ()
        ),
    }


def _model(client: MlflowClient, model: Any) -> dict[str, Any]:
    versions = {}
    aliases = getattr(client.get_registered_model(model.name), "aliases", {})
    for item in client.search_model_versions(f"name = '{model.name}'"):
        versions[str(item.version)] = {
            "run": item.run_id or None,
            "link": item.run_link or None,
            "stage": item.current_stage,
            "description": item.description or None,
            "tags": dict(item.tags),
            "created": item.creation_timestamp,
            "updated": item.last_updated_timestamp,
            "status": item.status,
        }
    return {
        "description": model.description or None,
        "tags": dict(model.tags),
        "aliases": {alias: int(version) for alias, version in aliases.items()},
        "created": model.creation_timestamp,
        "updated": model.last_updated_timestamp,
        "versions": versions,
    }


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two readings differ, a line each."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*map(str, one), *map(str, other)})
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{path}/{key}")]
    return [] if one == other else [f"{path}: {one!r:.200} is not {other!r:.200}"]
