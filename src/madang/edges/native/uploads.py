"""Ingest: segments (resumable, chain-checked) and blobs (verified on arrival)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from starlette.responses import Response

from madang.domain.ids import check_digest, check_id
from madang.edges.native.content import BYTES, send_blob
from madang.edges.native.services import NativeCall
from madang.errors import CorruptData, InvalidInput, NotFound
from madang.formats.segment import FRAME_HEAD, MAX_PAYLOAD
from madang.http.calls import stream
from madang.http.receiving import received
from madang.http.routes import READ, WRITE, Param, Route
from madang.http.threads import WRITERS
from madang.services.pieces import SegmentPosition

MAX_SEGMENT_BODY = 1 << 40  # bytes in one request; memory is bounded by PIECE and the largest frame
MAX_BLOB = 1 << 44  # bytes
PIECE = 1 << 20  # bytes gathered before they are applied
MOST_READ = 16 << 20  # bytes of a segment in one answer


def _headers(at: SegmentPosition) -> dict[str, str]:
    return {
        "upload-offset": str(at.offset),
        "madang-chain": at.chain,
        "upload-complete": "?1" if at.sealed else "?0",
        "cache-control": "no-store",
    }


def position(call: NativeCall) -> Response:
    """HEAD /runs/{run}/segments/{segment}."""
    run, segment = check_id(call.path["run"]), check_id(call.path["segment"], "segment")
    headers = _headers(call.services.tracking.segment(call.who, run, segment))
    # Only who keeps the bytes itself may be the reason to give them up elsewhere: `madang ui` shows another's files.
    headers["madang-holds"] = "?1" if call.services.tracking.holds_bytes else "?0"
    return Response(None, 200, headers)


def segment_bytes(call: NativeCall) -> Response:
    """GET /runs/{run}/segments/{segment}: a part of a segment; an empty body says that it ends there."""
    run, segment = check_id(call.path["run"]), check_id(call.path["segment"], "segment")
    offset, limit = call.integer("offset", 0, 0), call.integer("limit", PIECE, 1, MOST_READ)
    data = call.services.tracking.segment_bytes(call.who, run, segment, offset, limit)
    headers = {"content-disposition": f'attachment; filename="{segment}.seg"', "cache-control": "no-store"}
    return Response(data, 200, headers, "application/octet-stream")


async def append(call: NativeCall) -> Response:
    """PATCH /runs/{run}/segments/{segment}: what is acknowledged has been applied and is durable."""
    run, segment = check_id(call.path["run"]), check_id(call.path["segment"], "segment")
    project = call.text("project")
    given = call.request.headers.get("upload-offset", "")
    chain = call.request.headers.get("madang-chain", "")
    if not project:
        raise InvalidInput("The parameter project is missing.")
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise InvalidInput("The header Upload-Offset is not a number of bytes.")
    if len(chain) != 32 or set(chain) - set("0123456789abcdef"):
        raise InvalidInput("The header Madang-Chain is not 32 lower-case hex digits.")
    offset, position = int(given), None
    async for piece in whole_frames(stream(call.request, MAX_SEGMENT_BODY)):
        position = await WRITERS.run(
            partial(call.services.tracking.append, call.who, project, run, segment, offset, chain, piece)
        )
        offset, chain = offset + len(piece), position.chain
    if position is None:
        raise InvalidInput("The body is empty.", hint="HEAD tells the offset without a change.")
    return Response(None, 204, _headers(position))


async def whole_frames(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut a body at frame ends, about a mebibyte at a time.

    A torn rest, or what begins with an impossible length, comes last, for the service to judge.
    """
    held = bytearray()
    end = 0  # of the last whole frame in `held`
    async for piece in body:
        held += piece
        while len(held) - end >= 4:
            length = int.from_bytes(held[end : end + 4], "little")
            if not 0 < length <= MAX_PAYLOAD:
                for part in (held[:end], held[end:]):
                    if part:
                        yield bytes(part)
                return
            if len(held) - end < FRAME_HEAD + length:
                break
            end += FRAME_HEAD + length
        if end >= PIECE:
            yield bytes(held[:end])
            del held[:end]
            end = 0
    if held:
        yield bytes(held)


async def put_blob(call: NativeCall) -> Response:
    """PUT /projects/{project}/blobs/{digest}: the bytes are hashed as they come and kept only when they fit."""
    digest = check_digest(call.path["digest"])
    try:
        kept = await received(
            call.request,
            MAX_BLOB,
            lambda pieces, size: call.services.artifacts.put_blob(call.who, call.path["project"], pieces, digest, size),
        )
    except CorruptData as error:  # the sender's bytes, not ours
        raise InvalidInput(error.message, hint=error.hint) from error
    return Response(None, 201, {"etag": f'"{kept.digest}"', "cache-control": "no-store"})


def get_blob(call: NativeCall) -> Response:
    """GET /projects/{project}/blobs/{digest}."""
    digest = check_digest(call.path["digest"])
    return send_blob(call, call.path["project"], digest, digest.partition(":")[2])


def has_blob(call: NativeCall) -> Response:
    """HEAD /projects/{project}/blobs/{digest}: only for what the caller can read in a version or run already."""
    digest = check_digest(call.path["digest"])
    if not call.services.artifacts.has_blob(call.who, call.path["project"], digest):
        raise NotFound("The project has no such blob.")
    return Response(None, 200, {"etag": f'"{digest}"', "cache-control": "no-store"})


def routes() -> list[Route]:
    """The routes by which blobs and segments travel."""
    blob, segment = "/projects/{project}/blobs/{digest}", "/runs/{run}/segments/{segment}"
    return [
        Route("PUT", blob, put_blob, WRITE, "Upload a blob; its digest is checked", status=201),
        Route("GET", blob, get_blob, READ, "Download a blob", answer=BYTES),
        Route("HEAD", blob, has_blob, READ, "Whether a readable version or run holds a blob"),
        Route(
            "GET", segment, segment_bytes, READ, "Bytes of a segment", answer=BYTES,
            query=(Param("offset", "integer"), Param("limit", "integer", help=f"Up to {MOST_READ}.")),
        ),
        Route("HEAD", segment, position, WRITE, "How far a segment has been received"),
        Route("PATCH", segment, append, WRITE, "Append to a segment", query=(Param("project"),), status=204),
    ]  # fmt: skip
