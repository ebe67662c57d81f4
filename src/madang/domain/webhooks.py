"""Webhooks: what can happen, who is to hear of it, and what became of each delivery."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

from madang.domain.values import value
from madang.errors import InvalidInput

MLFLOW_EVENTS = (
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
    "budget_policy.exceeded",  # clients may ask for it; there is no gateway here that it could happen to
)
"""The events of MLflow 3.17 (`mlflow/entities/webhook.py`)."""

STAGE_MOVED, ALIAS_MOVED = "model_version_stage.moved", "model_version_alias.moved"
RUN_FINISHED, RUN_FAILED, RUN_ALERT = "run.finished", "run.failed", "run.alert"
OWN_EVENTS = (STAGE_MOVED, ALIAS_MOVED, RUN_FINISHED, RUN_FAILED, RUN_ALERT)
RUN_EVENTS = frozenset((RUN_FINISHED, RUN_FAILED, RUN_ALERT))
EVENTS = (*MLFLOW_EVENTS, *OWN_EVENTS)

MLFLOW, SLACK = "mlflow", "slack"
FORMATS = (MLFLOW, SLACK)
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"

_NAME = re.compile(r"(?=.{1,63}\Z)[a-z0-9]([a-z0-9._-]*[a-z0-9])?\Z", re.IGNORECASE | re.ASCII)
_LONGEST = 5000  # characters of a description


@value
class Webhook:
    """Who is to be told what. ``secret`` is sealed; ``project`` empty: things of all projects."""

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    created_at: int  # µs UTC
    updated_at: int = 0
    description: str = ""
    is_active: bool = True
    secret: bytes = b""
    project: str = ""
    format: str = MLFLOW
    actor: str = ""

    def hears(self, event: str, project: str, at: int = 0) -> bool:
        """Whether it is to be told of an event in a project; of runs only what has happened since it is there."""
        wanted = self.is_active and event in self.events and self.project in ("", project)
        return wanted and (event not in RUN_EVENTS or at >= self.created_at)


@value
class Happening:
    """Something that has happened; ``data`` are JSON values."""

    event: str
    project: str
    at: int  # µs UTC
    data: dict[str, Any] = field(default_factory=dict)


@value
class Delivery:
    """One message to one receiver, and what has become of it."""

    id: str
    webhook: str
    event: str
    at: int  # µs UTC: when it was decided on
    body: bytes = b""
    state: str = PENDING
    attempts: int = 0
    next_at: int = 0  # µs UTC: when it is tried again
    status: int = 0  # of the last answer
    said: str = ""  # the beginning of the last answer, or why there was none
    ended_at: int = 0
    owner: str = ""  # who tries it now


@value
class Tested:
    """What an example has met at a receiver. Without a status there was no answer, and ``error`` says why."""

    status: int = 0
    body: str = ""
    error: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the receiver took it."""
        return 0 < self.status < 400


def moment(at: int) -> str:
    """µs UTC in ISO 8601, as Python writes it; empty for 0."""
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat() if at else ""


def check_name(name: str) -> str:
    """A name that MLflow would take. Raises `InvalidInput`."""
    if not _NAME.match(name):
        raise InvalidInput(
            f"Webhook name {name[:200]!r} is invalid. It must start and end with a letter or digit, be less than 63 "
            "characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
        )
    return name


def check_events(events: Sequence[str]) -> tuple[str, ...]:
    """Events that can be asked for, each once, in their order. Raises `InvalidInput`."""
    if not events:
        raise InvalidInput("Webhook events must be a non-empty list of WebhookEvent objects: [].")
    for event in events:
        if event in EVENTS:
            continue
        entity, _, action = event.partition(".")
        actions = sorted(known.partition(".")[2] for known in EVENTS if known.partition(".")[0] == entity)
        if actions:
            raise InvalidInput(f"Invalid action {action!r:.80} for entity {entity!r}. Valid actions are: {actions}")
        known = ", ".join(EVENTS)
        raise InvalidInput(f"Invalid entity or action in event string: {event[:80]}.", hint=f"Events: {known}.")
    return tuple(dict.fromkeys(events))


def check_description(text: str) -> str:
    """A description that is not too long. Raises `InvalidInput`."""
    if len(text) > _LONGEST:
        raise InvalidInput(f"'description' exceeds the maximum length of {_LONGEST} characters")
    return text


def check_format(text: str) -> str:
    """A format of messages. Raises `InvalidInput`."""
    if text not in FORMATS:
        raise InvalidInput(f"{text[:40]!r} is no format of messages.", hint=f"Formats: {', '.join(FORMATS)}.")
    return text


EXAMPLES: Mapping[str, dict[str, Any]] = {
    "registered_model.created": {
        "name": "example_model",
        "tags": {"example_key": "example_value"},
        "description": "An example registered model",
    },
    "model_version.created": {
        "name": "example_model",
        "version": "1",
        "source": "models:/123",
        "run_id": "abcd1234abcd5678",
        "tags": {"example_key": "example_value"},
        "description": "An example model version",
    },
    "prompt.created": {
        "name": "example_prompt",
        "tags": {"example_key": "example_value"},
        "description": "An example prompt",
    },
    "prompt_version.created": {
        "name": "example_prompt",
        "version": "1",
        "template": "Hello {{name}}!",
        "tags": {"example_key": "example_value"},
        "description": "An example prompt version",
    },
    "prompt_tag.set": {"name": "example_prompt", "key": "example_key", "value": "example_value"},
    "prompt_tag.deleted": {"name": "example_prompt", "key": "example_key"},
    "budget_policy.exceeded": {
        "budget_policy_id": "bp-abc123",
        "budget_unit": "USD",
        "budget_amount": 100.0,
        "current_spend": 105.5,
        "duration_unit": "MONTHS",
        "duration_value": 1,
        "target_scope": "ENDPOINT",
        "workspace": "default",
        "target_value": "ep-abc123",
        "window_start": 1704067200000,
    },
    STAGE_MOVED: {
        "project": "example", "name": "example_model", "version": "2", "from": "staging", "to": "production",
        "by": "ann", "why": "An example of a move",
    },
    ALIAS_MOVED: {
        "project": "example", "name": "example_model", "alias": "champion", "from": "1", "to": "2",
        "by": "ann", "why": "An example of a move",
    },
    RUN_FINISHED: {
        "project": "example", "run": "0123456789abcdef0123456789abcdef", "name": "example run", "status": "finished",
        "user": "ann", "started_at": "2026-01-02T03:04:05+00:00", "ended_at": "2026-01-02T04:05:06+00:00",
    },
    RUN_ALERT: {
        "project": "example", "run": "0123456789abcdef0123456789abcdef", "name": "example run", "user": "ann",
        "title": "An example alert", "text": "The loss is not a number.", "level": "warn",
    },
}  # fmt: skip


def example_of(event: str) -> dict[str, Any]:
    """The data of an example, for MLflow's events as its server sends it."""
    if event in EXAMPLES:
        return dict(EXAMPLES[event])
    if event == RUN_FAILED:
        return {**EXAMPLES[RUN_FINISHED], "status": "failed", "error": "ValueError: an example"}
    entity, _, action = event.partition(".")
    noun = "prompt" if entity.startswith("prompt") else "model"
    if entity.endswith("_alias"):
        data = {"name": f"example_{noun}", "alias": "example_alias"}
        return data | {"version": "1"} if action == "created" else data
    data = {"name": f"example_{noun}", "version": "1", "key": "example_key"}
    return data | {"value": "example_value"} if action == "set" else data
