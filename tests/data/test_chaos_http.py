"""A web server as a remote that breaks off, lies about sizes, answers garbage or refuses: nothing wrong arrives."""

from __future__ import annotations

import hashlib
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, objects, read

FILES = {"d/a": b"aaaa" * 300, "d/large": bytes(range(250)) * 9_000, "s": b"single"}


class Server:
    """Serves a folder; the request with number ``at`` meets the fault, and with ``always`` all that come after it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fault, self.at, self.always, self.count = folder, "", 0, False, 0
        outer = self

        class Handler(_Handler):
            server_side = outer

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def arm(self, fault: str, at: int = 0, *, always: bool = False) -> None:
        """Choose the next fault."""
        self.fault, self.at, self.always, self.count = fault, at, always, 0

    def next_fault(self) -> str:
        """The fault of the request that has just come."""
        self.count += 1
        return self.fault if self.count == self.at or (self.always and self.count > self.at) else ""


class _Handler(BaseHTTPRequestHandler):
    server_side: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        fault = self.server_side.next_fault()
        path = self.server_side.folder / self.path.lstrip("/")
        if fault == "500":
            self._send(500, b"oops")
        elif fault == "reset":
            self._reset()
        elif self.command in ("PUT", "POST"):
            self._store(path, body, fault)
        elif not path.is_file():
            self._send(404, b"no")
        else:
            self._send(200, path.read_bytes(), fault)

    do_GET = do_HEAD = do_PUT = do_POST = _handle

    def _store(self, path: Path, body: bytes, fault: str) -> None:
        if fault == "cut":  # half of it was written when the server died
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body[: len(body) // 2])
            self._reset()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        self._send(200, b"")

    def _send(self, status: int, body: bytes, fault: str = "") -> None:
        told = len(body) + {"long size": 10, "short size": -1}.get(fault, 0)
        self.send_response(status)
        self.send_header("content-length", str(max(0, told)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "other":
            body = b"<" * len(body)
        sent = body[: max(0, told)]
        self.wfile.write(sent[: len(sent) // 2] if fault == "cut" else sent)
        if fault in ("cut", "long size"):
            self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeated requests come soon."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.03)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with nothing in it."""
    (tmp_path / "served").mkdir()
    made = Server(tmp_path / "served")
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def tracked(root: Path, server: Server, madang: Tool) -> Path:
    """A repository whose data is on the server."""
    make(root, FILES)
    assert madang(root, "add", "d", "s").code == 0
    assert madang(root, "remote", "add", "-d", "web", server.url).code == 0
    assert madang(root, "push").code == 0
    return root


def data(root: Path) -> dict[str, bytes]:
    """The tracked data in the workspace."""
    return {name: body for name, body in read(root).items() if name in FILES or name.startswith("d/")}


@pytest.mark.parametrize("fault", ["500", "reset", "cut", "long size", "short size", "other"])
@pytest.mark.parametrize("always", [False, True])
def test_pull(tracked: Path, server: Server, madang: Tool, fault: str, always: bool) -> None:
    """Cache and workspace hold right bytes only, whichever answer was wrong; the next pull completes the work."""
    for at in (1, 2, 3, 5):
        shutil.rmtree(tracked / ".dvc" / "cache")
        shutil.rmtree(tracked / "d", ignore_errors=True)
        (tracked / "s").unlink(missing_ok=True)
        server.arm(fault, at, always=always)
        answer = madang(tracked, "pull")
        reached = server.count >= at
        for path, (_, body) in objects(tracked / ".dvc" / "cache").items():
            assert hashlib.md5(body).hexdigest() == path[10:].replace("/", "")[:32]
        assert all(FILES[name] == body for name, body in data(tracked).items())
        assert answer.code == 1 or data(tracked) == FILES
        server.arm("")
        assert madang(tracked, "pull").code == 0
        assert data(tracked) == FILES
        assert madang(tracked, "status", "-q").code == 0
        if not reached:
            break


@pytest.mark.parametrize("fault", ["500", "reset", "cut"])
def test_push(tracked: Path, server: Server, madang: Tool, fault: str) -> None:
    """What a dying server kept of an object is seen by the next push, and sent again; fsck finds nothing after it."""
    for at in (1, 4, 7):
        shutil.rmtree(server.folder)
        server.folder.mkdir()
        server.arm(fault, at, always=fault != "cut")
        madang(tracked, "push")
        server.arm("")
        assert madang(tracked, "push").code == 0
        assert madang(tracked, "fsck", "--cloud", "--read-data", "-q").code == 0
