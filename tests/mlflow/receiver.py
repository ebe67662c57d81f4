"""A receiver of webhooks on this machine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Heard:
    """One message."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        """Its event."""
        said = json.loads(self.body)
        return f"{said['entity']}.{said['action']}"

    @property
    def data(self) -> dict[str, Any]:
        """What it tells."""
        found: dict[str, Any] = json.loads(self.body)["data"]
        return found

    def fits(self, secret: str) -> bool:
        """Whether it is signed with a secret, as MLflow's documentation has it verified."""
        signed = f"{self.headers['x-mlflow-delivery-id']}.{self.headers['x-mlflow-timestamp']}.{self.body.decode()}"
        digest = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
        return self.headers["x-mlflow-signature"] == "v1," + base64.b64encode(digest).decode()


@dataclass
class Receiver:
    """What has come; the statuses with which the next messages are answered, 200 when there are none."""

    heard: list[Heard] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    port: int = 0

    def url(self, path: str = "/hook") -> str:
        """An address here."""
        return f"http://127.0.0.1:{self.port}{path}"

    def take(self, count: int, path: str = "/hook") -> list[Heard]:
        """The next messages at a path, which are waited for; they are forgotten then."""
        until = time.monotonic() + 200
        while len(found := [item for item in self.heard if item.path == path]) < count:
            assert time.monotonic() < until, f"{len(found)} of {count}: {[item.body for item in found]}"
            time.sleep(0.01)
        for item in found[:count]:
            self.heard.remove(item)
        return found[:count]


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A receiver that is there for a while."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = made.statuses.pop(0) if made.statuses else 200
            made.heard.append(Heard(self.path, {key.lower(): text for key, text in self.headers.items()}, body))
            self.send_response(status)
            if status == 429:
                self.send_header("retry-after", "1")
            self.end_headers()
            self.wfile.write(b'{"taken": true}')

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
