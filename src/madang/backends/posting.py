"""Messages to addresses that users name (`ports.webhooks.Sender`): what was checked is what is connected to.

A name is looked up once for each message; all of its addresses have to be allowed, and the connection is made to one
of these. Redirects are not followed, no proxy is asked, and time and answer are bounded as a whole.
"""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from urllib.parse import SplitResult, quote, unquote, urlsplit

from madang.domain.destinations import Address, Network, is_listed, is_public, read_address
from madang.domain.values import value
from madang.errors import InvalidInput, Refused, Unavailable
from madang.ports.webhooks import Posted
from madang.version import __version__

CONNECT_SECONDS = 10.0
WHOLE_SECONDS = 30.0
_RESOLVE_SECONDS = 3.0
_MOST_LOOKUPS = 16  # at once
_LONGEST_URL = 2000
_LONGEST_ANSWER = 64 << 10  # bytes
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")
_PORTS = {"http": 80, "https": 443}


@value
class _Place:
    """A parsed address."""

    scheme: str
    host: str
    port: int
    target: str
    login: str


class _Line:
    """A connection that another thread may break off, also while it is being encrypted."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Have the other side prove that it is the host."""
        wrapped = context.wrap_socket(self.socket, server_hostname=host, do_handshake_on_connect=False)
        self.socket = wrapped
        wrapped.do_handshake()

    def break_off(self) -> None:
        """Have whoever reads or writes go on at once."""
        with suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class Poster:
    """Thread-safe. ``networks`` are those of the operator that may be reached beside public addresses, unencrypted too.

    ``seconds`` bound one message as a whole.
    """

    def __init__(self, networks: Sequence[Network] = (), *, seconds: float = WHOLE_SECONDS) -> None:
        self._networks = networks
        self._seconds = seconds
        self._lookups = threading.BoundedSemaphore(_MOST_LOOKUPS)
        self._open: set[_Line] = set()
        self._lock = threading.Lock()
        self._closed = False

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def check(self, url: str) -> None:
        """Refuse an address to which nothing may be sent. A name that nobody knows yet may be known later."""
        place = _parsed(url)
        try:
            self._allowed(place)
        except Refused as error:
            raise InvalidInput(error.message, hint=error.hint) from error
        except Unavailable as error:
            if place.scheme != "https":
                raise InvalidInput(error.message) from error

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        """Send one message."""
        try:
            place = _parsed(url)
        except InvalidInput as error:  # it was made by another release
            raise Refused(error.message) from error
        addresses = self._allowed(place)
        with self._connected(place, addresses) as line:
            deadline = threading.Timer(self._seconds, line.break_off)
            deadline.daemon = True
            deadline.start()
            try:
                return self._exchanged(place, line, headers, body)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise Unavailable(f"{place.host} gave no answer: {str(error) or type(error).__name__}.") from error
            finally:
                deadline.cancel()

    def close(self) -> None:
        """Break off what is under way."""
        with self._lock:
            self._closed = True
            for line in self._open:
                line.break_off()

    def _allowed(self, place: _Place) -> list[Address]:
        """The addresses of a place, all of which may be sent to. Raises `Refused`, `Unavailable`."""
        addresses = self._addresses(place)
        for address in addresses:
            if is_listed(address, self._networks):
                continue
            if place.scheme == "http":
                raise Refused(
                    "Invalid webhook URL scheme: 'http'. Allowed schemes are: https.",
                    hint="The operator of a hub may allow networks to be reached so: --allow-webhook NETWORK.",
                )
            if not is_public(address):
                raise Refused(
                    f"Webhook URL must not resolve to a non-public IP address. {place.host!r} resolves to {address}.",
                    hint="The operator of a hub may allow networks to be reached: --allow-webhook NETWORK.",
                )
        return addresses

    def _addresses(self, place: _Place) -> list[Address]:
        with suppress(ValueError):
            return [read_address(place.host)]
        found: list[Address] = []
        problem: list[str] = []

        def look() -> None:
            try:
                items = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
                found.extend(read_address(str(item[4][0])) for item in items)
            except (OSError, ValueError) as error:
                problem.append(str(error))
            finally:
                self._lookups.release()

        if self._lookups.acquire(timeout=_RESOLVE_SECONDS):
            thread = threading.Thread(target=look, daemon=True, name="madang-lookup")
            thread.start()
            thread.join(_RESOLVE_SECONDS)
            if not thread.is_alive() and found and not problem:
                return list(dict.fromkeys(found))
        said = problem[0] if problem else f"no answer within {_RESOLVE_SECONDS:g} seconds"
        raise Unavailable(f"Cannot resolve Webhook URL hostname {place.host!r}: {said}")

    @contextmanager
    def _connected(self, place: _Place, addresses: Sequence[Address]) -> Iterator[_Line]:
        line = _Line(_connection(place, addresses))
        line.socket.settimeout(self._seconds)
        with self._lock:
            self._open.add(line)
            if self._closed:
                line.break_off()
        try:
            yield line
        finally:
            with self._lock:
                self._open.discard(line)
            line.socket.close()

    def _exchanged(self, place: _Place, line: _Line, headers: Mapping[str, str], body: bytes) -> Posted:
        connection = http.client.HTTPConnection(place.host, place.port)
        if place.scheme == "https":
            connection = http.client.HTTPSConnection(place.host, place.port, context=self._context)
            line.encrypt(self._context, place.host)
        connection.sock = line.socket
        sent = {"User-Agent": f"madang/{__version__}", "Connection": "close", **headers}
        if place.login:
            sent["Authorization"] = place.login
        try:
            connection.request("POST", place.target, body, sent)
            with connection.getresponse() as answer:
                text = answer.read(_LONGEST_ANSWER).decode("utf-8", "replace")
                return Posted(answer.status, text, _seconds(answer.getheader("Retry-After", "")))
        finally:
            connection.close()


def _connection(place: _Place, addresses: Sequence[Address]) -> socket.socket:
    problem: OSError | None = None
    until = time.monotonic() + CONNECT_SECONDS
    for address in addresses:
        try:
            return socket.create_connection((str(address), place.port), max(0.1, until - time.monotonic()))
        except OSError as error:
            problem = error
    raise Unavailable(f"{place.host} port {place.port} cannot be reached: {problem}.")


def _parsed(url: str) -> _Place:
    """Raises `InvalidInput` in MLflow's words."""
    if not url.strip():
        raise InvalidInput(f"Webhook URL cannot be empty or just whitespace: {url[:100]!r}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if len(url) > _LONGEST_URL or _UNSAFE.search(url) or port == 0:
            raise ValueError("it is too long, or has blanks or control signs")
        name = host if ":" in host else host.encode("idna").decode("ascii")
    except ValueError as error:
        raise InvalidInput(f"Invalid webhook URL {url[:200]!r}: {error!r}") from error
    if parts.scheme not in _PORTS:
        raise InvalidInput(
            f"Invalid webhook URL scheme: {parts.scheme!r}. Allowed schemes are: https.", hint="Write it as https://…."
        )
    if not name:
        raise InvalidInput(f"Webhook URL must include a hostname: {url[:200]!r}")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~-._')}" if parts.query else ""
    return _Place(parts.scheme, name, port or _PORTS[parts.scheme], path + query, _login(parts))


def _login(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _seconds(text: str) -> float:
    """A pause that was asked for; 0 for a date, which receivers of webhooks do not send."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0
