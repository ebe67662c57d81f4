"""Answers: values, errors and bytes that users chose."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import quote

import anyio.to_thread
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from madang.errors import MadangError
from madang.formats import wire

log = logging.getLogger("madang.http")

STATUS: dict[str, int] = {
    "invalid-input": 400,
    "usage": 400,
    "unauthenticated": 401,
    "access-denied": 403,
    "not-found": 404,
    "conflict": 409,
    "diverged": 409,
    "too-large": 413,
    "refused": 422,
    "incompatible": 426,
    "corrupt-data": 500,
    "unavailable": 503,
    "storage": 503,
}
# Kinds that a browser may show in a page's <img>, <video> or <audio>; all else is bytes to it.
SHOWN = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/svg+xml", "video/mp4", "video/webm",
        "audio/mpeg", "audio/wav", "audio/ogg", "text/plain",
    }
)  # fmt: skip
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'"
)
CHUNK = 256 << 10


def encoded(value: Any, binary: bool, status: int = 200) -> Response:
    """A value in the encoding that the caller asked for."""
    media = wire.MSGPACK if binary else wire.JSON
    headers = {"cache-control": "no-store", "vary": "Accept"}
    return Response(wire.encode(value, binary), status, headers, media)


def failed(error: MadangError, headers: Mapping[str, str] | None = None) -> Response:
    """An expected failure: its code, what happened and the next step."""
    body = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
    status = STATUS.get(error.code, 500)
    own = {"cache-control": "no-store", **(headers or {})}
    if status == 401:
        own["www-authenticate"] = 'Bearer realm="madang"'
    return Response(wire.encode(body), status, own, wire.JSON)


def storage_failed(error: OSError) -> Response:
    """The operating system refused. The path stays in the server's log."""
    log.error("the operating system refused: %s", error)
    said = error.strerror or type(error).__name__
    body = {"error": {"code": "storage", "message": f"The server's disk refused: {said}.", "hint": "Tell its admin."}}
    return Response(wire.encode(body), 503, {"cache-control": "no-store"}, wire.JSON)


def unexpected() -> Response:
    """A defect of ours. The details are in the server's log, never in the answer."""
    message = "The server made a mistake; its log has the details."
    body = {"error": {"code": "error", "message": message, "hint": "Report it with the time of day."}}
    return Response(wire.encode(body), 500, {"cache-control": "no-store"}, wire.JSON)


def not_allowed(methods: list[str]) -> Response:
    """The path is there and the method is not."""
    body = {"error": {"code": "invalid-input", "message": "This path does not take that method.", "hint": ""}}
    return Response(wire.encode(body), 405, {"allow": ", ".join(methods), "cache-control": "no-store"}, wire.JSON)


def outside(size: int) -> Response:
    """The range that was asked for lies outside a file of this size (RFC 9110, 15.5.17)."""
    body = {"error": {"code": "invalid-input", "message": f"The range lies outside the {size} bytes.", "hint": ""}}
    own = {"content-range": f"bytes */{size}", "cache-control": "no-store"}
    return Response(wire.encode(body), 416, own, wire.JSON)


def set_cookie(response: Response, name: str, secret: str, life: int) -> None:
    """Hand a session to the browser for ``life`` µs: scripts cannot read it, other sites' pages never send it."""
    response.set_cookie(name, secret, max_age=life // 1_000_000, path="/", httponly=True, samesite="strict")


class _Body(StreamingResponse):
    """Closes its file however the transfer ends."""

    def __init__(self, close: Callable[[], None], *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._close)


def user_content(
    file: BinaryIO,
    size: int,
    *,
    name: str,
    mime: str = "",
    span: tuple[int, int] | None = None,
    sandboxed: bool = False,
) -> Response:
    """Bytes that a user chose: an attachment of a harmless type, or (``sandboxed``) a page without any origin.

    ``file`` stands at the first byte to send; ``span`` (first, last) is the part that is sent when not all.
    """
    kind = mime.partition(";")[0].strip().lower()
    headers = {
        "content-security-policy": SANDBOX,
        "x-content-type-options": "nosniff",
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
    }
    if sandboxed and kind == "text/html":
        kind = "text/html; charset=utf-8"
        headers["content-disposition"] = "inline"
    else:
        kind = kind if kind in SHOWN else "application/octet-stream"
        kind = "text/plain; charset=utf-8" if kind == "text/plain" else kind
        shown = "".join(sign if sign.isalnum() or sign in "._- " else "_" for sign in name if ord(sign) < 127) or "file"
        utf8 = quote(name.encode("utf-8", "replace"), safe="")
        headers["content-disposition"] = f"attachment; filename=\"{shown}\"; filename*=UTF-8''{utf8}"
    length, status = size, 200
    if span is not None:
        length, status = span[1] - span[0] + 1, 206
        headers["content-range"] = f"bytes {span[0]}-{span[1]}/{size}"
    headers["content-length"] = str(length)
    return _Body(file.close, _pieces(file, length), status, headers, kind)


def _pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0:
        piece = file.read(min(CHUNK, length))
        if not piece:
            raise OSError("the file ended early")
        length -= len(piece)
        yield piece
