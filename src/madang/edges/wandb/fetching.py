"""Files of runs, as bytes."""

from __future__ import annotations

from typing import BinaryIO

from starlette.responses import Response

from madang.domain import events
from madang.domain.runs import RunRecord
from madang.edges.wandb.finding import project_of, run_of
from madang.edges.wandb.services import WandbCall
from madang.errors import NotFound
from madang.http.content import send_file


def files_of(run: RunRecord) -> dict[str, events.File]:
    """The files of a run by path: those that its client has saved, and what it was told to keep of its outputs."""
    outputs = {item.path: events.File(item.path, item.digest, item.size) for item in run.outputs if item.digest}
    return {**outputs, **{item.path: item for item in run.files}}


def fetch(call: WandbCall) -> Response:
    """GET /files/{entity}/{project}/{run}/{path}: the bytes of one file."""
    run = run_of(call, project_of(call, call.path["entity"], call.path["project"]), call.path["run"], metrics=0)
    item = files_of(run).get(call.path["path"]) if run is not None else None
    if run is None or item is None:
        raise NotFound(f"There is no file {call.path['path'][:200]!r} of run {call.path['run'][:100]}.")
    project, digest, artifacts = run.project, item.digest, call.services.artifacts
    file, size = artifacts.open_blob(call.who, project, digest)

    def again(start: int) -> BinaryIO:
        return artifacts.open_blob(call.who, project, digest, start)[0]

    name = item.path.rpartition("/")[2]
    return send_file(call.request.headers, file, size, f'"{digest}"', again, name=name, mime=item.mime)
