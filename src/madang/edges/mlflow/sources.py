"""Where the files of a new version are: in a run, in a logged model, in another version, or outside this store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from madang.domain import events
from madang.domain.ids import is_id
from madang.domain.versions import STAGES, Entry
from madang.edges.mlflow import logged_models
from madang.edges.mlflow.checks import readings
from madang.edges.mlflow.finding import home_of, run_of
from madang.edges.mlflow.registered_models import row_of, version_number
from madang.edges.mlflow.services import MlflowCall
from madang.errors import InvalidInput, NotFound
from madang.services.mlflow_words import told_of
from madang.services.model_registry.models import stage_of

_MODEL = re.compile(r"/*(m-[0-9a-f]{32})/*\Z")
_PROXY = re.compile(r"(?:.*/)?(?P<run>(?:models/m-)?[0-9a-f]{32})/artifacts(?:/(?P<path>.+))?\Z")


class Source(NamedTuple):
    """What a source means: where a client fetches the files, the run they are from, those that a project here has."""

    text: str
    location: str
    run: str
    project: str = ""
    entries: Sequence[Entry] = ()


def source_of(call: MlflowCall, text: str, run_id: str, model_id: str) -> Source:
    """What the source of a version means.

    Raises:
        InvalidInput: it is a path of this machine, or leads out of its folder.
    """
    parsed = urlsplit(text)
    *_, plain = readings(parsed.path)
    if ".." in plain.split("/") or "#" in text or "?" in text:
        raise InvalidInput(f"Invalid model version source: '{text[:500]}'. It may not contain relative paths.")
    if parsed.scheme in ("", "file"):
        raise InvalidInput(
            f"Invalid model version source: '{text[:500]}'. To use a local path as a model version source, the run_id "
            "request parameter has to be specified and the local path has to be contained within the artifact "
            "directory of the run specified by the run_id."
        )
    if parsed.scheme == "models":
        return _of_model(call, text, plain.lstrip("/"))
    if parsed.scheme == "runs":
        run, _, path = plain.lstrip("/").partition("/")
        return _of_run(call, text, run, path, run_id or run)
    found = _PROXY.match(plain) if parsed.scheme == "mlflow-artifacts" else None
    if found is not None:
        run = found["run"].removeprefix("models/m-")
        return _of_run(call, text, run, found["path"] or "", run_id)
    return Source(text, text, run_id or _run_of_model(call, model_id))


def _run_of_model(call: MlflowCall, model_id: str) -> str:
    return logged_models.model_of(call, model_id).parent if model_id else ""


def _of_run(call: MlflowCall, text: str, run: str, path: str, writer: str) -> Source:
    try:
        found = run_of(call, run) if is_id(run) else None
    except NotFound:
        found = None
    if found is None:
        return Source(text, text, writer)
    return Source(text, text, writer, found.project, entries(found.files, path.strip("/")))


def entries(files: Iterable[events.File], folder: str) -> list[Entry]:
    """The files below a folder, by their paths in it."""
    start = f"{folder}/" if folder else ""
    return [Entry(file.path[len(start) :], file.digest, file.size) for file in files if file.path.startswith(start)]


def _of_model(call: MlflowCall, text: str, path: str) -> Source:
    logged = _MODEL.match(path)
    if logged is not None:
        try:
            model = logged_models.model_of(call, logged[1])
        except NotFound as error:
            raise InvalidInput(
                f"Unable to fetch model from model URI source artifact location '{text}'.Error: {error}"
            ) from None
        place = logged_models.artifact_uri(model, home_of(call, model))
        return Source(text, place, model.parent, model.project, entries(model.files, ""))
    name, sign, rest = path.partition("@")
    if not sign:
        name, _, rest = path.rpartition("/")
    row = row_of(call, name)
    number = row.aliases.get(rest.lower()) if sign else _numbered(call, name, rest)
    if number is None:
        raise NotFound(f"No version of model '{name}' is meant by '{text[:500]}'")
    version = call.services.models.version(call.who, row, number)
    told = told_of(version)
    plain = f"mlflow-artifacts:/versions/{row.project}/{row.name}/v{number}/artifacts"
    location = told.get("location") or told.get("source") or plain
    listed = call.services.models.entries(call.who, version)
    return Source(text, location, told.get("run_id", version.run), version.project, listed)


def _numbered(call: MlflowCall, name: str, rest: str) -> int | None:
    row = row_of(call, name)
    if rest.lower() == "latest":
        return row.latest or None
    if rest.lower() in (*STAGES, "none"):
        wanted = "" if rest.lower() == "none" else rest.lower()
        found = (item.number for item in call.services.models.versions(call.who, row))
        return next((number for number in found if stage_of(row, number) == wanted), None)
    return version_number(rest)
