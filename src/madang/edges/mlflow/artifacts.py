"""Files of runs through the proxy: the client's `mlflow-artifacts:` addresses."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable
from typing import Any, BinaryIO

from starlette.responses import Response

from madang.domain import events
from madang.domain.runs import RunRecord
from madang.domain.versions import Entry, check_path
from madang.edges.mlflow import shapes, trace_info
from madang.edges.mlflow.arguments import Arguments, from_query
from madang.edges.mlflow.checks import readings
from madang.edges.mlflow.finding import home_of, run_of
from madang.edges.mlflow.runs import RunId, state
from madang.edges.mlflow.services import MlflowCall
from madang.errors import InvalidInput, NotFound
from madang.http.content import send_file
from madang.http.receiving import received

MAX_FILE = 1 << 44  # bytes
_RUN = re.compile(r"(?:(?P<root>.*)/)?(?P<run>(?:models/m-)?[0-9a-f]{32})/artifacts(?:/(?P<path>.+))?\Z")
_TRACE = re.compile(r"(?:.*/)?traces/(?P<trace>[^/]+)/artifacts(?:/(?P<path>.+))?\Z")
_VERSION = re.compile(r"versions/(?P<project>.+)/(?P<name>[^/]+)/v(?P<number>\d{1,18})/artifacts(?:/(?P<path>.+))?\Z")


class Listing(Arguments):
    """GET mlflow-artifacts/artifacts."""

    path: str = ""


class RunListing(RunId):
    """GET artifacts/list."""

    path: str = ""
    page_token: str = ""


class RunFile(RunId):
    """GET /get-artifact, POST upload-artifact."""

    path: str = ""


def safe(text: str) -> str:
    """A path below the root of a run's files, however often it is encoded.

    Raises:
        InvalidInput: it could lead out of there.
    """
    for plain in readings(text):
        if plain.startswith("/") or "\\" in plain or "#" in plain or re.match(r"[A-Za-z]:", plain):
            raise InvalidInput("Invalid path")
        try:
            check_path(plain)
        except InvalidInput:
            raise InvalidInput("Invalid path") from None
    return text


def place_of(call: MlflowCall, text: str) -> tuple[RunRecord, str]:
    """The record whose files an address of the proxy means, and the path among them."""
    traced = _TRACE.match(safe(text))
    if traced is not None:
        return trace_info.need(call, traced["trace"]).record, traced["path"] or ""
    found = _RUN.match(safe(text))
    if found is None:
        raise NotFound(f"No such artifact: '{text[:200]}'")
    return run_of(call, found["run"].removeprefix("models/m-")), found["path"] or ""


def _files(call: MlflowCall, text: str) -> tuple[str, list[events.File], str]:
    """(project, files, path among them) that an address of the proxy means."""
    found = _VERSION.match(safe(text))
    if found is None:
        run, path = place_of(call, text)
        return run.project, run.files, path
    ref = f"{found['name']}:v{found['number']}"
    entries = call.services.artifacts.manifest(call.who, found["project"], ref)
    return found["project"], files_of(entries), found["path"] or ""


def files_of(entries: Iterable[Entry]) -> list[events.File]:
    """The files of a version, as those of runs are."""
    return [events.File(item.path, item.digest, item.size, _mime(item.path)) for item in entries]


def _mime(path: str) -> str:
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def children(files: Iterable[events.File], folder: str, *, below: str = "") -> list[dict[str, Any]]:
    """The files and folders right inside a folder; their paths begin with ``below``."""
    start = f"{folder}/" if folder else ""
    made: dict[str, dict[str, Any]] = {}
    for file in files:
        if file.path.startswith(start):
            name, deeper, _ = file.path[len(start) :].partition("/")
            path = f"{below}/{name}" if below else name
            made[name] = {"path": path, "is_dir": True} if deeper else {
                "path": path, "is_dir": False, "file_size": file.size
            }  # fmt: skip
    return [made[name] for name in sorted(made)]


def listing(call: MlflowCall) -> Any:
    """GET mlflow-artifacts/artifacts."""
    if not call.body.path:
        return {}
    try:
        _, found, folder = _files(call, call.body.path.rstrip("/"))
    except NotFound:
        return {}
    files = children(found, folder)
    return {"files": files} if files else {}


def list_of_run(call: MlflowCall) -> Any:
    """GET artifacts/list."""
    body: RunListing = call.body
    folder = safe(body.path) if body.path else ""
    run = run_of(call, body.run)
    root = shapes.artifact_uri(run, home_of(call, run))
    files = children(run.files, folder, below=folder)
    return {"root_uri": root, "files": files} if files else {"root_uri": root}


async def put(call: MlflowCall) -> Response:
    """PUT mlflow-artifacts/artifacts/{path}: bytes are hashed as they come, then named in the run."""

    def take(pieces: Iterable[bytes], size: int | None) -> None:
        run, path = place_of(call, call.path["path"])
        keep(call, run, path, pieces, size)

    await received(call.request, MAX_FILE, take)
    return Response(None, 200)


def keep(call: MlflowCall, run: RunRecord, path: str, pieces: Iterable[bytes], size: int | None) -> None:
    """Store the bytes of a file and name it in its run."""
    if not path:
        raise InvalidInput("Invalid path")
    kept = call.services.artifacts.put_blob(call.who, run.project, pieces, size=size)
    state(call, run.id, [events.File(path, kept.digest, kept.size, _mime(path))])


def find_file(call: MlflowCall, text: str) -> tuple[str, events.File]:
    """(project, file) that an address of the proxy means."""
    project, files, path = _files(call, text)
    return project, _named(files, path)


def _named(files: Iterable[events.File], path: str) -> events.File:
    file = next((item for item in files if item.path == path), None)
    if file is None:
        raise NotFound(f"No such artifact: '{path[:200]}'")
    return file


def get(call: MlflowCall) -> Response:
    """GET mlflow-artifacts/artifacts/{path}."""
    return _send(call, *find_file(call, call.path["path"]))


def send(call: MlflowCall, project: str, files: Iterable[events.File], path: str) -> Response:
    """One of some files of a project."""
    return _send(call, project, _named(files, path))


def get_of_run(call: MlflowCall) -> Response:
    """GET /get-artifact."""
    body: RunFile = call.body
    run = run_of(call, body.run)
    return send(call, run.project, run.files, safe(body.path))


def _send(call: MlflowCall, project: str, file: events.File) -> Response:
    def opened(start: int = 0) -> BinaryIO:
        return call.services.artifacts.open_blob(call.who, project, file.digest, start)[0]

    name = file.path.rpartition("/")[2]
    return send_file(call.request.headers, opened(), file.size, f'"{file.digest}"', opened, name=name, mime=file.mime)


def delete(call: MlflowCall) -> None:
    """DELETE mlflow-artifacts/artifacts/{path}: a file, or all of a folder."""
    run, path = place_of(call, call.path["path"])
    gone = [file.path for file in run.files if not path or file.path == path or file.path.startswith(f"{path}/")]
    if gone:
        state(call, run.id, [events.Removed("files", gone)])


async def upload_to_run(call: MlflowCall) -> Response:
    """POST upload-artifact, as MLflow's page sends files."""
    body: RunFile = from_query(call.request.scope["query_string"], RunFile)
    if not (body.run_id or body.run_uuid):
        raise InvalidInput("Request must specify run_uuid.")
    if not body.path:
        raise InvalidInput("Request must specify path.")
    safe(body.path)
    if call.request.headers.get("content-length") == "0":
        raise InvalidInput("Request must specify data.")

    def take(pieces: Iterable[bytes], size: int | None) -> None:
        keep(call, run_of(call, body.run), safe(body.path), pieces, size)

    await received(call.request, MAX_FILE, take)
    return Response(None, 200)
