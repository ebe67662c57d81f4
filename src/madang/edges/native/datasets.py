"""Tracked data, its versions and files."""

from __future__ import annotations

import mimetypes
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from madang.domain.datasets import Dataset, DatasetVersion
from madang.edges.native.services import NativeCall
from madang.http.content import send_file
from madang.services.datasets import MAX_FILES


class DatasetsBody(Struct):
    """All data of a project."""

    data: list[Dataset]


class VersionsBody(Struct):
    """Versions, newest first."""

    versions: list[DatasetVersion]


def datasets(call: NativeCall) -> Any:
    """GET /projects/{project}/data."""
    return DatasetsBody(call.services.datasets.datasets(call.who, call.path["project"]))


def versions(call: NativeCall) -> Any:
    """GET /projects/{project}/data/versions."""
    return VersionsBody(call.services.datasets.versions(call.who, call.path["project"], call.text("of")))


def tree(call: NativeCall) -> Any:
    """GET /projects/{project}/data/tree."""
    limit = call.integer("limit", 1000, 1, MAX_FILES)
    return call.services.datasets.tree(
        call.who, call.path["project"], call.text("version"), call.text("against"), limit
    )


def table(call: NativeCall) -> Any:
    """GET /projects/{project}/data/table."""
    return call.services.datasets.table_change(
        call.who,
        call.path["project"],
        call.text("version"),
        call.text("against"),
        call.text("path"),
        call.text("name"),
    )


def file(call: NativeCall) -> Response:
    """GET /projects/{project}/data/file."""
    path = call.text("path")
    opened, size, md5 = call.services.datasets.open(call.who, call.path["project"], call.text("version"), path)
    name = path.rpartition("/")[2]
    kind = mimetypes.guess_type(name)[0] or ""
    return send_file(call.request.headers, opened, size, f'"{md5}"', name=name, mime=kind)
