"""Scorers: what judges the answers of language models, as text that the client makes and reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from msgspec import field

from madang.domain.projects import RegisteredProject
from madang.edges.mlflow import shapes
from madang.edges.mlflow.arguments import Arguments
from madang.edges.mlflow.finding import project_of
from madang.edges.mlflow.services import MlflowCall
from madang.errors import InvalidInput, NotFound
from madang.services.scorers import Scorer

_CODE = "call_source"  # of a scorer that is Python code
_GATEWAY = "gateway:/"
_JUDGE = "instructions_judge_pydantic_data"


class NewScorer(Arguments):
    """POST scorers/register."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("experiment_id", "name", "serialized_scorer")
    experiment_id: str = ""
    name: str = ""
    serialized_scorer: str = ""


class ScorerName(Arguments):
    """GET scorers/versions and get, DELETE scorers/delete."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("experiment_id", "name")
    experiment_id: str = ""
    name: str = ""
    version: int | None = None


class ScorerIds(Arguments):
    """GET scorers/online-configs."""

    scorer_ids: list[str] = field(default_factory=list)


class ScorerList(Arguments):
    """GET scorers/list."""

    experiment_id: str = ""
    experiment_ids: list[str] = field(default_factory=list)


def _home(call: MlflowCall, experiment_id: str) -> RegisteredProject:
    project = project_of(call, experiment_id)
    if project.deleted_at:
        raise InvalidInput(f"The experiment {experiment_id} must be in the 'active' state. Current state is deleted.")
    return project


def _body(project: RegisteredProject, scorer: Scorer) -> dict[str, Any]:
    return {
        "experiment_id": project.number,
        "scorer_name": scorer.name,
        "scorer_version": scorer.version,
        "serialized_scorer": scorer.text,
        "creation_time": shapes.millis(scorer.created_at),
        "scorer_id": scorer.id,
    }


def _has_code(found: Any) -> bool:
    if isinstance(found, dict):
        return bool(found.get(_CODE)) or any(map(_has_code, found.values()))
    return isinstance(found, list) and any(map(_has_code, found))


def _uses_gateway(found: Any) -> bool:
    if isinstance(found, dict):
        return str(found.get("model")).startswith(_GATEWAY) or any(map(_uses_gateway, found.values()))
    return isinstance(found, list) and any(map(_uses_gateway, found))


def _has_blank_model(found: Any) -> bool:
    judge = found.get(_JUDGE) if isinstance(found, dict) else None
    model = judge.get("model") if isinstance(judge, dict) else None
    return isinstance(model, str) and not model.strip()


def _checked(text: str) -> str:
    """A scorer as MLflow's server takes it: JSON without code that a reader would have to run."""
    try:
        found = json.loads(text)
        if _has_code(found):
            raise InvalidInput(
                "Custom scorer registration (using @scorer decorator) is disabled by default outside of Databricks "
                "tracking environments due to security concerns. Keep such a scorer in the code of its project."
            )
    except (ValueError, RecursionError):
        raise InvalidInput("serialized_scorer must be valid JSON") from None
    if _has_blank_model(found):
        raise InvalidInput("Scorer model cannot be empty or contain only whitespace.")
    if _uses_gateway(found):
        raise NotFound("The scorer's model is an endpoint of a gateway, and this server has none.")
    return text


@contextmanager
def _told(body: ScorerName) -> Iterator[None]:
    """What is not there is told in MLflow's words."""
    try:
        yield
    except NotFound:
        version = f" and version {body.version}" if body.version is not None else ""
        raise NotFound(
            f"Scorer with name '{body.name[:200]}'{version} not found for experiment {body.experiment_id}."
        ) from None


def register(call: MlflowCall) -> Any:
    """POST scorers/register."""
    body: NewScorer = call.body
    if not body.name.strip():
        raise InvalidInput("Scorer name cannot be empty or contain only whitespace.")
    project = _home(call, body.experiment_id)
    made = call.services.scorers.register(call.who, project.name, body.name, _checked(body.serialized_scorer))
    told = _body(project, made)
    own = {"version": made.version, "name": made.name, "experiment_id": str(project.number)}  # a text only here
    return own | {key: told[key] for key in ("scorer_id", "serialized_scorer", "creation_time")}


def listing(call: MlflowCall) -> Any:
    """GET scorers/list: the newest version of each."""
    body: ScorerList = call.body
    if body.experiment_id and body.experiment_ids:
        raise InvalidInput("Cannot specify both 'experiment_id' and 'experiment_ids'.")
    if body.experiment_id:
        projects = [_home(call, body.experiment_id)]
    elif body.experiment_ids:
        projects = [_home(call, text) for text in dict.fromkeys(body.experiment_ids)]
    else:
        projects = [one for one in call.services.projects.all(call.who) if not one.deleted_at]
    found = [
        _body(project, item) for project in projects for item in call.services.scorers.latest(call.who, project.name)
    ]
    return {"scorers": found} if found else {}


def versions(call: MlflowCall) -> Any:
    """GET scorers/versions."""
    body: ScorerName = call.body
    project = _home(call, body.experiment_id)
    with _told(body):
        found = call.services.scorers.versions(call.who, project.name, body.name)
    return {"scorers": [_body(project, item) for item in found]}


def get(call: MlflowCall) -> Any:
    """GET scorers/get."""
    body: ScorerName = call.body
    project = _home(call, body.experiment_id)
    with _told(body):
        found = call.services.scorers.get(call.who, project.name, body.name, body.version)
    return {"scorer": _body(project, found)}


def delete(call: MlflowCall) -> None:
    """DELETE scorers/delete: one version, or all."""
    body: ScorerName = call.body
    project = _home(call, body.experiment_id)
    with _told(body):
        call.services.scorers.delete(call.who, project.name, body.name, body.version)


def online_configs(call: MlflowCall) -> Any:
    """GET scorers/online-configs: no scorer here runs by itself."""
    return {"configs": []}


def set_online_config(call: MlflowCall) -> None:
    """PUT scorers/online-config: only what uses a gateway could run by itself, and that is not registered here."""
    body: ScorerName = call.body
    get(call)
    raise InvalidInput(f"Scorer '{body.name[:200]}' does not use a gateway model, and this server has no gateway.")
