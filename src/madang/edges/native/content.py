"""Sending bytes that users stored."""

from __future__ import annotations

from typing import BinaryIO

from starlette.responses import Response

from madang.edges.native.services import NativeCall
from madang.http.content import send_file
from madang.http.routes import Param

BYTES = "application/octet-stream"
SANDBOXED = (Param("sandboxed", "boolean", help="Show HTML in a frame without origin instead of as an attachment."),)


def send_blob(call: NativeCall, project: str, digest: str, name: str, mime: str = "") -> Response:
    """The bytes behind a digest in a project, as the file ``name``; a single byte range is honoured."""
    file, size = call.services.artifacts.open_blob(call.who, project, digest)

    def again(start: int) -> BinaryIO:
        return call.services.artifacts.open_blob(call.who, project, digest, start)[0]

    sandboxed = "sandboxed" in {param.name for param in call.route.query} and call.flag("sandboxed")
    return send_file(call.request.headers, file, size, f'"{digest}"', again, name=name, mime=mime, sandboxed=sandboxed)
