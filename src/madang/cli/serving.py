"""`madang models serve` at work: which model is meant, what its process is told, and the record of what was served."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from madang.cli import launching, output, records
from madang.domain import events, model_uris, redact
from madang.domain.files import FileRef
from madang.domain.model_uris import ModelUri
from madang.domain.versions import Entry
from madang.errors import Conflict, CorruptData, NotFound
from madang.formats import mlmodel
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.sdk import blobs, checkout, follow
from madang.sdk.console import Console
from madang.sdk.run import Run
from madang.server.scoring.serving import State, Target
from madang.server.scoring.workers import Model
from madang.workspace.environments import requirements
from madang.workspace.environments.building import kept_in

if TYPE_CHECKING:
    from madang.domain.runs import RunRecord
    from madang.ports.reader import Reader

_SECRETS = ("MADANG_", "MLFLOW_TRACKING_", "WANDB_API_KEY")  # the model's process is not ours to trust with a hub
_EXAMPLE = 16 << 20  # bytes


class Loading:
    """How the processes of a model are started."""

    def __init__(self, *, allow_pickle: bool, rebuilt: bool) -> None:
        self._allow_pickle = allow_pickle
        self._rebuilt = rebuilt

    def model(self, folder: str) -> Model:
        """What the process for the model in a folder is told.

        Raises:
            NotFound: there is no model.
            CorruptData: its description cannot be read.
        """
        path = os.path.join(folder, mlmodel.FILE)
        try:
            with open(path, encoding="utf-8") as file:
                described = mlmodel.load(file.read(mlmodel.MAX_BYTES + 1), path)
        except (OSError, UnicodeDecodeError) as error:
            raise NotFound(
                f"{folder} holds no model: no readable file {mlmodel.FILE}.",
                hint="Register it as a model: madang models register RUN PATH --name NAME",
            ) from error
        told = {
            "folder": folder,
            "flavors": described.flavors,
            "signature": described.extra.get("signature"),
            "allow_pickle": self._allow_pickle,
            "requirements": _requirements(folder),
        }
        env = {name: text for name, text in os.environ.items() if not name.startswith(_SECRETS)}
        python = sys.executable
        if self._rebuilt:
            python = requirements.provide(_environment(folder), kept_in(os.environ), output.note)
            env.pop("PYTHONPATH", None)
            told["requirements"] = []
        return Model(told, python, os.getcwd(), env, _example(folder, described.extra))


def _requirements(folder: str) -> list[str]:
    path = os.path.join(folder, "requirements.txt")
    return list(requirements.read(path).requirements) if os.path.exists(path) else []


def _environment(folder: str) -> requirements.PythonEnv:
    for name in ("python_env.yaml", "requirements.txt"):
        if os.path.exists(os.path.join(folder, name)):
            return requirements.read(os.path.join(folder, name))
    raise NotFound(f"The model in {folder} does not say what it needs.", hint="Serve it with --env local.")


def _example(folder: str, extra: Mapping[str, Any]) -> bytes:
    """The request that MLflow has stored with a model; empty for none."""
    told = extra.get("saved_input_example_info")
    name = told.get("serving_input_path") if isinstance(told, dict) else None
    if not isinstance(name, str):
        return b""
    path = os.path.realpath(os.path.join(folder, name))
    if not path.startswith(os.path.realpath(folder) + os.sep):
        raise CorruptData(f"The model in {folder} names an example that lies outside it.")
    try:
        with open(path, "rb") as file:
            return file.read(_EXAMPLE)
    except FileNotFoundError:
        return b""


class NamedModel:
    """A version of a registered model, looked up by name each time."""

    def __init__(self, reader: Reader, project: str, ref: str, loading: Loading) -> None:
        self.project = project
        self._reader = reader
        self._ref = ref
        self._loading = loading

    def wanted(self) -> Target:
        """The version that the name means now."""
        version = self._reader.resolve(self.project, self._ref)
        return Target(version.ref, version.digest)

    def fetch(self, target: Target) -> Model:
        """Its files, written below the store."""
        entries = self._reader.manifest(self.project, target.ref)
        return self._loading.model(_written(self._reader, self.project, entries))


class FixedModel:
    """Files that mean one thing for good."""

    def __init__(self, target: Target, folder: str, loading: Loading, project: str = "") -> None:
        self.project = project
        self._target = target
        self._folder = folder
        self._loading = loading

    def wanted(self) -> Target:
        """The same as ever."""
        return self._target

    def fetch(self, target: Target) -> Model:
        """The folder as it is."""
        return self._loading.model(self._folder)


def source_of(reader: Reader, text: str, project: str, loading: Loading) -> tuple[NamedModel | FixedModel, bool]:
    """What a text names, and whether that may become another version.

    Raises:
        NotFound: there is no such model, run or folder.
        Conflict: several fit.
    """
    if os.path.isfile(os.path.join(text, mlmodel.FILE)):
        folder = os.path.abspath(text)
        return FixedModel(Target(os.path.basename(folder), _digest(folder)), folder, loading), False
    uri = model_uris.parse(text)
    if uri.digest:
        uri, project = _of_digest(reader, uri.digest)
    if uri.run:
        return _of_run(reader, uri, loading), False
    where = records.project_of(reader, uri.name, project)
    return NamedModel(reader, where, uri.ref, loading), not uri.is_fixed


def _digest(folder: str) -> str:
    paths = {name: os.path.join(folder, name) for name in blobs.files_below(folder)}
    return blobs.tree_digest((name, blobs.digest_of(path), os.path.getsize(path)) for name, path in paths.items())


def _of_digest(reader: Reader, digest: str) -> tuple[ModelUri, str]:
    found = {
        version.digest: version
        for row in reader.models(None)
        for version in reader.versions(row.project, row.name)
        if version.digest.startswith(digest)
    }
    if not found:
        raise NotFound(f"No version of a model has the digest {digest}….", hint="See `madang models show NAME`.")
    if len(found) > 1:
        raise Conflict(f"Several versions have digests that begin with {digest}.", hint="Give more of it.")
    version = next(iter(found.values()))
    return ModelUri(version.name, version.ref), version.project


def _of_run(reader: Reader, uri: ModelUri, loading: Loading) -> FixedModel:
    run = reader.run(uri.run)
    entries = _below(run, uri.path)
    for model in [] if entries else run.linked_outputs:  # of MLflow 3: models are things of their own
        made = reader.run(model.removeprefix("m-"))
        if made.name == uri.path:
            entries = _below(made, "")
    if not entries:
        raise NotFound(
            f"Run {run.id} has no files{f' below {uri.path!r}' if uri.path else ''}.",
            hint=f"See `madang runs show {run.id[:8]}`.",
        )
    digest = blobs.tree_digest([(entry.path, entry.digest, entry.size) for entry in entries])
    target = Target(f"runs:/{run.id}/{uri.path}" if uri.path else f"models:/m-{run.id}", digest)
    return FixedModel(target, _written(reader, run.project, entries), loading, run.project)


def _below(run: RunRecord, folder: str) -> list[Entry]:
    start = f"{folder}/" if folder else ""
    files: list[events.File | FileRef] = [*run.files, *run.outputs]
    found = {one.path[len(start) :]: one for one in files if one.path.startswith(start) and one.digest}
    return [Entry(path, one.digest, one.size) for path, one in sorted(found.items())]


def _written(reader: Reader, project: str, entries: Sequence[Entry]) -> str:
    here = layout.find_store()
    layout.ensure(here.store)
    return checkout.write_out(reader, project, entries, here.store)


class Record:
    """A run of the kind `serve`: its uses are the versions served, its console says when each took over.

    It begins when the first version is served.
    """

    def __init__(self, name: str, project: str, command: Sequence[str]) -> None:
        self._name = name
        self._project = project
        self._command = list(command)
        self._run: Run | None = None
        self._console: Console | None = None
        self._before = ""

    def _begin(self) -> Run:
        places, env = layout.find_store(), os.environ
        layout.ensure(places.store)
        run_id = os.urandom(16).hex()
        os.makedirs(layout.run_dir(places.store, run_id), exist_ok=True)
        hub = launching.hub_of(env)
        header = {"run": run_id, **launching.writer_of(places, env, self._project), "writer": "process"}
        run = Run(header, redact.text(f"serve {self._name}"), places, "online", hub)
        started = {
            "name": run.name,
            "job_type": "serve",
            "command": redact.command(self._command),
            "cwd": os.getcwd(),
            "root": places.root,
            "executable": sys.executable,
            "process_started": time.time_ns() // 1000,
        }
        run.append(codec.STARTED, {key: value for key, value in started.items() if value})
        if hub:
            with open(f"{layout.run_dir(places.store, run_id)}/hub", "w", encoding="utf-8") as file:
                file.write(hub + "\n")
        follow.start(run)
        return run

    def took_over(self, state: State) -> None:
        """Write down that a version answers from now on."""
        target = state.served
        assert target is not None
        if self._run is None or self._console is None:
            self._run = self._begin()
            self._console = Console(self._run)
        self._run.append(codec.USE, {"ref": target.ref, "version": target.ref, "digest": target.digest})
        number = target.ref.rpartition(":v")[2]
        if number.isdigit():
            self._run.log({"serving/version": int(number)}, step=state.swaps)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(state.since))
        before = f" instead of {self._before}" if self._before else ""
        self._console.feed("out", f"{at} {target.ref} ({target.digest}) is served{before}\n")
        self._before = target.ref

    def end(self, status: str) -> None:
        """The server has stopped."""
        if self._run is not None and self._console is not None:
            self._run.serialize(self._console.flush)
            self._run.end(status)
