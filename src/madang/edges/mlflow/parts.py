"""Large files through the proxy: uploads in parts, and addresses from which ranges are read side by side."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Any, ClassVar
from urllib.parse import quote

from msgspec import field
from starlette.requests import Request
from starlette.responses import Response

from madang.edges.mlflow.arguments import Arguments
from madang.edges.mlflow.artifacts import MAX_FILE, find_file, keep, place_of, safe
from madang.edges.mlflow.checks import invalid
from madang.edges.mlflow.services import MlflowCall
from madang.errors import InvalidInput, NotFound
from madang.http.receiving import received
from madang.services.parts import MOST_PARTS, Part

_HERE = "/api/2.0/mlflow-artifacts"


class NewUpload(Arguments):
    """POST mpu/create; ``path`` is that of the file on the client's machine."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("path",)
    path: str = ""
    num_parts: int = 1


class SentPart(Arguments):
    """A part that was sent."""

    part_number: int = 0
    etag: str = ""


class Upload(Arguments):
    """POST mpu/complete and mpu/abort."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("path", "upload_id")
    path: str = ""
    upload_id: str = ""
    parts: list[SentPart] = field(default_factory=list)


def _target(call: MlflowCall) -> str:
    """The address of the file that an upload is for, checked as that of a file sent whole."""
    name = posixpath.basename(call.body.path.replace("\\", "/"))
    text = safe(f"{call.path['path']}/{name}")
    if not place_of(call, text)[1]:
        raise InvalidInput("Invalid path")
    return text


def address_of(request: Request, path: str) -> str:
    """The absolute address of a path of this server, as the caller reached it."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return f"{'https' if scheme == 'https' else 'http'}://{request.headers['host']}{quote(path)}"


def _own_credential(request: Request) -> dict[str, str]:
    """What the client is to send along, since it sends nothing of its own to such an address."""
    given = request.headers.get("authorization")
    return {"Authorization": given} if given else {}


def create(call: MlflowCall) -> Any:
    """POST mlflow-artifacts/mpu/create/{path}."""
    body: NewUpload = call.body
    if not 0 < body.num_parts <= MOST_PARTS:
        raise invalid("num_parts", body.num_parts)
    upload = call.services.parts.begin(call.who, _target(call))
    headers = _own_credential(call.request)
    return {
        "upload_id": upload,
        "credentials": [
            {"url": address_of(call.request, f"{_HERE}/mpu/part/{upload}/{number}"), "part_number": number}
            | ({"headers": headers} if headers else {})
            for number in range(1, body.num_parts + 1)
        ],
    }


async def put(call: MlflowCall) -> Response:
    """PUT mlflow-artifacts/mpu/part/{upload}/{number}."""
    number = call.path["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 7):
        raise NotFound("There is no such part.")

    def keep_part(pieces: Iterable[bytes], size: int | None) -> str:
        return call.services.parts.put(call.who, call.path["upload"], int(number), pieces)

    etag = await received(call.request, MAX_FILE, keep_part)
    return Response(None, 200, {"etag": etag})


def complete(call: MlflowCall) -> None:
    """POST mlflow-artifacts/mpu/complete/{path}: the parts become the file."""
    body: Upload = call.body
    target = _target(call)
    run, path = place_of(call, target)
    parts = [Part(item.part_number, item.etag.strip('"')) for item in body.parts]
    pieces, size = call.services.parts.joined(call.who, body.upload_id, target, parts)
    keep(call, run, path, pieces, size)
    call.services.parts.drop(call.who, body.upload_id, target)


def abort(call: MlflowCall) -> None:
    """POST mlflow-artifacts/mpu/abort/{path}."""
    call.services.parts.drop(call.who, call.body.upload_id, _target(call))


def presigned(call: MlflowCall) -> Any:
    """GET mlflow-artifacts/presigned/{path}: the address of the file here, which answers to ranges."""
    text = call.path["path"]
    _, file = find_file(call, text)
    url = address_of(call.request, f"{_HERE}/artifacts/{text}")
    return {"url": url, "headers": _own_credential(call.request), "file_size": file.size}
