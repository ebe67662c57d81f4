"""One request as a handler sees it: who asks, decoded parameters, a body within its limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

import anyio
from starlette.requests import ClientDisconnect, Request

from madang.domain.access import ANONYMOUS, Permission, Principal
from madang.errors import AccessDenied, InvalidInput, TooLarge, Unauthenticated, Unavailable
from madang.formats import wire
from madang.http.routes import Route

S = TypeVar("S")
MAX_FIELDS = 2000
STALLED = 60.0  # seconds without a byte of a body
FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"})  # a proxy adds them
_HUNG_UP = "The caller hung up, or fell silent, before the end of the body."
_SMALL = 256 << 10  # bytes of a body that has to come in one go
RECHECKED = 1.0  # seconds after which a body that still comes needs a credential that is still valid
_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no", "")


@dataclass
class Call(Generic[S]):
    """What a handler gets. ``binary`` says that the caller wants MessagePack."""

    request: Request
    services: S
    who: Principal
    route: Route
    path: dict[str, str]
    binary: bool
    body: Any = None
    _query: dict[str, list[str]] = field(default_factory=dict)

    @property
    def plain(self) -> wire.Plain:
        """The rule for values of this answer's encoding."""
        return wire.exact if self.binary else wire.json_value

    def text(self, name: str, default: str = "") -> str:
        """A text parameter; the last one when it was given more than once."""
        return self._query.get(name, [default])[-1]

    def many(self, name: str) -> list[str]:
        """All values of a repeated parameter."""
        return self._query.get(name, [])

    def integer(self, name: str, default: int, low: int = -(1 << 63), high: int = (1 << 63) - 1) -> int:
        """A whole number.

        Raises:
            InvalidInput: it is none, or out of bounds.
        """
        given = self.text(name)
        if not given:
            return default
        digits = given.removeprefix("-")
        number = int(given) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
        if number is None or not low <= number <= high:
            raise InvalidInput(f"{name}={given[:40]!r} is not a whole number from {low} to {high}.")
        return number

    def optional(self, name: str) -> int | None:
        """A whole number, or None when it was not given."""
        return self.integer(name, 0) if self.text(name) else None

    def flag(self, name: str) -> bool:
        """A yes-or-no parameter.

        Raises:
            InvalidInput: it is neither.
        """
        given = self.text(name).lower()
        if given not in (*_TRUE, *_FALSE):
            raise InvalidInput(f"{name}={given[:40]!r} is neither true nor false.")
        return given in _TRUE


def read_query(raw: bytes, route: Route) -> dict[str, list[str]]:
    """The decoded query string.

    Raises:
        InvalidInput: not UTF-8, too many fields, or a parameter that the route does not have.
    """
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:  # also UnicodeError
        raise InvalidInput("The query string is not well formed.") from error
    known = {param.name for param in route.query}
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in known:
            hint = f"Known here: {', '.join(sorted(known)) or 'none'}."
            raise InvalidInput(f"The route has no parameter {name[:80]!r}.", hint=hint)
        found.setdefault(name, []).append(value)
    return found


def wants_binary(request: Request) -> bool:
    """Whether the caller asked for MessagePack."""
    return wire.MSGPACK in request.headers.get("accept", "")


def admit(who: Principal, needed: Permission) -> None:
    """Refuse at the door those who hold the level nowhere; the service asks again, for the exact project.

    Raises:
        Unauthenticated: nobody in particular.
        AccessDenied: somebody whose level is lower everywhere.
    """
    if needed is Permission.NONE or max(who.everywhere, *who.projects.values(), Permission.NONE) >= needed:
        return
    if who == ANONYMOUS:
        raise Unauthenticated("This needs a credential.", hint="Run `madang login`, or send a token.")
    raise AccessDenied(f"{who.name} may not {needed.name.lower()} anywhere here.", hint="Ask an admin for a token.")


async def stream(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body in pieces, never more than ``limit`` bytes in all.

    Raises:
        TooLarge: there is more.
        Unauthenticated: the caller's credential has ended meanwhile; what was yielded before is theirs.
        Unavailable: the caller hung up, or sent nothing for a minute.
    """
    _check_declared(request, limit)
    seen, pieces = 0, aiter(request.stream())
    again, checked = request.scope.get("madang.again"), time.monotonic()
    while True:
        try:
            with anyio.fail_after(STALLED):
                piece = await anext(pieces, None)
        except (ClientDisconnect, TimeoutError) as error:
            raise Unavailable(_HUNG_UP) from error
        if again is not None and time.monotonic() - checked >= RECHECKED:
            await again()
            checked = time.monotonic()
        if piece is None:
            return
        seen += len(piece)
        if seen > limit:
            raise _over(limit)
        if piece:
            yield piece


async def whole(request: Request, limit: int) -> bytes:
    """The whole body, at most ``limit`` bytes. Raises as `stream`."""
    _check_declared(request, limit)
    again, checked = request.scope.get("madang.again"), time.monotonic()
    pieces, seen, more = [], 0, True
    try:
        async with asyncio.timeout(STALLED) as patience:
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise Unavailable(_HUNG_UP)
                pieces.append(message.get("body", b""))
                seen, more = seen + len(pieces[-1]), message.get("more_body", False)
                if seen > limit:
                    raise _over(limit)
                if seen > _SMALL:  # the rest of a large one may take its time, as long as it comes
                    patience.reschedule(asyncio.get_running_loop().time() + STALLED)
                if again is not None and (now := time.monotonic()) - checked >= RECHECKED:
                    await again()
                    checked = now
    except TimeoutError as error:
        raise Unavailable(_HUNG_UP) from error
    return b"".join(pieces)


def _check_declared(request: Request, limit: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > limit:
        raise _over(limit)


def _over(limit: int) -> TooLarge:
    return TooLarge(f"The body is over this route's limit of {limit} bytes.")


def content_type(request: Request) -> str:
    """The kind of the body, in lower case and without its parameters; empty when none was told."""
    for name, value in request.scope["headers"]:
        if name == b"content-type":
            kind: bytes = value
            return kind.partition(b";")[0].strip().lower().decode("latin-1")
    return ""


async def read_body(request: Request, route: Route) -> Any:
    """The decoded JSON or MessagePack body of a route that takes one.

    Raises:
        InvalidInput: another content type, or not what the route takes.
        TooLarge: over the route's limit.
    """
    kind = content_type(request)
    if route.method == "DELETE" and not kind and request.headers.get("content-length", "0") == "0":
        return route.body()  # what can be left out whole
    if kind not in (wire.JSON, wire.MSGPACK):  # a form of another site cannot send these without asking first
        raise InvalidInput(f"The content type {kind[:80]!r} is not taken here.", hint=f"Send {wire.JSON}.")
    body = await whole(request, route.limit)
    return wire.decode(body, route.body, kind == wire.MSGPACK)
