"""Starting and stopping a scoring server."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from madang.domain.access import Permission, Principal
from madang.errors import Refused, Unauthenticated
from madang.server.run import Address, AnnouncedServer, is_inside, listen, policy_at, server_config, url_of
from madang.server.scoring.app import ScoringApplication
from madang.server.scoring.serving import Serving, Source, State
from madang.server.scoring.workers import Limits


@dataclass(frozen=True)
class Settings:
    """How a model is served."""

    address: Address
    limits: Limits = field(default_factory=Limits)
    every: float = 2.0  # seconds between two looks for another version; 0: never
    token: str = ""
    is_open: bool = False  # whoever reaches the server may use it


class ServingToken:
    """The only credential of a scoring server, or none."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def authenticate(self, secret: str) -> Principal:
        """Who shows this token. Raises `Unauthenticated` for another one."""
        if not self._secret or not hmac.compare_digest(secret.encode(), self._secret.encode()):
            raise Unauthenticated("This is not the token of this server.")
        return Principal("caller", everywhere=Permission.READ)

    def authenticate_session(self, secret: str) -> NoReturn:
        """There are no sessions here. Raises `Unauthenticated`."""
        raise Unauthenticated("There are no sessions here.")

    @property
    def at_once(self) -> bool:
        """Nothing is looked up."""
        return True

    def unclaimed(self) -> bool:
        """Whether there is no token."""
        return not self._secret


def serve(source: Source, settings: Settings, announce: Callable[[str], None], record: Callable[[State], None]) -> None:
    """Serve a model until a signal asks to stop. ``announce`` gets the URL once requests are answered.

    ``record`` is told of each version that takes over, in a thread.

    Raises:
        Refused: other machines could reach it, and nothing says who may call.
        Unavailable: the address cannot be bound.
        MadangError: the model is not there, or cannot be loaded.
    """
    address = settings.address
    inside = is_inside(address)
    if not inside and not settings.token and not settings.is_open:
        raise Refused(
            f"On {address.host} other machines reach this model, and anybody could use it.",
            hint="Set MADANG_SERVING_TOKEN to a secret that callers send as `Authorization: Bearer …`, or pass --open.",
        )
    is_open = settings.is_open or (inside and not settings.token)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("madang.serving").setLevel(logging.INFO)
    bound = listen(address)
    serving = Serving(source, settings.limits, every=settings.every, stop_within=address.stop_within, record=record)
    policy = policy_at(address, bound.getsockname()[1], open_locally=not settings.token)
    application = ScoringApplication(serving, ServingToken(settings.token), policy, is_open=is_open)
    config = server_config(application, stop_within=address.stop_within)
    server = AnnouncedServer(config, lambda: announce(url_of(bound)))

    async def work() -> None:
        await serving.start()
        try:
            await server.serve(sockets=[bound])
        finally:
            await serving.stop()

    try:
        asyncio.run(work())
    finally:
        bound.close()
