"""The web page: the built bundle from `madang/_ui`, or a page that says how to build it.

The files are listed once at the start. A request can only name one of them: its path never reaches the file system.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import madang
from madang.domain.access import ANONYMOUS
from madang.errors import NotFound, Unauthenticated
from madang.http.answers import set_cookie
from madang.http.dispatch import raw_path
from madang.http.paths import split_path
from madang.services.access import SESSION_LIFE, Access

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/vnd.microsoft.icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_FALLBACK = """<!doctype html><html lang="en"><meta charset="utf-8"><title>madang</title>
<body><h1>madang</h1>{text}</body></html>"""
_NOT_BUILT = (
    "<p>The web page is not built in this checkout. Run <code>make ui</code>, then reload.</p>"
    "<p>The API works all the same: <a href='/api/v1/openapi.json'>/api/v1/openapi.json</a>.</p>"
)
_USED = (
    "<p>This address opens the page once, and it was used before.</p>"
    "<p>Stop <code>madang ui</code> and start it again for a new one.</p>"
)


def ui_folder() -> str:
    """Where the built page lies in this installation."""
    return os.path.join(os.path.dirname(os.path.abspath(madang.__file__)), "_ui")


@dataclass
class _File:
    path: str
    kind: str
    hashed: bool  # its name changes with its content
    body: bytes = b""
    packed: bytes = b""
    tag: str = field(default="")

    def load(self) -> None:
        if not self.tag:
            with open(self.path, "rb") as file:
                self.body = file.read()
            self.packed = gzip.compress(self.body, 6, mtime=0) if len(self.body) > 1024 else b""
            self.tag = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


class Pages:
    """Serves the page, and turns the token in its address into a session."""

    def __init__(self, access: Access, cookie: str, folder: str | None = None) -> None:
        self._access = access
        self._cookie = cookie
        root = folder if folder is not None else ui_folder()
        self._files: dict[str, _File] = {}
        for base, _, names in os.walk(root):
            for name in names:
                kind = _TYPES.get(os.path.splitext(name)[1].lower())
                if kind:
                    path = os.path.join(base, name)
                    relative = os.path.relpath(path, root).replace(os.sep, "/")
                    self._files[relative] = _File(path, kind, relative.startswith("assets/"))

    async def answer(self, request: Request) -> Response:
        """The file at the path, else the page itself: its routes are the browser's.

        Raises:
            NotFound: a file (a last part with a dot) that is not in the bundle.
        """
        if "token" in request.query_params:
            return await self._enter(request)
        name = "/".join(split_path(raw_path(request.scope).rstrip(b"/") or b"/"))  # people type a last slash
        file = self._files.get(name)
        if file is None and "." in name.rpartition("/")[2] and name.startswith("assets/"):
            raise NotFound("There is no such file in the page.")
        file = file or self._files.get("index.html")
        if file is None:
            return _page(_NOT_BUILT)
        await run_in_threadpool(file.load)
        headers = {
            "etag": file.tag,
            "cache-control": "public, max-age=31536000, immutable" if file.hashed else "no-cache",
            "vary": "Accept-Encoding",
        }
        if request.headers.get("if-none-match") == file.tag:
            return Response(None, 304, headers)
        if file.packed and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.packed, 200, {**headers, "content-encoding": "gzip"}, file.kind)
        return Response(file.body, 200, headers, file.kind)

    async def _enter(self, request: Request) -> Response:
        """Open a session by the one-time token in the address, and go on without it."""
        path = "/" + request.url.path.lstrip("/")
        answer = RedirectResponse(path, 303, {"cache-control": "no-store"})
        try:
            _, secret = await run_in_threadpool(self._access.open_session, request.query_params["token"])
        except Unauthenticated:
            known = request.scope.get("madang.who", ANONYMOUS) != ANONYMOUS
            return answer if known else _page(_USED, 401)
        set_cookie(answer, self._cookie, secret, SESSION_LIFE)
        return answer


def _page(text: str, status: int = 200) -> Response:
    return Response(_FALLBACK.format(text=text), status, {"cache-control": "no-store"}, "text/html")
