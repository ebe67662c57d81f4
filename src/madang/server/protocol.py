"""HTTP as the server speaks it: uvicorn over httptools, with a bound on what stands before a body, and paths only."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_BYTES = 32 << 10  # of a request line and its headers
MOST_HEADERS = 200


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

    def _send_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Close when all is sent."""
        self._send_head()
        self._transport.close()


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a request line and headers without end, for which the parser knows no limit, and addresses of hosts."""

    _before_body = False
    _came = 0  # bytes of pieces that came before the headers were complete
    _told = 0  # bytes of the address and of whole headers

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(cast(asyncio.Transport, JoiningTransport(transport, self.loop)))

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless what stands before a body has grown too long."""
        if self._before_body:
            self._came += len(data)
            if self._came > HEADER_BYTES:
                self.send_400_response("The request's headers are too long.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._before_body, self._came, self._told = True, 0, 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request's address."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def _count(self, size: int) -> None:
        self._told += size
        if self._told > HEADER_BYTES or len(self.headers) > MOST_HEADERS:
            raise ValueError("the headers have no end")  # the parser makes it a refusal

    def on_headers_complete(self) -> None:
        """The body begins."""
        if not self.url.startswith(b"/"):  # a proxy's form, which names a host beside that of the Host header
            raise ValueError("the address is no path")
        self._before_body = False
        super().on_headers_complete()
