"""HTTP as the server speaks it: uvicorn over httptools, with a bound on what stands before a body, and paths only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from madang.http.routes import Route

if TYPE_CHECKING:  # other servers of ours have no such answers
    from madang.server.promptly import Promptly

HEADER_BYTES = 32 << 10  # of a request line and its headers
MOST_HEADERS = 200
_MOST_KEPT = 256 << 10  # bytes of a body that is answered promptly

_ANSWER = b"HTTP/1."  # how the head of an answer begins
_MOST_JOINED = 16 << 10  # bytes that cost less to copy than to send on their own


class JoiningTransport:
    """A transport that sends the head of an answer together with the first piece of its body, in one call.

    The head waits for that piece until the event loop goes on to other things, and no longer.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes, or hold them when they are a head."""
        if len(data) > _MOST_JOINED:
            self._send_head()
        elif self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_ANSWER):
            self._head = data
            self._loop.call_soon(self._send_head)
            return
        self._transport.write(data)

    def write_whole(self, data: bytes) -> None:
        """Send a whole answer."""
        self._send_head()
        self._transport.write(data)

    def _send_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Close when all is sent."""
        self._send_head()
        self._transport.close()


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a request line and headers without end, for which the parser knows no limit, and addresses of hosts.

    A small request of a prompt route (`server.promptly`) is kept until it is whole, and answered without a task of its
    own. One timer a connection sees to it that nobody is kept for long.
    """

    transport: JoiningTransport  # type: ignore[assignment]
    _before_body = False
    _is_new = False  # whether the request began in the present piece
    _came = 0  # bytes of later pieces that held nothing but headers
    _told = 0  # bytes of the address and of whole headers
    _kept: tuple[Route, bytes] | None = None  # the request that comes in, if it is to be answered promptly
    _since = 0.0  # when the connection fell quiet, or began to keep a request
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(cast(asyncio.Transport, JoiningTransport(transport, self.loop)))
        self._promptly: Promptly | None = getattr(self.app, "promptly", None)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._kept = None
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless what stands before a body has grown too long."""
        self._is_new = False
        super().data_received(data)
        if self._before_body and not self._is_new and not self.transport.is_closing():
            self._came += len(data)
            if self._came > HEADER_BYTES:
                self.send_400_response("The request's headers are too long.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._before_body, self._came, self._told, self._is_new = True, 0, 0, True

    def on_url(self, url: bytes) -> None:
        """A piece of the request's address."""
        self.url += url
        self._told += len(url)
        if self._told > HEADER_BYTES:
            raise ValueError("the address has no end")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        self._told += len(name) + len(value)
        if self._told > HEADER_BYTES or len(self.headers) > MOST_HEADERS:
            raise ValueError("the headers have no end")  # the parser makes it a refusal

    def on_headers_complete(self) -> None:
        """The body begins."""
        if not self.url.startswith(b"/"):  # a proxy's form, which names a host beside that of the Host header
            raise ValueError("the address is no path")
        self._before_body = False
        route = self._prompt_route()
        if route is None:
            super().on_headers_complete()
            return
        self._kept = route, b""
        self._fall_quiet()

    @property
    def _is_free(self) -> bool:
        """Whether no request is being answered."""
        return bool(getattr(self.cycle, "response_complete", True))

    def _prompt_route(self) -> Route | None:
        """The route of a request that can be answered promptly: the only one, on a connection that goes on."""
        promptly, parser = self._promptly, self.parser
        if promptly is None:
            return None
        path, _, query = self.url.partition(b"?")
        route = promptly.routes.get((parser.get_method(), path))
        if route is None or not self._is_free or self.expect_100_continue or self.flow.write_paused:
            return None
        if parser.get_http_version() != "1.1" or parser.should_upgrade() or not parser.should_keep_alive():
            return None
        self.scope["method"], self.scope["query_string"], self.scope["raw_path"] = route.method, query, path
        return None if b"#" in query else route

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._kept is None:
            super().on_body(body)
            return
        route, before = self._kept
        self._kept = route, before + body
        if len(before) + len(body) > _MOST_KEPT:
            self._go_on()

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._kept is not None:
            scope = cast("Scope", self.scope)
            found = None if self._promptly is None else self._promptly.answer(scope, *self._kept)
            if found is not None:
                self._kept = None
                self._send(*found)
                return
            self._go_on()
        super().on_message_complete()

    def _send(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        head = [b"%b: %b\r\n" % pair for pair in (*self.server_state.default_headers, *headers)]
        self.transport.write_whole(b"".join((STATUS_LINE[status], *head, b"\r\n", body)))
        self.server_state.total_requests += 1
        self._fall_quiet()

    def _go_on(self) -> None:
        """Answer the request that is kept in the usual way."""
        if self._kept is not None:
            body, self._kept = self._kept[1], None
            super().on_headers_complete()
            super().on_body(body)

    def shutdown(self) -> None:
        """Stop when the present request is answered."""
        self._go_on()
        super().shutdown()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one; as in the base, but for the timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._fall_quiet()

    def _unset_keepalive_if_required(self) -> None:
        """The base begins and ends a timer with each request; here one goes on, and looks at how long it was quiet."""

    def _fall_quiet(self) -> None:
        self._since = self.loop.time()
        if self._timer is None:
            self._timer = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing has come for long; a request that is kept for long gets its task."""
        self._timer = None
        left = self._since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._timer = self.loop.call_later(left, self.timeout_keep_alive_handler)
        elif self._kept is not None:
            self._go_on()
        elif self._is_free:
            super().timeout_keep_alive_handler()
