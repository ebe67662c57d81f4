"""HTTP as the server speaks it: uvicorn over httptools, with a bound on what stands before a body, and paths only."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_BYTES = 32 << 10  # of a request line and its headers
MOST_HEADERS = 200


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a request line and headers without end, for which the parser knows no limit, and addresses of hosts."""

    _before_body = False
    _came = 0  # bytes of pieces that came before the headers were complete
    _told = 0  # bytes of the address and of whole headers

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
