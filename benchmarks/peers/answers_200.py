"""A server that says yes to W&B's client and keeps nothing: `answers_200.py PORT`. Only the standard library."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_USER = {
    "id": "VXNlcjox",
    "entity": "local",
    "username": "local",
    "name": "local",
    "email": "local@example.org",
    "admin": True,
    "flags": "{}",
    "teams": {"edges": []},
    "apiKeys": {"edges": []},
}


def _bucket(variables: dict[str, Any]) -> dict[str, Any]:
    name = variables.get("name") or "run"
    return {
        "upsertBucket": {
            "bucket": {
                "id": "UnVuOjE=",
                "name": name,
                "displayName": name,
                "description": None,
                "config": "{}",
                "sweepName": None,
                "historyLineCount": 0,
                "project": {
                    "id": "UHJvamVjdDox",
                    "name": variables.get("project") or "bench",
                    "entity": {"id": "RW50aXR5OjE=", "name": "local"},
                },
            },
            "inserted": True,
        }
    }


def _data(body: dict[str, Any], host: str) -> dict[str, Any]:
    query, variables = body.get("query", ""), body.get("variables") or {}
    if "upsertBucket" in query:
        return _bucket(variables)
    if "createRunFiles" in query:
        files = [{"name": name, "uploadUrl": f"http://{host}/put/{name}"} for name in variables.get("files", [])]
        return {"createRunFiles": {"runID": "UnVuOjE=", "uploadHeaders": [], "files": files}}
    if "viewer" in query:
        return {"viewer": _USER}
    if "serverInfo" in query:
        return {"serverInfo": {"features": [], "cliVersionInfo": {"max_cli_version": "9.9.9"}}}
    return {"entity": None}


class Handler(BaseHTTPRequestHandler):
    """Reads the body, and answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said: dict[str, Any] = {}
        if self.path.startswith("/graphql"):
            said = {"data": _data(json.loads(body), self.headers["Host"])}
        content = json.dumps(said).encode()
        self.send_response(404 if self.path.startswith("/sdk/") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
