"""Experiments and runs by the ids that a client gives, with MLflow's words for those that are not there."""

from __future__ import annotations

from madang.domain.ids import is_id
from madang.domain.projects import RegisteredProject
from madang.domain.runs import RunRecord
from madang.edges.mlflow.services import MlflowCall
from madang.errors import InvalidInput, NotFound


def experiment_number(text: str) -> int:
    """The number in an experiment's id; an empty id is that of the default experiment."""
    try:
        number = int(text or "0")
        if abs(number) < 1 << 63:
            return number
        raise ValueError
    except ValueError:
        raise InvalidInput(f"Invalid experiment ID '{text[:100]}'. Experiment ID must be a valid integer.") from None


def project_of(call: MlflowCall, experiment_id: str) -> RegisteredProject:
    """The project that an experiment's id means."""
    number = experiment_number(experiment_id)
    try:
        return call.services.projects.get(call.who, number)
    except NotFound:
        raise NotFound(f"No Experiment with id={number} exists") from None


def target_of(call: MlflowCall, experiment_id: str) -> RegisteredProject:
    """The project in which something is begun that was asked for in an experiment."""
    launched = call.services.launched
    if launched is not None and experiment_number(experiment_id) in launched.homes:
        return call.services.projects.named([launched.project])[launched.project]
    return project_of(call, experiment_id)


def searched(call: MlflowCall, experiment_ids: list[str]) -> dict[str, RegisteredProject]:
    """The projects, by name, that a search in these experiments looks at."""
    wanted = {experiment_number(text) for text in experiment_ids}
    launched = call.services.launched
    if launched is not None:
        wanted = launched.looked_at(wanted, call.services.projects.named([launched.project])[launched.project].number)
    return call.services.projects.some(call.who, wanted)


def no_run(run_id: str) -> NotFound:
    """The error for a run that is not there."""
    return NotFound(f"Run with id={run_id[:100]} not found")


def run_of(call: MlflowCall, run_id: str) -> RunRecord:
    """The run with an id, deleted or not."""
    if not is_id(run_id):
        raise no_run(run_id)
    try:
        return call.services.search.run(call.who, run_id)
    except NotFound:
        raise no_run(run_id) from None


def require_active_run(run: RunRecord) -> None:
    """Refuse to change a deleted run."""
    if run.deleted_at:
        raise InvalidInput(f"The run {run.id} must be in the 'active' state. Current state is deleted.")


def home_of(call: MlflowCall, run: RunRecord) -> RegisteredProject:
    """The project that a run is in."""
    return call.services.projects.named([run.project])[run.project]
