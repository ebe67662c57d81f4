"""Sending bytes that users stored."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import Response

from madang.edges.native.services import NativeCall
from madang.errors import InvalidInput
from madang.http.answers import user_content


def send_blob(call: NativeCall, project: str, digest: str, name: str, mime: str = "") -> Response:
    """The bytes behind a digest in a project, as the file ``name``; a single byte range is honoured."""
    etag = f'"{digest}"'
    file, size = call.services.artifacts.open_blob(call.who, project, digest)
    try:
        if call.request.headers.get("if-none-match") == etag:
            file.close()
            return Response(None, 304, {"etag": etag})
        span = byte_range(call.request.headers, size, etag)
        if span is not None:
            file.seek(span[0])
        sandboxed = "sandboxed" in {param.name for param in call.route.query} and call.flag("sandboxed")
        answer = user_content(file, size, name=name, mime=mime, span=span, sandboxed=sandboxed)
        answer.headers["etag"] = etag
    except BaseException:
        file.close()
        raise
    return answer


def byte_range(headers: Headers, size: int, etag: str) -> tuple[int, int] | None:
    """The first and last byte that the caller wants, None for all of them (also when it asks for several parts).

    Raises:
        InvalidInput: a range outside the file.
    """
    given = headers.get("range", "")
    unit, _, spec = given.partition("=")
    if unit.strip() != "bytes" or "," in spec or headers.get("if-range", etag) != etag:
        return None
    first, sign, last = spec.strip().partition("-")
    if not sign or not (first + last).isdigit() or len(first + last) > 36:
        return None
    if first:
        start, end = int(first), min(int(last) if last else size - 1, size - 1)
    else:
        start, end = max(size - int(last), 0), size - 1
    if start > end:
        raise InvalidInput(f"The range {given[:60]!r} lies outside the {size} bytes.")
    return start, end
