"""Bytes of artifacts: signed addresses that need no credential, and the older ones that come with one."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from madang.domain.access import Permission, Principal, require
from madang.domain.versions import Entry, VersionRecord
from madang.edges.wandb.registry_search import project_called
from madang.edges.wandb.services import WandbCall
from madang.errors import NotFound
from madang.formats import wire
from madang.formats.wandb.artifacts import name_of
from madang.formats.wandb.ids import project_name
from madang.formats.wandb.manifest import write
from madang.http.content import send_file
from madang.http.receiving import received
from madang.http.routes import Route
from madang.http.signing import CLAIMS, LIFE, LONG_LIFE, base_url
from madang.ports.drafts import Draft, DraftManifest
from madang.services.drafts import LONGEST_MANIFEST

PREFIX = "/wandb/artifacts"
MOST = 1 << 44  # bytes of a file
_MD5 = re.compile(r"[0-9a-f]{32}\Z")


def _signed(call: WandbCall, method: str, path: str, life: int = LIFE) -> str:
    return call.services.signer.url(base_url(call.request), method, f"{PREFIX}{path}", to=call.who, life=life)


def _granted(call: WandbCall, level: Permission) -> Principal:
    """Whom a signed address was given to, as long as they may do in its project what it is for. Raises as `admit`."""
    who, _ = call.services.signer.admit(call.request, call.request.scope["path"])
    require(who, level, call.path["project"], {who.run})
    return who


# -- addresses ------------------------------------------------------------------------------------------------------


def file_url(call: WandbCall, draft: Draft, md5: str) -> str:
    """Where a file of a draft is sent."""
    return _signed(call, "PUT", f"/files/{md5}/{draft.project}")


def part_url(call: WandbCall, draft: Draft, upload: str, number: int) -> str:
    """Where a part of a file is sent."""
    return _signed(call, "PUT", f"/parts/{upload}/{number}/{draft.project}", LONG_LIFE)


def list_url(call: WandbCall, draft: Draft, manifest: DraftManifest) -> str:
    """Where a list of files of a draft is sent."""
    return _signed(call, "PUT", f"/lists/{manifest.id}/{draft.project}")


def blob_url(call: WandbCall, project: str, entry: Entry) -> str:
    """Where a file of a version is fetched."""
    name = entry.path.rpartition("/")[2]
    return _signed(call, "GET", f"/blobs/{entry.digest.removeprefix('blake3:')}/{name}/{project}")


def manifest_url(call: WandbCall, version: VersionRecord) -> str:
    """Where the manifest of a version is fetched."""
    id_ = base64.b64decode(name_of(version)).hex()
    return _signed(call, "GET", f"/manifests/{id_}/{version.project}")


# -- what they answer -----------------------------------------------------------------------------------------------


async def put_file(call: WandbCall) -> Response:
    """PUT files/{md5}/{project}: bytes that have to be those of the MD5."""
    who = await run_in_threadpool(_granted, call, Permission.WRITE)

    def take(pieces: Iterable[bytes], size: int | None) -> str:
        return call.services.drafts.take(who, call.path["project"], call.path["md5"], pieces, size).digest

    await received(call.request, MOST, take)
    return Response(None, 200, {"etag": f'"{call.path["md5"]}"'})


async def put_part(call: WandbCall) -> Response:
    """PUT parts/{upload}/{number}/{project}."""
    who = await run_in_threadpool(_granted, call, Permission.WRITE)

    def keep(pieces: Iterable[bytes], size: int | None) -> str:
        return call.services.parts.put(who, call.path["upload"], int(call.path["number"]), pieces, size)

    etag = await received(call.request, MOST, keep)
    return Response(None, 200, {"etag": f'"{etag}"'})


async def put_list(call: WandbCall) -> Response:
    """PUT lists/{manifest}/{project}."""
    who = await run_in_threadpool(_granted, call, Permission.WRITE)

    def keep(pieces: Iterable[bytes], _: int | None) -> None:
        call.services.drafts.take_list(who, int(call.path["manifest"]), b"".join(pieces))

    await received(call.request, LONGEST_MANIFEST, keep)
    return Response(None, 200)


def get_manifest(call: WandbCall) -> Response:
    """GET manifests/{id}/{project}."""
    who = _granted(call, Permission.READ)
    id_ = base64.b64encode(bytes.fromhex(call.path["id"])).decode()
    version = call.services.drafts.version(who, id_)
    return Response(write(call.services.digests.files(who, version)), 200, None, wire.JSON)


def get_blob(call: WandbCall) -> Response:
    """GET blobs/{digest}/{name}/{project}, whole or a range."""
    who = _granted(call, Permission.READ)
    return _send(call, who, call.path["project"], f"blake3:{call.path['digest']}", call.path["name"])


def _send(call: WandbCall, who: Principal, project: str, digest: str, name: str) -> Response:
    def opened(start: int = 0) -> BinaryIO:
        return call.services.artifacts.open_blob(who, project, digest, start)[0]

    file, size = call.services.artifacts.open_blob(who, project, digest)
    mime = mimetypes.guess_type(name)[0] or ""
    return send_file(call.request.headers, file, size, f'"{digest}"', opened, name=name, mime=mime)


def get_by_md5(call: WandbCall) -> Response:
    """GET /artifactsV2/{region}/{entity}/{project}/{collection}/…/{md5}/{name}, with the caller's own credential."""
    region, *parts = call.path["rest"].split("/")
    if len(parts) < 5 or not region or not _MD5.match(parts[-2]):
        raise NotFound("There is no such file of an artifact.")
    return _by_md5(call, [project_called(call, parts[0], parts[1])], parts[-2], parts[-1])


