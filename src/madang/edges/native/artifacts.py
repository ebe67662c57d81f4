"""Collections, their versions, pointers and files."""

from __future__ import annotations

import mimetypes
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from starlette.responses import Response

from madang.domain.versions import AliasMove, Entry, PointerChange, check_path
from madang.edges.native.content import BYTES, SANDBOXED, send_blob
from madang.edges.native.services import NativeCall
from madang.errors import NotFound
from madang.formats import native
from madang.http.routes import LARGE_BODY, READ, WRITE, Param, Route
from madang.ports.versions import CollectionRow

_ONE = "/projects/{project}/artifacts/{name}"


class Collections(Struct):
    """Collections of a project."""

    collections: list[CollectionRow]


class Models(Struct):
    """Collections of type model."""

    models: list[CollectionRow]


def collections(call: NativeCall) -> Any:
    """GET /projects/{project}/artifacts."""
    found = call.services.artifacts.collections(call.who, call.path["project"], call.text("type") or None)
    return {"collections": found}


def models(call: NativeCall) -> Any:
    """GET /models."""
    return {"models": call.services.registry.models(call.who, call.text("project") or None)}


def versions(call: NativeCall) -> Any:
    """GET /projects/{project}/artifacts/{name}."""
    found = call.services.artifacts.versions(call.who, call.path["project"], call.path["name"])
    return native.VersionsBody([native.version(item, call.plain) for item in found])


def version(call: NativeCall) -> Any:
    """GET /projects/{project}/artifacts/{name}/{ref}."""
    found = call.services.artifacts.resolve(call.who, call.path["project"], _ref(call))
    entries = call.services.artifacts.manifest(call.who, found.project, found.ref)
    return native.version(found, call.plain, entries)


def _ref(call: NativeCall) -> str:
    return f"{call.path['name']}:{call.path['ref']}"


def version_file(call: NativeCall) -> Response:
    """GET /projects/{project}/artifacts/{name}/{ref}/files/{path}."""
    path = check_path(call.path["path"])
    project = call.path["project"]
    for entry in call.services.artifacts.manifest(call.who, project, _ref(call)):
        if entry.path == path:
            if not entry.is_held:
                raise NotFound(
                    f"{path[:200]!r} of {_ref(call)} is a reference to {entry.uri}.",
                    hint="Fetch it from there: `madang artifacts get` does.",
                )
            name = path.rpartition("/")[2]
            return send_blob(call, project, entry.digest, name, mimetypes.guess_type(name)[0] or "")
    raise NotFound(f"{_ref(call)} has no file {path[:200]!r}.")


class NewVersion(Struct, forbid_unknown_fields=True):
    """A version to be made of blobs that are in the project already."""

    name: str
    type: str
    entries: list[Entry]
    run: str = ""
    aliases: list[str] = []
    description: str = ""
    metadata: dict[str, Any] = {}


def create(call: NativeCall) -> Any:
    """POST /projects/{project}/artifacts."""
    body: NewVersion = call.body
    made = call.services.artifacts.create(
        call.who,
        call.path["project"],
        body.name,
        body.type,
        body.entries,
        run=body.run,
        aliases=tuple(body.aliases),
        description=body.description,
        metadata=body.metadata,
    )
    return native.version(made, call.plain)


class VersionEdit(Struct, forbid_unknown_fields=True):
    """What to replace on a version."""

    description: str | None = None
    metadata: dict[str, Any] | None = None
    tags: dict[str, str] | None = None


def edit(call: NativeCall) -> Any:
    """PATCH /projects/{project}/artifacts/{name}/{ref}."""
    body: VersionEdit = call.body
    found = call.services.artifacts.edit(
        call.who,
        call.path["project"],
        _ref(call),
        description=body.description,
        metadata=body.metadata,
        tags=body.tags,
    )
    return native.version(found, call.plain)


class PointerMove(Struct, forbid_unknown_fields=True):
    """Where an alias shall point. ``expected``: the number it points at now, null for nothing; left out for any."""

    number: int
    expected: int | UnsetType | None = UNSET
    reason: str = ""


