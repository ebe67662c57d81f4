"""Messages of webhooks: MLflow's JSON and signature, and lines for Slack.

Source: `mlflow/webhooks/delivery.py` of MLflow 3.17; https://www.standardwebhooks.com for the signature.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from madang.domain.webhooks import ALIAS_MOVED, RUN_ALERT, SLACK, STAGE_MOVED, Delivery, Happening, Webhook, moment

ID, TIMESTAMP, SIGNATURE = "X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature"
_SHOWN = 300  # characters of a text in a line for Slack


class WebhookBody(Struct):
    """A webhook as the native API writes it. That there is a secret is said; the secret never is."""

    id: str
    name: str
    url: str
    events: list[str]
    status: str
    description: str
    project: str
    format: str
    signed: bool
    created_at: int
    updated_at: int
    created_by: str


class WebhooksBody(Struct):
    """Webhooks, newest first."""

    webhooks: list[WebhookBody]


class DeliveryBody(Struct):
    """A delivery without its message."""

    id: str
    event: str
    at: int
    state: str
    attempts: int
    next_at: int
    status: int
    said: str
    ended_at: int


class DeliveriesBody(Struct):
    """Deliveries, newest first."""

    deliveries: list[DeliveryBody]


class TestedBody(Struct):
    """What an example has met at a receiver."""

    success: bool
    status: int
    body: str
    error: str


def body_of(webhook: Webhook) -> WebhookBody:
    """A webhook as the native API writes it."""
    return WebhookBody(
        webhook.id,
        webhook.name,
        webhook.url,
        list(webhook.events),
        "active" if webhook.is_active else "disabled",
        webhook.description,
        webhook.project,
        webhook.format,
        bool(webhook.secret),
        webhook.created_at,
        webhook.updated_at or webhook.created_at,
        webhook.actor,
    )


def delivery_body(item: Delivery) -> DeliveryBody:
    """A delivery as the native API writes it."""
    return DeliveryBody(
        item.id, item.event, item.at, item.state, item.attempts, item.next_at, item.status, item.said, item.ended_at
    )


def message(format: str, happening: Happening) -> bytes:
    """What is sent of a happening."""
    if format == SLACK:
        return json.dumps({"text": line_of(happening)}).encode()
    entity, _, action = happening.event.partition(".")
    body = {"entity": entity, "action": action, "timestamp": moment(happening.at), "data": happening.data}
    return json.dumps(body).encode()


def headers(delivery_id: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """The headers of an attempt at a time (s UTC); signed where there is a secret."""
    made = {"Content-Type": "application/json", ID: delivery_id, TIMESTAMP: str(timestamp)}
    if secret:
        made[SIGNATURE] = signature(secret, delivery_id, timestamp, body)
    return made


def signature(secret: str, delivery_id: str, timestamp: int, body: bytes) -> str:
    """``v1,`` and the HMAC-SHA256 of ``ID.TIMESTAMP.BODY`` in base64."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def line_of(happening: Happening) -> str:
    """A happening in one line, with `&`, `<` and `>` as Slack wants them."""
    data = {key: _shown(text) for key, text in happening.data.items()}
    name = data.get("name", "")
    if "version" in data:
        name += f" v{data['version']}"
    where = f" ({data['project']})" if "project" in data else ""
    match happening.event:
        case event if event == STAGE_MOVED:
            return f"{name}{where}: {data['from']} → {data['to']}{_why(data)}"
        case event if event == ALIAS_MOVED:
            return f"{name}{where}: {data['alias']} v{data['from'] or '–'} → v{data['to'] or '–'}{_why(data)}"
        case event if event == RUN_ALERT:
            return f"{data['title']}: {data['text']} — run {name or data['run']}{where}"
        case event if event.startswith("run."):
            error = f": {data['error']}" if data.get("error") else ""
            return f"Run {name or data['run']}{where} {data['status']}{error}"
    more = [f"{key} {data[key]}" for key in ("alias", "key", "value", "description") if data.get(key)]
    what = happening.event.replace("_", " ").replace(".", " ")
    return f"{what}: {', '.join([name, *more])}"


def _why(data: Mapping[str, str]) -> str:
    return f", by {data['by']}" + (f": {data['why']}" if data.get("why") else "")


def _shown(text: Any) -> str:
    plain = "" if text is None else " ".join(str(text).split())[:_SHOWN]
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
