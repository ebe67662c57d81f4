"""Webhooks: who may have whom told what, and an example to try a receiver with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from madang.domain.access import Permission, Principal, require
from madang.domain.ids import new_uuid
from madang.domain.versions import check_name as check_project
from madang.domain.webhooks import (
    Delivery,
    Happening,
    Tested,
    Webhook,
    check_description,
    check_events,
    check_format,
    check_name,
    example_of,
)
from madang.errors import AccessDenied, ConfigError, InvalidInput, NotFound, Refused, StorageError, Unavailable
from madang.formats.webhooks import headers, message
from madang.ports.records import Records
from madang.ports.webhooks import Sealer, Sender

MOST = 500  # webhooks of a store
_MOST_TESTS = 4  # at once
_LONGEST_SECRET = 1000
MOST_SHOWN = 100  # deliveries


class Webhooks:
    """Webhooks of a hub. Thread-safe."""

    def __init__(self, records: Records, sender: Sender, sealer: Sealer) -> None:
        self._records = records
        self._sender = sender
        self._sealer = sealer
        self._tests = threading.BoundedSemaphore(_MOST_TESTS)

    def all(self, who: Principal) -> list[Webhook]:
        """Those that the caller looks after, newest first.

        Raises:
            AccessDenied: the caller is an admin of nothing.
        """
        if who.run or max(who.everywhere, *who.projects.values(), Permission.NONE) < Permission.ADMIN:
            raise AccessDenied(f"{who.name} may not see webhooks.", hint="Ask an admin of the hub.")
        return [one for one in self._records.webhooks.all() if _manages(who, one.project)]

    def get(self, who: Principal, id: str) -> Webhook:
        """One of them. Raises `NotFound`, also for who may not know of it."""
        found = self._records.webhooks.get(id)
        if found is None or not _manages(who, found.project):
            raise NotFound(f"Webhook with ID {id[:200]} not found.")
        return found

    def create(self, who: Principal, wanted: Mapping[str, Any]) -> Webhook:
        """Make one of ``name``, ``url``, ``events`` and, if given, the other texts of `Webhook`; ``secret`` is plain.

        Raises:
            AccessDenied: the caller is no admin of the project, or, without one, of the hub.
            InvalidInput: one of them makes no sense, or nothing may be sent there.
        """
        (project,) = self._checked({"project": wanted.get("project", "")}).values()
        _require(who, project)
        given = self._checked({"name": "", "url": "", "events": (), **wanted})
        now = time.time_ns() // 1000
        made = Webhook(id=new_uuid(), created_at=now, updated_at=now, actor=who.name, **given)
        with self._records.transaction():
            if len(self._records.webhooks.all()) >= MOST:
                raise InvalidInput(f"A hub has {MOST} webhooks at most.", hint="Remove one that nobody needs.")
            self._records.webhooks.put(made)
        return made

    def change(self, who: Principal, id: str, wanted: Mapping[str, Any]) -> Webhook:
        """Change what is named; the project stays. Raises as `create`; `NotFound`."""
        self.get(who, id)
        given = self._checked(wanted)
        with self._records.transaction():
            found = self.get(who, id)
            later = max(time.time_ns() // 1000, (found.updated_at // 1000 + 1) * 1000)  # clients see milliseconds
            made = replace(found, updated_at=later, **given)
            self._records.webhooks.put(made)
        return made

    def _checked(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """What a caller wants, in its canonical form; to be asked before a transaction: names are looked up."""
        checks: dict[str, Callable[[Any], Any]] = {
            "name": check_name,
            "url": self._url,
            "events": check_events,
            "description": check_description,
            "format": check_format,
            "secret": self._sealed,
            "project": lambda name: check_project(name, "project") if name else "",
        }
        return {key: checks[key](given) if key in checks else given for key, given in wanted.items()}

    def _url(self, url: str) -> str:
        self._sender.check(url)
        return url

    def _sealed(self, secret: str) -> bytes:
        if len(secret) > _LONGEST_SECRET:
            raise InvalidInput(f"'secret' exceeds the maximum length of {_LONGEST_SECRET} characters")
        return self._sealer.seal(secret) if secret else b""

    def remove(self, who: Principal, id: str) -> None:
        """Take one away, with what waits for it. Raises `NotFound`."""
        with self._records.transaction():
            self._records.webhooks.drop(self.get(who, id).id)

    def deliveries(self, who: Principal, id: str, limit: int = MOST_SHOWN) -> Sequence[Delivery]:
        """What became of its messages, newest first. Raises `NotFound`."""
        return self._records.webhooks.deliveries(self.get(who, id).id, max(1, min(limit, MOST_SHOWN)))

    def test(self, who: Principal, id: str, event: str = "") -> Tested:
        """Send an example of an event (left out: of the first one), now and once.

        Raises:
            NotFound: no such webhook. InvalidInput: no such event. Unavailable: others are tried at the moment.
        """
        webhook = self.get(who, id)
        (wanted,) = check_events([event or webhook.events[0]])
        if not self._tests.acquire(blocking=False):
            raise Unavailable("Too many webhooks are tried at the moment.", hint="Try again in a moment.")
        try:
            return self._tested(webhook, Happening(wanted, webhook.project, time.time_ns() // 1000, example_of(wanted)))
        finally:
            self._tests.release()

    def _tested(self, webhook: Webhook, example: Happening) -> Tested:
        body = message(webhook.format, example)
        try:
            secret = self._sealer.unseal(webhook.secret) if webhook.secret else ""
            posted = self._sender.post(webhook.url, headers(new_uuid(), int(time.time()), body, secret), body)
        except (Refused, Unavailable, ConfigError, StorageError) as error:
            return Tested(error=f"Failed to test webhook: {error.message}")
        return Tested(posted.status, posted.text)


def _manages(who: Principal, project: str) -> bool:
    level = who.level(project) if project else who.everywhere
    return level >= Permission.ADMIN and not who.run


def _require(who: Principal, project: str) -> None:
    if project:
        require(who, Permission.ADMIN, project)
    elif not _manages(who, ""):
        raise AccessDenied(
            f"{who.name} may not make webhooks of the whole hub.",
            hint="An admin of the hub may; an admin of a project names it: --project.",
        )
