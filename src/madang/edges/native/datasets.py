"""Tracked data, its versions and files."""

from __future__ import annotations

import mimetypes
from typing import Any

from msgspec import Struct
from starlette.responses import Response

from madang.domain.datasets import Dataset, DatasetTree, DatasetVersion
from madang.domain.tables import TableChange
from madang.edges.native.content import BYTES
from madang.edges.native.services import NativeCall
from madang.http.content import send_file
from madang.http.routes import READ, Param, Route
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


def routes() -> list[Route]:
    """The routes of tracked data."""
    dataset = "/projects/{project}/data"
    version = (Param("version", help="`md5:…`"), Param("path", help="The file; left out for a single one."))
    return [
        Route("GET", dataset, datasets, READ, "Tracked data", answer=DatasetsBody),
        Route(
            "GET", dataset + "/versions", versions, READ, "Versions of some data and the runs that read them",
            answer=VersionsBody, query=(Param("of", help="The tracked path."),),
        ),
        Route(
            "GET", dataset + "/tree", tree, READ, "The files of a version, and what changed against another",
            answer=DatasetTree, query=(version[0], Param("against"), Param("limit", "integer")),
        ),
        Route(
            "GET", dataset + "/table", table, READ, "How a file differs between two versions as a table",
            answer=TableChange, query=(*version, Param("against"), Param("name", help="Of a single file.")),
        ),
        Route("GET", dataset + "/file", file, READ, "A file of a version", answer=BYTES, query=version),
    ]  # fmt: skip
