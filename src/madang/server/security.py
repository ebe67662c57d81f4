"""The gate before every route: Host allow-list, Origin check, principal, and headers that keep browsers in bounds."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from madang.domain.access import ANONYMOUS, Principal, local
from madang.errors import AccessDenied, InvalidInput, MadangError, Unauthenticated
from madang.http import answers
from madang.http.calls import FORWARDED
from madang.http.routes import SAFE

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9_.-]{1,253})(?::(\d{1,5}))?\Z")
_SHORTEST_KEY = 40  # characters of a key that W&B's client accepts
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_RAW_HEADERS = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

Given = Mapping[str, str]
"""The headers of a request by name, in lower case."""


@dataclass(frozen=True)
class Policy:
    """What the gate lets through.

    ``hosts`` are names (lower case, IPv6 in brackets) that clients may call the server by; ``wildcard`` says that it
    listens on all addresses, so that the literal address a connection came in on counts too. ``open_locally``: a
    caller without a credential is the machine's own user while the store has no token. ``cookie`` names the session.
    """

    hosts: frozenset[str]
    wildcard: bool = False
    open_locally: bool = False
    cookie: str = "madang_session"


class Credentials(Protocol):
    """Who shows which secret: `services.access.Access`, or something simpler."""

    def authenticate(self, secret: str) -> Principal:
        """Who shows this token; `Unauthenticated` for nobody's."""

    def authenticate_session(self, secret: str) -> Principal:
        """Who shows this session cookie; `Unauthenticated` for nobody's."""

    @property
    def at_once(self) -> bool:
        """Whether looking takes no longer than handing the work to a thread would."""

    def unclaimed(self) -> bool:
        """Whether nobody has made a token yet."""


def allowed_hosts(host: str, more: Iterable[str]) -> frozenset[str]:
    """The allow-list for a bound address and the names an admin added."""
    names = {name.lower() for name in more}
    own = host.lower()
    return frozenset(LOOPBACK | names | {f"[{own}]" if ":" in own else own})


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a socket bound to ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Gate:
    """Wraps the whole application. Nothing behind it is reached by a request that fails here.

    ``refusal`` makes the answer of a refused request: each edge has its own form of errors.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Credentials,
        policy: Policy,
        refusal: Callable[[Scope, MadangError], Response] = lambda scope, error: answers.failed(error),
    ) -> None:
        self._app = app
        self._access = access
        self._policy = policy
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request, then pass it on with its principal in ``scope["madang.who"]``."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_policy(message["headers"])
            await send(message)

        headers = _given(scope)
        try:
            self._check(scope, headers)
            who = await self._who(headers)
        except MadangError as error:
            await self._refusal(scope, error)(scope, receive, hardened)
            return
        except OSError as error:
            await answers.storage_failed(error)(scope, receive, hardened)
            return

        async def again() -> None:
            if await self._who(headers) != who:
                raise Unauthenticated("The credential is no longer valid.", hint="Sign in again.")

        scope["madang.who"] = who
        scope["madang.again"] = again  # long answers ask now and then
        await self._app(scope, receive, hardened)

    def admitted(self, scope: Scope) -> Principal:
        """Who asks, where a credential is looked up at once; the same checks as for every other request.

        Raises:
            MadangError: the request is refused. OSError: the disk is.
        """
        headers = _given(scope)
        self._check(scope, headers)
        return self._principal(headers)

    def _check(self, scope: Scope, headers: Given) -> None:
        self._check_host(scope, headers)
        self._check_origin(scope["method"], headers)

    def _check_host(self, scope: Scope, headers: Given) -> None:
        found = _HOST.match(headers.get("host", ""))
        if found is None or (found[2] and int(found[2]) > 65535):
            raise InvalidInput("The request has no usable Host header.")
        name = found[1].lower()
        if name not in self._policy.hosts and not (self._policy.wildcard and name == _address(scope)):
            # A page of another site can make its own name resolve to this machine; its requests end here.
            raise AccessDenied(
                f"This server does not answer to the name {name!r}.",
                hint=f"If it should, start it with --allow-host {name}.",
            )

    def _check_origin(self, method: str, headers: Given) -> None:
        site = headers.get("sec-fetch-site", "none")
        navigation = headers.get("sec-fetch-mode") == "navigate" and method in SAFE
        if site not in ("none", "same-origin") and not navigation:
            raise AccessDenied("Requests from pages of other sites are refused.")
        if method in SAFE:
            return
        origin = headers.get("origin")
        host = headers["host"].lower()
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            raise AccessDenied("Changes asked for by pages of other sites are refused.")
        if origin is None and self._policy.cookie in _cookies(headers) and "authorization" not in headers:
            raise AccessDenied(
                "A change by session cookie needs an Origin header.", hint="Scripts use a token instead."
            )

    async def _who(self, headers: Given) -> Principal:
        if self._access.at_once:
            return self._principal(headers)
        return await run_in_threadpool(self._principal, headers)

    def _principal(self, headers: Given) -> Principal:
        secret = bearer(headers)
        if secret is not None:
            if _is_any_key(headers, secret) and self._is_open(headers):
                return local("local")
            return self._access.authenticate(secret)
        session = _cookies(headers).get(self._policy.cookie)
        if session:
            try:
                return self._access.authenticate_session(session)
            except Unauthenticated:  # a stale cookie must not lock anyone out of an open hub or the sign-in page
                pass
        return local("local") if self._is_open(headers) else ANONYMOUS

    def _is_open(self, headers: Given) -> bool:
        """Whether a caller without a credential is the machine's own user."""
        return self._policy.open_locally and FORWARDED.isdisjoint(headers) and self._access.unclaimed()


def with_policy(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, with those that keep browsers in bounds."""
    own = list(headers)
    known = {name for name, _ in own}
    return own + [pair for pair in _RAW_HEADERS if pair[0] not in known]


def bearer(headers: Given) -> str | None:
    """The token of the Authorization header: Bearer, or the password of Basic (user names are passed over).

    Raises:
        Unauthenticated: a header of another scheme, or one that cannot be read.
    """
    given = headers.get("authorization")
    if given is None:
        return None
    scheme, _, rest = given.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            pass
    raise Unauthenticated("The Authorization header cannot be read.", hint="Send `Authorization: Bearer mdg_…`.")


def _is_any_key(headers: Given, secret: str) -> bool:
    """Whether it is a key of W&B's client, which calls nobody without one: an open hub takes any that is one."""
    if len(secret) < _SHORTEST_KEY:
        return False
    kind, _, rest = headers.get("authorization", "").partition(" ")
    try:
        return kind.lower() == "basic" and base64.b64decode(rest.strip()).startswith(b"api:")
    except binascii.Error:
        return False


def _given(scope: Scope) -> Given:
    """Every header once: of several the first one counts, but cookies are joined, and several hosts are none."""
    given: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        if name not in given:
            given[name] = text
        elif name == "cookie":
            given[name] += f"; {text}"
        elif name == "host":
            given[name] = ""
    return given


def _address(scope: Scope) -> str:
    server = scope.get("server")
    host = str(server[0]).lower() if server else ""
    return f"[{host}]" if ":" in host else host


def _cookies(headers: Given) -> dict[str, str]:
    found: dict[str, str] = {}
    if "cookie" not in headers:
        return found
    for part in headers["cookie"].split(";"):
        name, sign, value = part.strip().partition("=")
        if sign:
            found.setdefault(name, value)
    return found
