"""Webhooks, with events of runs and pointers beside those that clients of MLflow know."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from madang.domain.webhooks import EVENTS
from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput
from madang.formats import webhooks as wire
from madang.http.routes import ADMIN, Param, Route
from madang.services.webhooks import MOST_SHOWN, Webhooks

_STATUSES = {"active": True, "disabled": False}


class NewWebhook(Struct, forbid_unknown_fields=True):
    """Who is to be told; of everything where no events are named, of all projects where no project is."""

    name: str
    url: str
    events: list[str] = []
    description: str = ""
    secret: str = ""
    project: str = ""
    format: str = "mlflow"


class WebhookChange(Struct, forbid_unknown_fields=True):
    """What is to change of a webhook."""

    name: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    events: list[str] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    secret: str | UnsetType = UNSET
    format: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class Trial(Struct, forbid_unknown_fields=True):
    """Which example to send; the first event's when left out."""

    event: str = ""


def _webhooks(call: NativeCall) -> Webhooks:
    if call.services.webhooks is None:
        raise InvalidInput("A workspace has no webhooks.", hint="Make them on the hub that its runs are sent to.")
    return call.services.webhooks


def webhooks(call: NativeCall) -> Any:
    """GET /webhooks."""
    return wire.WebhooksBody([wire.body_of(one) for one in _webhooks(call).all(call.who)])


def create(call: NativeCall) -> Any:
    """POST /webhooks."""
    body: NewWebhook = call.body
    wanted = {name: getattr(body, name) for name in NewWebhook.__struct_fields__}
    return wire.body_of(_webhooks(call).create(call.who, {**wanted, "events": body.events or list(EVENTS)}))


def webhook(call: NativeCall) -> Any:
    """GET /webhooks/{id}."""
    return wire.body_of(_webhooks(call).get(call.who, call.path["id"]))


def change(call: NativeCall) -> Any:
    """PATCH /webhooks/{id}."""
    given = {name: getattr(call.body, name) for name in WebhookChange.__struct_fields__}
    wanted = {name: value for name, value in given.items() if value is not UNSET}
    status = wanted.pop("status", None)
    if status is not None:
        if status not in _STATUSES:
            raise InvalidInput(f"{status[:40]!r} is no status of a webhook.", hint="It is active or disabled.")
        wanted["is_active"] = _STATUSES[status]
    return wire.body_of(_webhooks(call).change(call.who, call.path["id"], wanted))


def remove(call: NativeCall) -> Any:
    """DELETE /webhooks/{id}."""
    _webhooks(call).remove(call.who, call.path["id"])
    return {}


def test(call: NativeCall) -> Any:
    """POST /webhooks/{id}/test."""
    tried = _webhooks(call).test(call.who, call.path["id"], call.body.event)
    return wire.TestedBody(tried.is_success, tried.status, tried.body, tried.error)


def deliveries(call: NativeCall) -> Any:
    """GET /webhooks/{id}/deliveries."""
    found = _webhooks(call).deliveries(call.who, call.path["id"], call.integer("limit", 100, 1, MOST_SHOWN))
    return wire.DeliveriesBody([wire.delivery_body(item) for item in found])


def routes() -> list[Route]:
    """The routes of webhooks."""
    one = "/webhooks/{id}"
    limit = Param("limit", "integer", help=f"Up to {MOST_SHOWN}.")
    return [
        Route("GET", "/webhooks", webhooks, ADMIN, "Webhooks", answer=wire.WebhooksBody),
        Route(
            "POST", "/webhooks", create, ADMIN, "Make a webhook", body=NewWebhook, answer=wire.WebhookBody, status=201,
        ),
        Route("GET", one, webhook, ADMIN, "A webhook", answer=wire.WebhookBody),
        Route("PATCH", one, change, ADMIN, "Change a webhook", body=WebhookChange, answer=wire.WebhookBody),
        Route("DELETE", one, remove, ADMIN, "Take a webhook away", answer={}),
        Route("POST", one + "/test", test, ADMIN, "Send it an example", body=Trial, answer=wire.TestedBody),
        Route(
            "GET", one + "/deliveries", deliveries, ADMIN, "What became of its messages", answer=wire.DeliveriesBody,
            query=(limit,),
        ),
    ]  # fmt: skip
