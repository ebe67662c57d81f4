"""MLflow's webhooks. Those that hear of nothing that MLflow knows are not shown to its clients: these refuse them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

from msgspec import UNSET, Struct, UnsetType, field

from madang.domain.webhooks import MLFLOW_EVENTS, Webhook
from madang.edges.mlflow import shapes
from madang.edges.mlflow.arguments import Arguments
from madang.edges.mlflow.features import not_offered
from madang.edges.mlflow.paging import page, page_body
from madang.edges.mlflow.services import MlflowCall
from madang.errors import InvalidInput, NotFound
from madang.services.webhooks import Webhooks

_STATUSES = {"ACTIVE": True, "DISABLED": False, "1": True, "2": False}
_MOST = 1000


class Event(Struct):
    """What to hear of, by the names of MLflow's enumerations."""

    entity: str = ""
    action: str = ""


class NewWebhook(Arguments):
    """POST webhooks."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("name", "url", "events")
    name: str = ""
    url: str = ""
    events: list[Event] | None = None
    description: str = ""
    secret: str = ""
    status: str = ""


class ChangedWebhook(Arguments):
    """PATCH webhooks/ID: a text that is empty changes nothing, but for the description and the secret."""

    name: str = ""
    url: str = ""
    events: list[Event] = field(default_factory=list)
    description: str | UnsetType = UNSET
    secret: str | UnsetType = UNSET
    status: str = ""


class WebhookPage(Arguments):
    """GET webhooks."""

    max_results: int | None = None
    page_token: str = ""


class Trial(Arguments):
    """POST webhooks/ID/test."""

    event: Event | None = None


def _on_hub(handler: Callable[[MlflowCall, Webhooks], Any]) -> Callable[[MlflowCall], Any]:
    """A handler that also says that a workspace has no webhooks."""

    @wraps(handler)
    def ask(call: MlflowCall) -> Any:
        webhooks = call.services.webhooks
        return not_offered(call) if webhooks is None else handler(call, webhooks)

    return ask


def _shown(webhook: Webhook) -> list[str]:
    return [event for event in webhook.events if event in MLFLOW_EVENTS]


def _body(webhook: Webhook) -> dict[str, Any]:
    made = {
        "webhook_id": webhook.id,
        "name": webhook.name,
        "description": webhook.description,
        "url": webhook.url,
        "events": [dict(zip(("entity", "action"), event.upper().split("."), strict=True)) for event in _shown(webhook)],
        "status": "ACTIVE" if webhook.is_active else "DISABLED",
        "creation_timestamp": shapes.millis(webhook.created_at),
        "last_updated_timestamp": shapes.millis(webhook.updated_at),
    }
    return {key: value for key, value in made.items() if value != ""}


def _event(event: Event) -> str:
    name = f"{event.entity}.{event.action}".lower()
    if name not in MLFLOW_EVENTS and f"{event.entity.lower()}." not in "".join(MLFLOW_EVENTS):
        raise InvalidInput(f"Invalid entity or action in event string: {name[:80]}.")
    return name


def _status(text: str) -> bool:
    if text not in _STATUSES:
        raise InvalidInput(f"Invalid value \"{text[:40]}\" for parameter 'status' supplied.")
    return _STATUSES[text]


def _get(call: MlflowCall, webhooks: Webhooks) -> Webhook:
    found = webhooks.get(call.who, call.path["id"])
    if not _shown(found):
        raise NotFound(f"Webhook with ID {call.path['id'][:200]} not found.")
    return found


@_on_hub
def create(call: MlflowCall, webhooks: Webhooks) -> Any:
    """POST webhooks."""
    body: NewWebhook = call.body
    wanted: dict[str, Any] = {
        "name": body.name, "url": body.url, "events": [_event(one) for one in body.events or ()],
        "description": body.description, "secret": body.secret,
    }  # fmt: skip
    if body.status:
        wanted["is_active"] = _status(body.status)
    return {"webhook": _body(webhooks.create(call.who, wanted))}


@_on_hub
def listing(call: MlflowCall, webhooks: Webhooks) -> Any:
    """GET webhooks."""
    limit = call.body.max_results or 100
    if not 1 <= limit <= _MOST:
        raise InvalidInput("max_results must be between 1 and 1000.")
    found = [one for one in webhooks.all(call.who) if _shown(one)]
    part, token = page(found, limit, call.body.page_token)
    return page_body("webhooks", [_body(one) for one in part], token)


@_on_hub
def get(call: MlflowCall, webhooks: Webhooks) -> Any:
    """GET webhooks/ID."""
    return {"webhook": _body(_get(call, webhooks))}


@_on_hub
def update(call: MlflowCall, webhooks: Webhooks) -> Any:
    """PATCH webhooks/ID. What it hears of beside MLflow's events stays."""
    body: ChangedWebhook = call.body
    found = _get(call, webhooks)
    wanted: dict[str, Any] = {key: text for key, text in (("name", body.name), ("url", body.url)) if text}
    if body.events:
        own = [event for event in found.events if event not in MLFLOW_EVENTS]
        wanted["events"] = [*(_event(one) for one in body.events), *own]
    if body.description is not UNSET:
        wanted["description"] = body.description
    if body.secret is not UNSET:
        wanted["secret"] = body.secret
    if body.status:
        wanted["is_active"] = _status(body.status)
    return {"webhook": _body(webhooks.change(call.who, found.id, wanted))}


@_on_hub
def delete(call: MlflowCall, webhooks: Webhooks) -> Any:
    """DELETE webhooks/ID."""
    webhooks.remove(call.who, _get(call, webhooks).id)
    return {}


@_on_hub
def test(call: MlflowCall, webhooks: Webhooks) -> Any:
    """POST webhooks/ID/test."""
    body: Trial = call.body
    found = _get(call, webhooks)
    tried = webhooks.test(call.who, found.id, _event(body.event) if body.event else _shown(found)[0])
    made: dict[str, Any] = {"success": tried.is_success}
    if tried.status:
        made |= {"response_status": tried.status, "response_body": tried.body}
    else:
        made["error_message"] = tried.error
    return {"result": made}
