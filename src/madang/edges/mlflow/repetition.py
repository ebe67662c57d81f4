"""The registry as the command of a repetition (`madang reproduce`) finds it: what it would add is compared instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from madang.domain import events
from madang.domain.files import FileRef
from madang.edges.mlflow import model_versions, registered_models
from madang.edges.mlflow.registered_models import row_of, version_body
from madang.edges.mlflow.runs import state
from madang.edges.mlflow.services import MlflowCall
from madang.edges.mlflow.sources import source_of


def _compared(call: MlflowCall) -> Any:
    """POST model-versions/create: the files are outputs of the run; the answer is the newest version there is."""
    body: model_versions.NewVersion = call.body
    launched = call.services.launched
    row = row_of(call, body.name)
    found = call.services.models.versions(call.who, row)
    if launched is None or not found:
        return model_versions.create(call)
    files = source_of(call, body.source, body.run_id, body.model_id).entries
    items = [FileRef(f"{row.name}/{file.path}", file.digest, file.size) for file in files]
    state(call, launched.run, [events.Outputs(items)])
    return {"model_version": version_body(row, found[0])}


def _unchanged(call: MlflowCall) -> None:
    """A pointer, tag or version stays as it is."""


INSTEAD: dict[Callable[..., Any], Callable[..., Any]] = {
    model_versions.create: _compared,
    model_versions.update: model_versions.get,
    model_versions.transition: model_versions.get,
    registered_models.update: registered_models.get,
    registered_models.rename: registered_models.get,
    **dict.fromkeys(
        (
            model_versions.delete,
            model_versions.set_tag,
            model_versions.delete_tag,
            registered_models.delete,
            registered_models.set_tag,
            registered_models.delete_tag,
            registered_models.set_alias,
            registered_models.delete_alias,
        ),
        _unchanged,
    ),
}
"""What stands in a repetition for a handler that changes the registry: nobody's pointers may move."""
