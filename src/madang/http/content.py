"""Bytes of files, whole or in part."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from starlette.datastructures import Headers
from starlette.responses import Response

from madang.http.answers import CHUNK, SANDBOX, outside, user_content


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

    A range outside the file is answered with 416 and the file's size.
    """
    try:
        if headers.get("if-none-match") == etag:
            file.close()
            # A browser puts this answer's policy on what it keeps; without it that is the gate's, for our own page.
            return Response(None, 304, {"etag": etag, "content-security-policy": SANDBOX})
        span = byte_range(headers, size, etag)
        if span is not None and span[0] > span[1]:
            file.close()
            return outside(size)
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

    The first is behind the last where the range lies outside the file.
    """
    unit, _, spec = headers.get("range", "").partition("=")
    if size == 0 or unit.strip() != "bytes" or "," in spec or headers.get("if-range", etag) != etag:
        return None
    first, sign, last = spec.strip().partition("-")
    if not sign or not (first + last).isdigit() or len(first + last) > 36:
        return None
    if not first:
        return max(size - int(last), 0), size - 1
    if last and int(last) < int(first):
        return None  # no range (RFC 9110, 14.1.1), which is passed over
    return int(first), min(int(last) if last else size - 1, size - 1)
