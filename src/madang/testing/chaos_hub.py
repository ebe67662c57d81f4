"""A tiny hub that misbehaves on demand, for tests of clients. It keeps segments and blobs as the real one does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from blake3 import blake3

from madang.formats import journal
from madang.formats import segment as codec

FAULTS = (
    "500 before", "500 after", "503", "garbage", "empty", "cut headers", "cut body", "reset before", "reset after",
    "no headers", "wrong offset", "half",
)  # fmt: skip


@dataclass
class ChaosHub:
    """What the hub has, what it was asked, and which faults the next requests meet, in order."""

    segments: dict[str, bytes] = field(default_factory=dict)  # "run/segment" → bytes
    blobs: dict[str, bytes] = field(default_factory=dict)
    projects: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)  # method, path
    tokens: list[str] = field(default_factory=list)  # Authorization headers seen
    answer: Callable[[str, str], tuple[int, dict[str, str], bytes] | None] | None = None
    holds: bool = False  # whether it says that it keeps the bytes of segments itself
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> ChaosHub:
        hub = self

        class Handler(_Handler):
            chaos = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def chain(self, name: str) -> journal.Position:
        """The position at the end of a segment; every byte of it must be whole frames."""
        position = journal.Position()
        data = self.segments.get(name, b"")
        journal.read_frames(data, position)
        assert position.offset == len(data), "the hub took a piece of a frame"
        assert not position.damage
        return position

    def append(self, name: str, offset: int, chain: str, data: bytes) -> int:
        """The rule of the real hub, which knows the chain at its end only: 409 is diverged, 410 another conflict."""
        have = self.segments.get(name, b"")
        if offset > len(have) or len(have) - offset > len(data):
            return 410
        before = journal.Position()
        journal.read_frames(have[:offset], before)
        if before.offset != offset or before.chain.hex() != chain:
            return 409
        common = min(len(data), len(have) - offset)
        if have[offset : offset + common] != data[:common]:
            return 409
        position = journal.Position(before.offset, before.sequence, before.chain)
        frames = journal.read_frames(data, position)
        if position.damage or position.offset != offset + len(data):
            return 400
        for frame in frames:
            if frame.kind in (codec.FILE, codec.VERSION, codec.CODE, codec.OUTPUTS):
                self._check_blobs(frame)
        self.segments[name] = have + data[common:]
        return 204

    def _check_blobs(self, frame: journal.Frame) -> None:
        text = frame.payload[1:].decode()
        named = {part[:71] for part in text.split('"') if part.startswith("blake3:")}
        assert named <= self.blobs.keys(), "a frame arrived before a blob that it names"


class _Handler(BaseHTTPRequestHandler):
    chaos: ChaosHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        hub = self.chaos
        path = urlsplit(self.path).path
        fault = hub.faults.pop(0) if hub.faults else ""
        size = int(self.headers.get("content-length", "0"))
        if fault == "reset before":
            self._reset()
            return
        body = self.rfile.read(size // 2 if fault == "half" else size)
        hub.asked.append((self.command, path))
        hub.tokens.append(self.headers.get("authorization", ""))
        if fault == "half":
            self._reset()
            return
        if fault in ("500 before", "503"):
            self._send(int(fault[:3]), {}, b'{"error": {"code": "refused", "message": "not now"}}')
            return
        status, headers, data = self._work(path, body)
        self._answer(fault, status, headers, data)

    do_GET = do_HEAD = do_PUT = do_PATCH = do_POST = do_DELETE = _handle

    def _work(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        hub = self.chaos
        if hub.answer is not None:
            found = hub.answer(self.command, self.path)
            if found is not None:
                return found
        parts = [unquote(part) for part in path.split("/")][3:]
        with hub.lock:
            if parts[0] == "runs" and parts[2:3] == ["segments"]:
                return self._segment(f"{parts[1]}/{parts[3]}", body)
            if parts[0] == "projects" and parts[2:3] == ["blobs"]:
                return self._blob(parts[3], body)
        return 404, {}, b'{"error": {"code": "not-found", "message": "no such thing"}}'

    def _segment(self, name: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        hub = self.chaos
        status = 200
        if self.command == "PATCH":
            hub.projects.update(parse_qs(urlsplit(self.path).query).get("project", []))
            status = hub.append(name, int(self.headers["upload-offset"]), self.headers["madang-chain"], body)
        if status >= 400:
            code = {409: "diverged", 410: "conflict"}.get(status, "invalid-input")
            return min(status, 409), {}, f'{{"error": {{"code": "{code}", "message": "no"}}}}'.encode()
        if self.command == "GET":
            asked = parse_qs(urlsplit(self.path).query)
            offset, limit = int(asked["offset"][0]), int(asked["limit"][0])
            return 200, {}, hub.segments.get(name, b"")[offset : offset + limit]
        at = hub.chain(name)
        headers = {"upload-offset": str(at.offset), "madang-chain": at.chain.hex(), "upload-complete": "?0"}
        return status, {**headers, "madang-holds": "?1" if hub.holds else "?0"}, b""

    def _blob(self, digest: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        hub = self.chaos
        if self.command == "PUT":
            if "blake3:" + blake3(body).hexdigest() != digest:
                return 400, {}, b"{}"
            hub.blobs[digest] = body
            return 201, {}, b""
        return (200, {}, b"") if digest in hub.blobs else (404, {}, b"")

    def _answer(self, fault: str, status: int, headers: dict[str, str], data: bytes) -> None:
        if fault == "reset after":
            self._reset()
        elif fault == "cut headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            self._reset()
        elif fault == "cut body":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
            self._reset()
        elif fault == "500 after":
            self._send(500, {}, b"<html>oops")
        elif fault == "garbage":
            self._send(200, {"content-type": "text/html"}, b"<html>a captive portal</html>")
        elif fault == "empty":
            self._send(200, {}, b"")
        elif fault == "no headers":
            self._send(status, {}, data)
        elif fault == "wrong offset" and self.command == "PATCH":
            self._send(status, {**headers, "upload-offset": "7"}, data)
        else:
            self._send(status, headers, data)

    def _send(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(data)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()