def get_by_md5_alone(call: WandbCall) -> Response:
    """GET /artifacts/{entity}/{md5}: the file of whichever project of the entity that the caller may read."""
    if not _MD5.match(call.path["md5"]):
        raise NotFound("There is no such file of an artifact.")
    own = project_name(call.path["entity"], "")
    beside = own.rpartition("/")[0]
    names = [item.name for item in call.services.projects.all(call.who)]
    places = [name for name in names if (name.rpartition("/")[0] == beside)]
    return _by_md5(call, places, call.path["md5"], call.path["md5"])


def _by_md5(call: WandbCall, places: list[str], md5: str, name: str) -> Response:
    for project in places:
        if call.who.level(project) >= Permission.READ:
            found = call.services.drafts.held(call.who, project, [f"md5:{md5}"])
            if found:
                return _send(call, call.who, project, found[f"md5:{md5}"].blob, name)
    raise NotFound("There is no such file of an artifact.")


def routes() -> list[Route]:
    """The routes of bytes of artifacts. What is signed needs no other credential."""
    signed = {"permission": Permission.NONE, "query": CLAIMS, "limit": MOST}
    own = {"permission": Permission.READ, "limit": MOST}
    made: list[tuple[str, str, Callable[..., Any], str, dict[str, Any]]] = [
        ("PUT", f"{PREFIX}/files/{{md5}}/{{project...}}", put_file, "Send a file of an artifact", signed),
        ("PUT", f"{PREFIX}/parts/{{upload}}/{{number}}/{{project...}}", put_part, "Send a part of a file", signed),
        ("PUT", f"{PREFIX}/lists/{{manifest}}/{{project...}}", put_list, "Send an artifact's manifest", signed),
        ("GET", f"{PREFIX}/manifests/{{id}}/{{project...}}", get_manifest, "An artifact's manifest", signed),
        ("GET", f"{PREFIX}/blobs/{{digest}}/{{name}}/{{project...}}", get_blob, "A file of an artifact", signed),
        ("GET", "/artifactsV2/{rest...}", get_by_md5, "A file of an artifact, by its MD5", own),
        ("GET", "/artifacts/{entity}/{md5}", get_by_md5_alone, "A file, by its MD5", own),
    ]
    return [
        Route(method=method, pattern=pattern, handler=handler, summary=summary, **more)
        for method, pattern, handler, summary, more in made
    ]


def is_ours(path: bytes) -> bool:
    """Whether a request's path (undecoded) is one of these."""
    return path.startswith((f"{PREFIX}/".encode(), b"/artifactsV2/", b"/artifacts/"))
