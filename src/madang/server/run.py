"""Starting and stopping: bind, say where, serve, and stop without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from madang.errors import Refused, Unavailable
from madang.server.app import Application
from madang.server.protocol import BoundedProtocol
from madang.server.security import Policy, allowed_hosts, is_loopback
from madang.wiring import Engine

BACKLOG = 512
MAX_REQUESTS_AT_ONCE = 2000
_COLLECTING = 20_000, 20, 20  # objects of one large request are no reason to look for cycles again and again


@dataclass(frozen=True)
class Address:
    """Where to listen, and the names that clients use. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    allow_host: tuple[str, ...] = ()
    stop_within: int = 30  # seconds that running requests get


def listen(address: Address) -> socket.socket:
    """A bound socket.

    Raises:
        Unavailable: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where it knows the protocol; else each answer waits 40 ms for an ACK.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address.host, address.port))
        bound.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        is_unknown = isinstance(error, socket.gaierror)
        raise Unavailable(
            f"Cannot listen on {address.host} port {address.port}: {reason}.",
            hint="Name an address of this machine with --host."
            if is_unknown
            else "Choose another port with --port, or 0 for any free one.",
        ) from error
    return bound


def url_of(bound: socket.socket) -> str:
    """The address that a client of this machine uses."""
    host, port = bound.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - a name
    return f"http://{name}:{port}"


def policy_for(address: Address, port: int, engine: Engine, *, guarded: bool) -> Policy:
    """What the gate lets through at this address. ``guarded``: even this machine's user needs a credential.

    Raises:
        Refused: other machines could reach a store that has no token.
    """
    inside = is_inside(address)
    if not inside and engine.access.unclaimed():
        raise Refused(
            f"On {address.host} other machines reach this hub, and it has no token yet.",
            hint=f"Make one first: madang hub token create YOU --level admin --store {engine.store.store}",
        )
    return policy_at(address, port, open_locally=inside and not guarded)


def is_inside(address: Address) -> bool:
    """Whether only this machine is meant to reach a server there."""
    return is_loopback(address.host) and not address.allow_host


def policy_at(address: Address, port: int, *, open_locally: bool) -> Policy:
    """The names that a server at an address answers to, and who needs no credential."""
    wildcard = address.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    more = (*address.allow_host, socket.gethostname()) if wildcard else address.allow_host
    return Policy(
        hosts=allowed_hosts(address.host, more),
        wildcard=wildcard,
        open_locally=open_locally,
        cookie=f"madang_session_{port}",
    )


class SleepingServer(uvicorn.Server):
    """A server that sleeps between requests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._wake: Callable[[], None] = lambda: None

    async def main_loop(self) -> None:
        """Sleep until a signal comes; the base looks ten times a second, here only the Date header needs a look."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(woken.set)

        self._wake = wake
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), 1.0)

    def stop(self) -> None:
        """Stop when the running requests are answered; also from another thread."""
        self.should_exit = True
        self._wake()


class AnnouncedServer(SleepingServer):
    """Says when it answers; a signal ends it well. ``at_stop`` ends what would be waited for in vain."""

    def __init__(
        self, config: uvicorn.Config, announce: Callable[[], None], at_stop: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._at_stop = at_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, then say so."""
        await super().startup(sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what nobody waits for, then what is asked."""
        self._at_stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As in the base, but a signal that was obeyed is not raised again: the process ends with code 0."""
        before = {number: signal.signal(number, self._asked) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.stop()


def server_config(
    application: ASGIApp, *, stop_within: int, lifespan: Literal["auto", "off"] = "auto"
) -> uvicorn.Config:
    """How every server of ours speaks HTTP."""
    return uvicorn.Config(
        application,
        http=BoundedProtocol,
        ws="none",
        loop="asyncio",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        limit_concurrency=MAX_REQUESTS_AT_ONCE,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=stop_within,
    )


def serve(engine: Engine, address: Address, announce: Callable[[str], None], *, guarded: bool = False) -> None:
    """Serve until a signal asks to stop; ``announce`` is called with the URL once requests are answered.

    Raises:
        Refused: other machines could reach a store that has no token.
        Unavailable: the address cannot be bound.
    """
    bound = listen(address)
    try:
        policy = policy_for(address, bound.getsockname()[1], engine, guarded=guarded)
        application = Application(engine, policy)
        gc.collect()
        gc.freeze()  # what was loaded stays: no later collection looks at it again
        gc.set_threshold(*_COLLECTING)
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        config = server_config(application, stop_within=address.stop_within)
        server = AnnouncedServer(config, lambda: announce(url_of(bound)), application.live.stop)
        asyncio.run(server.serve(sockets=[bound]))
    finally:
        bound.close()
        engine.close()