class PointerRemoval(Struct, forbid_unknown_fields=True):
    """Take an alias away."""

    expected: int | UnsetType | None = UNSET
    reason: str = ""


def point(call: NativeCall) -> Any:
    """PUT /projects/{project}/artifacts/{name}/aliases/{alias}."""
    return _point(call, call.body.number)


def unpoint(call: NativeCall) -> Any:
    """DELETE /projects/{project}/artifacts/{name}/aliases/{alias}."""
    return _point(call, None)


def _point(call: NativeCall, number: int | None) -> Any:
    body: PointerMove | PointerRemoval = call.body
    expected: Any = ... if body.expected is UNSET else body.expected
    path = call.path
    return call.services.registry.point(
        call.who, path["project"], path["name"], path["alias"], number, expected=expected, reason=body.reason
    )


class Moves(Struct, forbid_unknown_fields=True):
    """Moves that are made all or none."""

    moves: list[AliasMove]
    reason: str = ""


def point_all(call: NativeCall) -> Any:
    """POST /pointers."""
    body: Moves = call.body
    return native.ChangesBody(call.services.registry.point_all(call.who, body.moves, body.reason))


class Promotion(Struct, forbid_unknown_fields=True):
    """The stage to bring a version to."""

    stage: str
    reason: str = ""


def promote(call: NativeCall) -> Any:
    """POST /projects/{project}/artifacts/{name}/{ref}/promote."""
    body: Promotion = call.body
    return call.services.registry.promote(call.who, call.path["project"], _ref(call), body.stage, body.reason)


def pointer_history(call: NativeCall) -> Any:
    """GET /projects/{project}/artifacts/{name}/history."""
    found = call.services.registry.history(call.who, call.path["project"], call.path["name"])
    return native.ChangesBody(found)


def routes() -> list[Route]:
    """The routes of collections, their versions and pointers."""
    return [*_of_versions(), *_of_pointers()]


def _of_versions() -> list[Route]:
    return [
        Route(
            "GET", "/projects/{project}/artifacts", collections, READ, "Collections", answer=Collections,
            query=(Param("type"),),
        ),
        Route(
            "POST", "/projects/{project}/artifacts", create, WRITE, "Make a version of blobs",
            body=NewVersion, answer=native.Version, status=201, limit=LARGE_BODY,
        ),
        Route("GET", "/models", models, READ, "Models", answer=Models, query=(Param("project"),)),
        Route("GET", _ONE, versions, READ, "Versions", answer=native.VersionsBody),
        Route("GET", _ONE + "/{ref}", version, READ, "A version and its files", answer=native.Version),
        Route("PATCH", _ONE + "/{ref}", edit, WRITE, "Describe a version", body=VersionEdit, answer=native.Version),
        Route(
            "GET", _ONE + "/{ref}/files/{path...}", version_file, READ, "A file of a version",
            answer=BYTES, query=SANDBOXED,
        ),
    ]  # fmt: skip


def _of_pointers() -> list[Route]:
    return [
        Route(
            "GET", _ONE + "/history", pointer_history, READ, "Moves of aliases and stages",
            answer=native.ChangesBody,
        ),
        Route(
            "PUT", _ONE + "/aliases/{alias}", point, WRITE, "Point an alias or stage at a version",
            body=PointerMove, answer=PointerChange,
        ),
        Route(
            "DELETE", _ONE + "/aliases/{alias}", unpoint, WRITE, "Take an alias or stage away",
            body=PointerRemoval, answer=PointerChange,
        ),
        Route(
            "POST", "/pointers", point_all, WRITE, "Move several aliases, all or none", body=Moves,
            answer=native.ChangesBody,
        ),
        Route(
            "POST", _ONE + "/{ref}/promote", promote, WRITE, "Bring a version to a stage",
            body=Promotion, answer=PointerChange,
        ),
    ]  # fmt: skip
