"""Webhooks and their outbox (`ports.webhooks`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import msgspec

from madang.backends.records.database import Database, Row
from madang.domain.ids import new_uuid
from madang.domain.webhooks import Delivery, Happening, Webhook
from madang.formats.learning import learnt
from madang.formats.webhooks import message

_LASTING = 1.0  # seconds for which it is believed who listens: other processes may have changed it
_OFF = "the webhook was turned off before"


class SqlWebhooks:
    """`ports.webhooks.WebhookRecords`. Where nobody listens that costs a look at the clock."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._active: tuple[Webhook, ...] = ()
        self._until = 0.0
        self._changes = 0
        self._announced: Callable[[], None] = _nothing

    def active(self, *, surely: bool = False) -> Sequence[Webhook]:
        """Those that are to be told things."""
        now = time.monotonic()
        if surely or now >= self._until:
            changes = self._changes
            found = tuple(one for one in self.all() if one.is_active)
            if changes != self._changes:  # somebody has changed one while they were read
                return found
            self._active, self._until = found, now + _LASTING
        return self._active

    def _look_again(self) -> None:
        self._changes += 1
        self._until = 0.0

    def all(self) -> list[Webhook]:
        """All of them, newest first."""
        return [_read(row) for row in self._db.rows("webhooks")]

    def get(self, id: str) -> Webhook | None:
        """One of them."""
        row = self._db.row("get_webhook", id=id)
        return _read(row) if row else None

    def put(self, webhook: Webhook) -> None:
        """Keep a webhook."""
        with self._db.transaction():
            self._db.run("put_webhook", id=webhook.id, body=msgspec.msgpack.encode(asdict(webhook)))
            if not webhook.is_active:
                self._db.run("fail_deliveries", webhook=webhook.id, said=_OFF, now=webhook.updated_at)
            self._db.after_commit(self._look_again)
            self._db.after_commit(self._announced)

    def drop(self, id: str) -> None:
        """Forget a webhook."""
        with self._db.transaction():
            self._db.run("drop_webhook", id=id)
            self._db.run("drop_deliveries", webhook=id)
            self._db.after_commit(self._look_again)

    def announce(self, happening: Happening) -> None:
        """Put messages into the outbox."""
        heard = [one for one in self.active() if one.hears(happening.event, happening.project, happening.at)]
        now = time.time_ns() // 1000
        for webhook in heard:
            body = message(webhook.format, happening)
            self._db.run("add_delivery", id=new_uuid(), webhook=webhook.id, event=happening.event, at=now, body=body)
        if heard:
            self._db.after_commit(self._announced)

    def when_announced(self, action: Callable[[], None]) -> None:
        """Have something done when the outbox has something."""
        self._announced = action

    def due(self, now: int) -> tuple[list[str], int | None]:
        """What is due, and when the next is."""
        row = self._db.row("next_delivery")
        if row is None or row[0] is None:
            return [], None
        found = [str(item[0]) for item in self._db.rows("due_webhooks", now=now)] if row[0] <= now else []
        return found, int(row[0])

    def claim(self, webhook: str, now: int, until: int, owner: str) -> Delivery | None:
        """Take what is due."""
        with self._db.transaction():
            row = self._db.row("due_delivery", webhook=webhook, now=now)
            if row is None:
                return None
            self._db.run("claim_delivery", number=row[-1], until=until, owner=owner)
        found = _delivery(row[:-1])
        return replace(found, attempts=found.attempts + 1, next_at=until, owner=owner)

    def renew(self, owner: str, until: int) -> None:
        """Let an owner keep what it has in hand."""
        self._db.run_alone("renew_deliveries", owner=owner, until=until)

    def settle(self, delivery: Delivery) -> bool:
        """Keep what became of a delivery."""
        given = {name: getattr(delivery, name) for name in ("state", "next_at", "status", "said", "ended_at", "owner")}
        return self._db.run_alone("settle_delivery", webhook=delivery.webhook, id=delivery.id, **given) > 0

    def deliveries(self, webhook: str, limit: int) -> list[Delivery]:
        """Deliveries of a webhook."""
        return [_delivery(row) for row in self._db.rows("deliveries", webhook=webhook, limit=limit)]

    def prune(self, webhook: str, keep: int) -> None:
        """Forget what has ended long ago."""
        self._db.run_alone("prune_deliveries", webhook=webhook, keep=keep)


def _read(row: Row) -> Webhook:
    return msgspec.msgpack.decode(bytes(row[0]), type=learnt(Webhook))


def _delivery(row: Row) -> Delivery:
    id, webhook, event, at, body, *rest = row
    return Delivery(id, webhook, event, at, bytes(body), *rest)


def _nothing() -> None:
    pass
