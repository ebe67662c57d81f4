"""Record what a release of W&B's client asks of a server, for tests/wandb/test_recorded.py.

Usage: `python scripts/record_wandb.py PYTHON`, with the Python of an environment that has the release. Every request
is written, with the answer of a hub of this checkout, to tests/wandb/operations/VERSION.jsonl.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3

HERE = Path(__file__).parent
OPERATIONS = HERE.parent / "tests" / "wandb" / "operations"
KEY = "0123456789abcdef0123456789abcdef01234567"
_PASSED = ("authorization", "content-type", "user-agent", "range", "content-md5")


def text_of(data: bytes) -> dict[str, str]:
    """Bytes as JSON has them: text where they are some."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


class Recorder(ThreadingHTTPServer):
    """Passes requests on to a hub and keeps them."""

    def __init__(self, hub: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.kept: list[dict[str, Any]] = []
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    server: Recorder
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: text for name, text in self.headers.items() if name.lower() in _PASSED}
        headers["host"] = self.server.address.removeprefix("http://")
        with self.server.lock:  # one after the other, so that they can be replayed
            hub = self.server.hub
            answer = urllib3.request(
                self.command, hub + self.path, body=body, headers={**headers, "host": hub.removeprefix("http://")},
                retries=False,
            )  # fmt: skip
            said = answer.data.replace(hub.encode(), self.server.address.encode())
            self.server.kept.append(
                {"method": self.command, "path": self.path, "body": text_of(body), "status": answer.status}
                | ({"answer": text_of(said)} if self.path == "/graphql" else {})
            )
        self.send_response(answer.status)
        for name, text in answer.headers.items():
            if name.lower() in ("content-type", "etag", "content-range"):
                self.send_header(name, text)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_DELETE = _pass

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def record(python: str) -> Path:
    """Have the client of a Python do everything; where its requests were written."""
    version = subprocess.check_output([python, "-c", "import wandb; print(wandb.__version__)"], text=True).strip()
    folder = tempfile.mkdtemp()
    try:
        kept = _recorded(python, folder)
    finally:
        shutil.rmtree(folder)
    target = OPERATIONS / f"{version}.jsonl"
    target.parent.mkdir(exist_ok=True)
    target.write_text(neutral(kept, version, (folder, str(Path(python).parent), str(HERE))), encoding="utf-8")
    return target


def neutral(kept: list[dict[str, Any]], version: str, places: tuple[str, ...]) -> str:
    """What was recorded, a line a request, without the folders, the name and the packages of this machine."""

    def clean(text: str) -> str:
        for place in places:
            text = text.replace(place, "/recorded")
        return text.replace(f'host": "{socket.gethostname()}"', 'host": "host"')

    renewed: dict[str, str] = {}
    for item in kept:
        body = item["body"]
        if item["path"].partition("?")[0].endswith("/requirements.txt"):
            body["text"] = f"wandb=={version}\n"
        elif item["method"] == "PUT" and clean(body.get("text", "")) != body.get("text", ""):  # its digest is claimed
            old, body["text"] = body["text"], clean(body["text"])
            renewed |= dict(zip(_digests(old), _digests(body["text"]), strict=True))
        elif "text" in body:
            body["text"] = clean(json.dumps(json.loads(body["text"])) if item["path"] == "/graphql" else body["text"])
    text = clean("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in kept))
    for digest, new in renewed.items():
        text = text.replace(digest, new)
    return text


def _digests(text: str) -> tuple[str, str]:
    """The MD5 as hexadecimal digits and as base64."""
    md5 = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return md5.hex(), base64.b64encode(md5).decode()


def _recorded(python: str, folder: str) -> list[dict[str, Any]]:
    program = str(Path(sys.executable).parent / "madang")
    command = [program, "hub", "--store", f"{folder}/hub", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as hub:
        assert hub.stdout is not None
        recorder = Recorder(hub.stdout.readline().strip())
        threading.Thread(target=recorder.serve_forever, daemon=True).start()
        try:
            _drive(python, recorder.address, Path(folder))
        finally:
            recorder.shutdown()
            hub.terminate()
    return recorder.kept


def _drive(python: str, address: str, folder: Path) -> None:
    project = folder / "project"
    project.mkdir()
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("WANDB", "MADANG"))}
    places = {f"WANDB_{name}_DIR": str(folder / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    env = {
        **kept, **places, "HOME": str(folder), "WANDB_BASE_URL": address, "WANDB_API_KEY": KEY, "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false", "WANDB_DISABLE_GIT": "true", "WANDB_DISABLE_CODE": "true",
        "WANDB_HOST": "host", "TMPDIR": str(folder),
    }  # fmt: skip
    subprocess.run([python, str(HERE / "wandb_features.py")], cwd=project, env=env, check=True)


if __name__ == "__main__":
    print(record(sys.argv[1]))
