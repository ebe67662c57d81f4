"""Bytes of files, whole or in part."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from starlette.datastructures import Headers
from starlette.responses import Response

from madang.errors import InvalidInput
from madang.http.answers import CHUNK, SANDBOX, user_content


def send_file(
    headers: Headers,
    file: BinaryIO,
    size: int,
    etag: str,
    again: Callable[[int], BinaryIO] | None = None,
    *,
    name: str,
    mime: str = "",
    sandboxed: bool = False,
) -> Response:
    """The bytes of an open file, which is closed in any case; ``headers`` of the request may ask for a single range.

    ``again`` opens it at a position: what comes from a cloud cannot be moved in, only read up to there.

    Raises:
        InvalidInput: a range outside the file.
    """
    try:
        if headers.get("if-none-match") == etag:
            file.close()
            # A browser puts this answer's policy on what it keeps; without it that is the gate's, for our own page.
            return Response(None, 304, {"etag": etag, "content-security-policy": SANDBOX})
        span = byte_range(headers, size, etag)
        if span is not None and span[0]:
            file = _moved(file, span[0], again)
        answer = user_content(file, size, name=name, mime=mime, span=span, sandboxed=sandboxed)
        answer.headers["etag"] = etag
    except BaseException:
        file.close()
        raise
    return answer


def _moved(file: BinaryIO, start: int, again: Callable[[int], BinaryIO] | None) -> BinaryIO:
    if file.seekable():
        file.seek(start)
        return file
    if again is not None:
        file.close()
        return again(start)
    while start > 0 and (piece := file.read(min(start, CHUNK))):
        start -= len(piece)
    return file


def byte_range(headers: Headers, size: int, etag: str) -> tuple[int, int] | None:
    """The first and last byte that the caller wants, None for all of them (also when it asks for several parts).

    Raises:
        InvalidInput: a range outside the file.
    """
    given = headers.get("range", "")
    unit, _, spec = given.partition("=")
    if size == 0 or unit.strip() != "bytes" or "," in spec or headers.get("if-range", etag) != etag:
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
