"""Handlers: objects one by one as dvc's HTTP remote moves them, and many in one request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from starlette.responses import Response

from madang.errors import CorruptData, InvalidInput, TooLarge
from madang.formats import hub_data
from madang.http.calls import Call
from madang.http.content import send_file
from madang.http.receiving import received
from madang.services.data import Data

MAX_OBJECT = 1 << 44  # bytes
MAX_PAGE = 10_000

DataCall = Call[Data]


def _key(call: DataCall) -> str:
    """The key that the path spells: everything below the project."""
    fixed = call.route.pattern.removeprefix("/{project}/").removeprefix("uploads/").split("/")
    return "/".join(call.path[part.strip("{}")] if part.startswith("{") else part for part in fixed)


@contextmanager
def _blamed_on_the_sender() -> Iterator[None]:
    """Wrong bytes that came in are the sender's fault, not damage in the hub."""
    try:
        yield
    except CorruptData as error:
        raise InvalidInput(error.message, hint=error.hint) from error


def head(call: DataCall) -> Response:
    """HEAD …: the size in Content-Length."""
    found = call.services.stat(call.who, call.path["project"], _key(call))
    headers = {"content-length": str(found.size), "etag": f'"{found.digest}"', "accept-ranges": "bytes"}
    return Response(None, 200, {**headers, "cache-control": "no-store"})


def get(call: DataCall) -> Response:
    """GET …"""
    project, key = call.path["project"], _key(call)
    file, found = call.services.open(call.who, project, key)

    def again(start: int) -> BinaryIO:
        return call.services.open(call.who, project, key, start)[0]

    return send_file(call.request.headers, file, found.size, f'"{found.digest}"', again, name=key.rpartition("/")[2])


async def put(call: DataCall) -> Response:
    """PUT or POST …: the bytes are hashed as they come and kept only when they are what the key says."""
    with _blamed_on_the_sender():
        kept = await received(
            call.request,
            MAX_OBJECT,
            lambda pieces, size: call.services.put(call.who, call.path["project"], _key(call), pieces, size),
        )
    return Response(None, 201, {"etag": f'"{kept.digest}"', "cache-control": "no-store"})


def arrived(call: DataCall) -> Response:
    """HEAD uploads/…: how many bytes of an upload that was cut are here."""
    count = call.services.arrived(call.who, call.path["project"], _key(call), _whole(call, "upload-length"))
    return Response(None, 200, {"upload-offset": str(count), "cache-control": "no-store"})


async def append(call: DataCall) -> Response:
    """PATCH uploads/…: go on with an upload where it was cut; the last bytes make it an object."""
    offset, size = _whole(call, "upload-offset"), _whole(call, "upload-length")
    with _blamed_on_the_sender():
        kept = await received(
            call.request,
            MAX_OBJECT,
            lambda pieces, _: call.services.append(call.who, call.path["project"], _key(call), offset, size, pieces),
        )
    if isinstance(kept, int):
        return Response(None, 204, {"upload-offset": str(kept), "cache-control": "no-store"})
    headers = {"upload-offset": str(kept.size), "etag": f'"{kept.digest}"', "cache-control": "no-store"}
    return Response(None, 201, headers)


def _whole(call: DataCall, header: str) -> int:
    given = call.request.headers.get(header, "")
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise InvalidInput(f"The header {header} is {given[:40]!r} and not a number of bytes.")
    if int(given) > MAX_OBJECT:
        raise TooLarge(f"{given} bytes are more than {MAX_OBJECT}.")
    return int(given)


def sizes(call: DataCall) -> Any:
    """POST /{project}/objects/sizes."""
    return hub_data.Sizes(call.services.sizes(call.who, call.path["project"], call.body.keys))


def get_many(call: DataCall) -> Any:
    """POST /{project}/objects/get: as many of them, in order, as fit into one answer."""
    return hub_data.Pack(call.services.read_many(call.who, call.path["project"], call.body.keys))


def put_many(call: DataCall) -> Any:
    """POST /{project}/objects/put: all of them or none."""
    with _blamed_on_the_sender():
        return hub_data.Stored(call.services.put_many(call.who, call.path["project"], call.body.objects))


def listing(call: DataCall) -> Any:
    """GET /{project}/objects."""
    limit = call.integer("limit", MAX_PAGE, 1, MAX_PAGE)
    found = call.services.list(call.who, call.path["project"], call.text("prefix"), call.text("after"), limit)
    after = found[-1].key if len(found) == limit else ""
    return hub_data.Listing([hub_data.Listed(item.key, item.size, item.created_at) for item in found], after)


def delete(call: DataCall) -> Any:
    """POST /{project}/objects/delete."""
    call.services.delete(call.who, call.path["project"], call.body.keys)
    return {}
