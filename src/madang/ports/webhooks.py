"""Webhooks in the records, with what waits to be delivered; and who carries it to its receiver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from madang.domain.values import value
from madang.domain.webhooks import Delivery, Happening, Webhook


class WebhookRecords(Protocol):
    """Webhooks and their outbox. Errors and transactions are as in `ports.records`."""

    def active(self, *, surely: bool = False) -> Sequence[Webhook]:
        """Those that are to be told things. What another process has changed may be missing for a second.

        ``surely``: that too is looked at, by a statement of its own.
        """
        ...

    def all(self) -> list[Webhook]:
        """All of them, newest first."""
        ...

    def get(self, id: str) -> Webhook | None:
        """One of them."""
        ...

    def put(self, webhook: Webhook) -> None:
        """Keep a webhook, in place of the one with its id. What waits for one that is not active has failed."""
        ...

    def drop(self, id: str) -> None:
        """Forget a webhook with all of its deliveries."""
        ...

    def announce(self, happening: Happening) -> None:
        """Put a message for each webhook that hears of this into the outbox, in the present transaction."""
        ...

    def when_announced(self, action: Callable[[], None]) -> None:
        """Have something done after each transaction of this process that has put a webhook, or into the outbox."""
        ...

    def due(self, now: int) -> tuple[list[str], int | None]:
        """The webhooks for which something is due (µs UTC), and when the next is, if anything waits at all."""
        ...

    def claim(self, webhook: str, now: int, until: int, owner: str) -> Delivery | None:
        """Take the oldest delivery that is due for a webhook: until then (µs UTC) it is the owner's alone."""
        ...

    def renew(self, owner: str, until: int) -> None:
        """Let an owner keep what it has in hand until then (µs UTC)."""
        ...

    def settle(self, delivery: Delivery) -> bool:
        """Keep what became of a delivery, if it still is the owner's that it names."""
        ...

    def deliveries(self, webhook: str, limit: int) -> list[Delivery]:
        """Deliveries of a webhook, newest first."""
        ...

    def prune(self, webhook: str, keep: int) -> None:
        """Forget deliveries that have ended, but the newest ones."""
        ...


@value
class Posted:
    """The answer of a receiver; ``pause`` is how many seconds it asks to be left alone."""

    status: int
    text: str
    pause: float = 0.0


class Sender(Protocol):
    """Carries messages to addresses that users name. Safe for threads."""

    def check(self, url: str) -> None:
        """Raises `InvalidInput`, in MLflow's words, for an address to which nothing may be sent."""
        ...

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        """Send one message. Redirects are not followed.

        Raises:
            Refused: nothing may be sent there. Unavailable: there was no answer.
        """
        ...

    def close(self) -> None:
        """Break off what is under way."""
        ...


class Sealer(Protocol):
    """Keeps secrets unreadable at rest. Safe for threads."""

    def seal(self, secret: str) -> bytes:
        """Raises `StorageError` when the key cannot be made."""
        ...

    def unseal(self, sealed: bytes) -> str:
        """Raises `ConfigError` when it was sealed with another key."""
        ...
