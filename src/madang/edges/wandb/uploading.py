"""Files of runs: addresses to send them to, and the bytes as they come."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from madang.domain import events
from madang.domain.files import BlobRef
from madang.domain.runs import RunRecord
from madang.domain.versions import check_path
from madang.edges.wandb.facts import with_packages
from madang.edges.wandb.finding import name_of, need_run, project_of, require_writing, target_of
from madang.edges.wandb.resolving import Resolver
from madang.edges.wandb.services import WandbCall
from madang.errors import InvalidInput
from madang.formats.wandb.ids import entity_and_project, node_id
from madang.http.receiving import received
from madang.http.signing import LONG_LIFE, base_url

MAX_FILE = 1 << 44  # bytes
_PACKAGES, _MOST_PACKAGES = "requirements.txt", 1 << 20  # bytes of it that are read


def path_of(run: RunRecord, file: str) -> str:
    """Where a file of a run lies on this server."""
    entity, project = entity_and_project(run.project)
    return f"/files/{entity}/{project}/{name_of(run)}/{file}"


def create(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.createRunFiles: an address for each name, none for a name that could lead out of the run's files."""
    said = given["input"]
    project = project_of(call, said["entityName"], said["projectName"])
    run = call.services.search.run(call.who, target_of(call, project, said["runName"])[0], metrics=0, exact=True)
    require_writing(call.who, run)
    files = [{"name": name, "uploadUrl": _upload_url(call, run, name)} for name in said["files"]]
    return {"runID": node_id("Run", run.id), "uploadHeaders": [], "files": files}


def _upload_url(call: WandbCall, run: RunRecord, name: str) -> str | None:
    try:
        path = path_of(run, check_path(name))
    except InvalidInput:
        return None
    base = base_url(call.request)
    return call.services.signer.url(base, "PUT", path, to=call.who, life=LONG_LIFE, run=run.id)


async def put(call: WandbCall) -> Response:
    """PUT /files/{entity}/{project}/{run}/{path}: at a signed address."""
    place = "/files/{entity}/{project}/{run}/{path}".format(**call.path)
    who, claims = await run_in_threadpool(call.services.signer.admit, call.request, place)

    def take(pieces: Iterable[bytes], size: int | None) -> None:
        project = project_of(call, call.path["entity"], call.path["project"])
        path = call.path["path"]

        def note(kept: BlobRef) -> None:
            mime = mimetypes.guess_type(path)[0] or "application/octet-stream"
            made = events.File(path, kept.digest, kept.size, mime)
            call.services.tracking.state(who, claims["run"], [made], freely=True, later=True)

        kept = call.services.artifacts.put_blob(who, project, pieces, size=size, note=note)
        if path == _PACKAGES and kept.size <= _MOST_PACKAGES:
            file, _ = call.services.artifacts.open_blob(who, project, kept.digest)
            with file:
                text = file.read().decode("utf-8", "replace")
            call.services.streams.say(who, claims["run"], lambda stored: with_packages(stored.state, text))

    await received(call.request, MAX_FILE, take)
    return Response(None, 200)


def mark(_: Any, call: WandbCall, given: dict[str, Any]) -> dict[str, Any]:
    """Mutation.markRunFilesUploaded: what came is known already."""
    said = given["input"]
    need_run(call, project_of(call, said["entityName"], said["projectName"]), said["runName"])
    return {"success": True}


RESOLVERS: dict[str, Resolver] = {
    "Mutation.createRunFiles": create,
    "Mutation.markRunFilesUploaded": mark,
}
