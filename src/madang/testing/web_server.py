"""A plain HTTP server of files in memory, which misbehaves on demand: for tests of remotes over HTTP."""

from __future__ import annotations

import ssl
import threading
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class WebServer:
    """What it holds and was asked, and what it does wrong.

    ``faults`` are met by the next requests, one each: a status, ``"cut"`` (the connection ends half-way through the
    body), ``"reset"`` (before any answer) or ``""`` for none.
    """

    files: dict[str, bytes] = field(default_factory=dict)  # decoded path → bytes
    asked: list[tuple[str, str]] = field(default_factory=list)  # method and path
    headers: list[dict[str, str]] = field(default_factory=list)  # of the requests, names in lower case
    faults: list[str] = field(default_factory=list)
    needed: dict[str, str] = field(default_factory=dict)  # headers that every request must carry
    methods: tuple[str, ...] = ("GET", "HEAD", "PUT", "POST", "DELETE")
    ranges: bool = True
    tells_size: bool = True
    tells_tag: bool = False  # an ETag
    redirect: str = ""  # where GET and HEAD are sent on to
    tls: tuple[str, str] | None = None  # files of a certificate and its key
    address: str = ""
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> WebServer:
        server = self

        class Handler(_Handler):
            web = server

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if self.tls else "http"
        self.address = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: WebServer

    def _answer(self) -> None:
        web = self.web
        body = self._body()
        path = unquote(self.path, errors="surrogateescape")
        web.asked.append((self.command, path))
        web.headers.append({name.lower(): value for name, value in self.headers.items()})
        fault = web.faults.pop(0) if web.faults else ""
        if fault == "reset":
            self.close_connection = True
        elif fault.isdigit():
            self._say(int(fault))
        elif any(self.headers.get(name) != value for name, value in web.needed.items()):
            self._say(401)
        elif self.command not in web.methods:
            self._say(405)
        elif self.command in ("PUT", "POST"):
            web.files[path] = body
            self._say(201)
        elif web.redirect:
            self._say(302, location=web.redirect + self.path)
        elif path not in web.files:
            self._say(404)
        elif self.command == "DELETE":
            del web.files[path]
            self._say(204)
        else:
            self._send(web.files[path], fault == "cut")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _say(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def _send(self, body: bytes, cut: bool) -> None:
        start, status = 0, 200
        asked = self.headers.get("range", "")
        if asked and self.web.ranges:
            start, status = int(asked.removeprefix("bytes=").partition("-")[0]), 206
            if start >= len(body):
                self._say(416)
                return
        self.send_response(status)
        if status == 206:
            self.send_header("content-range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if self.web.tells_tag:
            self.send_header("etag", f'"{zlib.crc32(body):x}"')
        if self.web.tells_size:
            self.send_header("content-length", str(len(body) - start))
        else:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            part = body[start:]
            self.wfile.write(part[: len(part) // 2] if cut else part)
        if cut or not self.web.tells_size:
            self.close_connection = True

    def handle(self) -> None:
        """Answer; somebody who does not believe the certificate is no failure of ours."""
        with suppress(ConnectionError, ssl.SSLError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
