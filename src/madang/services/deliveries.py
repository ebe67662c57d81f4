"""The outbox of webhooks is emptied: at least once each, by one hub of those over the store, with pauses in between."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from madang.domain.webhooks import DELIVERED, FAILED, RUN_EVENTS, Delivery, Webhook
from madang.errors import ConfigError, Refused, StorageError, Unavailable
from madang.formats.webhooks import headers
from madang.ports.records import Records
from madang.ports.webhooks import Posted, Sealer, Sender

PAUSES = (1, 2, 4, 30, 300, 1800)
"""Seconds between two attempts, the first three as MLflow's."""

LEASE = 15.0  # seconds that an attempt is its hub's alone, unless the hub says again that it is at it
WITH_RUNS, WITH_WEBHOOKS, WITHOUT = 1.0, 5.0, 30.0
"""Seconds between two looks: what clients say of runs waits to be read, so runs are looked at more often."""

KEPT = 200  # deliveries of a webhook that are shown
_AGAIN = frozenset((408, 429, 500, 502, 503, 504))
_LONGEST_PAUSE = 3600.0  # seconds that a receiver may ask for
_SHOWN = 500  # characters of an answer that are kept


class Deliveries:
    """Thread-safe; several processes may work on one store. ``catch_up`` takes in runs that wait to be read."""

    def __init__(
        self, records: Records, sender: Sender, sealer: Sealer, catch_up: Callable[[], None], *, lease: float = LEASE
    ) -> None:
        self._records = records
        self._sender = sender
        self._sealer = sealer
        self._catch_up = catch_up
        self._lease = int(lease * 1e6)
        self._owner = os.urandom(8).hex()
        self._working = 0  # threads
        self._lock = threading.Lock()

    def when_announced(self, action: Callable[[], None]) -> None:
        """Have something done as soon as the outbox has something."""
        self._records.webhooks.when_announced(action)

    def look(self) -> tuple[list[str], float]:
        """The webhooks for which something is due now, and seconds until the next look.

        Also says that this process is still at what it has in hand: to be asked every few seconds.
        """
        active = self._records.webhooks.active()
        if self._working:
            self._records.webhooks.renew(self._owner, _now() + self._lease)
        patience = WITH_WEBHOOKS if active else WITHOUT
        if any(not RUN_EVENTS.isdisjoint(one.events) for one in active):
            self._catch_up()
            patience = WITH_RUNS
        now = _now()
        due, later = self._records.webhooks.due(now)
        return due, patience if later is None else min(patience, max(0.0, (later - now) / 1e6))

    def work(self, webhook: str) -> int:
        """Try all that is due for a webhook, one after another; how many there were."""
        count = 0
        with self._counted():
            while (found := self._claim(webhook)) is not None:
                count += 1
                self._records.webhooks.settle(self._tried(found))
        if count:
            self._records.webhooks.prune(webhook, KEPT)
        return count

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._working += 1
        try:
            yield
        finally:
            with self._lock:
                self._working -= 1

    def _claim(self, webhook: str) -> Delivery | None:
        now = _now()
        return self._records.webhooks.claim(webhook, now, now + self._lease, self._owner)

    def _tried(self, delivery: Delivery) -> Delivery:
        """What became of a delivery by one attempt."""
        webhook = self._records.webhooks.get(delivery.webhook)
        if webhook is None or not webhook.is_active:
            return _failed(delivery, "the webhook was turned off before")
        try:
            posted = self._posted(webhook, delivery)
        except (Refused, ConfigError, StorageError) as error:
            return _failed(delivery, error.message)
        except Unavailable as error:
            return _later(replace(delivery, status=0, said=error.message[:_SHOWN]), 0.0)
        tried = replace(delivery, status=posted.status, said=posted.text[:_SHOWN])
        if posted.status in _AGAIN:
            return _later(tried, min(posted.pause, _LONGEST_PAUSE))
        if 200 <= posted.status < 300:
            return replace(tried, state=DELIVERED, ended_at=_now())
        where = "it sends us on to another address; that is not followed" if 300 <= posted.status < 400 else tried.said
        return _failed(tried, where)

    def _posted(self, webhook: Webhook, delivery: Delivery) -> Posted:
        secret = self._sealer.unseal(webhook.secret) if webhook.secret else ""
        sent = headers(delivery.id, int(time.time()), delivery.body, secret)
        return self._sender.post(webhook.url, sent, delivery.body)

    def close(self) -> None:
        """Break off what is under way: it is tried again."""
        self._sender.close()


def _failed(delivery: Delivery, said: str) -> Delivery:
    return replace(delivery, state=FAILED, said=said[:_SHOWN], ended_at=_now())


def _later(delivery: Delivery, asked: float) -> Delivery:
    if delivery.attempts > len(PAUSES):
        return _failed(delivery, delivery.said)
    spread = 1 + random.random() / 4  # noqa: S311 - so that not all come at once
    pause = max(PAUSES[delivery.attempts - 1] * spread, asked)
    return replace(delivery, next_at=_now() + int(pause * 1e6))


def _now() -> int:
    return time.time_ns() // 1000
