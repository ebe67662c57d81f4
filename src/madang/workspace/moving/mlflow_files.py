"""MLflow's file store (`./mlruns`), read as it lies: MLflow itself is not needed, and nothing is written.

Layout, as MLflow 0.9 to 3.x write it::

    <experiment>/meta.yaml, tags/KEY, datasets/ID/meta.yaml
    <experiment>/<run>/meta.yaml, params/KEY, tags/KEY, metrics/KEY, inputs/ID/meta.yaml, outputs/ID/meta.yaml,
                       artifacts/
    <experiment>/models/m-ID/meta.yaml, params/KEY, tags/KEY, metrics/KEY, artifacts/
    models/NAME/meta.yaml, tags/KEY, aliases/ALIAS, version-N/meta.yaml, version-N/tags/KEY
    .trash/<experiment>/…
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from madang.domain.events import Dataset
from madang.domain.foreign import Experiment, LeftOut, Model, Point, Run, StoredFile, Version
from madang.domain.runs import LOGGED_MODEL
from madang.errors import CorruptData, MadangError, NotFound, StorageError
from madang.formats.mlflow import metafile
from madang.formats.mlflow.metafile import number_of, text_of, texts_of
from madang.formats.mlflow.metrics import metric_points
from madang.formats.mlflow.words import MODEL_STATUSES, NAME, NOTE, PARENT, STAGES, STATUSES, run_id
from madang.workspace.moving.mlflow_traces import trace_of_files
from madang.workspace.moving.origins import Origins, of_metrics
from madang.workspace.moving.places import OpenStore, Places

_TRACE = "trace_info.yaml"
META, TRASH, MODELS, TRACES = "meta.yaml", ".trash", "models", "traces"
_RESERVED = frozenset(("tags", "datasets", TRACES, MODELS, "artifacts"))
_DATASET = ("name", "digest", "source_type", "source", "schema", "profile")
_MOST = 64 << 20  # bytes of one small file


class FileStore:
    """A folder in MLflow's layout as a `domain.foreign.Source`."""

    def __init__(self, folder: str, named: Sequence[str], open_store: OpenStore) -> None:
        """``named`` are further folders from which files may be read.

        Raises:
            NotFound: the folder is no file store.
        """
        self.name = os.path.abspath(folder)
        self.problems: list[LeftOut] = []
        self._root = self.name
        self._places = Places([self._root], named, open_store)
        self._folders: dict[str, str] = {}  # of runs and logged models, by id
        self._origins = Origins()
        if not os.path.isdir(self._root) or not any(True for _ in self._experiment_folders()):
            raise NotFound(f"{self.name} is no file store of MLflow: no folder in it has a {META}.")

    def close(self) -> None:
        """See `Source.close`."""
        self._places.close()

    def _experiment_folders(self) -> Iterator[tuple[str, bool]]:
        for folder, is_deleted in ((self._root, False), (os.path.join(self._root, TRASH), True)):
            for name in _names(folder):
                path = os.path.join(folder, name)
                if name not in (TRASH, MODELS) and os.path.isfile(os.path.join(path, META)):
                    yield path, is_deleted

    def experiments(self) -> list[Experiment]:
        """See `Source.experiments`."""
        found = {}
        for path, is_deleted in self._experiment_folders():
            with _Noted(self.problems, "experiments", os.path.basename(path)):
                meta = self._meta(path)
                id_ = text_of(meta, "experiment_id") or os.path.basename(path)
                found[id_] = Experiment(
                    id_,
                    text_of(meta, "name") or f"experiment {id_}",
                    self._texts(path, "tags", f"experiment {id_}"),
                    number_of(meta, "creation_time") * 1000,
                    number_of(meta, "last_update_time") * 1000,
                    is_deleted or text_of(meta, "lifecycle_stage") == "deleted",
                    text_of(meta, "artifact_location"),
                )
                self._folders[f"experiment {id_}"] = path
        for path in self._without_meta(self._root):
            self.problems.append(LeftOut("experiments", path, f"it has no {META}"))
        return list(found.values())

    def _without_meta(self, folder: str) -> Iterator[str]:
        """Folders that would be experiments or runs if their description were there."""
        for name in _names(folder):
            path = os.path.join(folder, name)
            hidden = name.startswith(".") or name in _RESERVED
            if not hidden and os.path.isdir(path) and not os.path.isfile(os.path.join(path, META)):
                yield os.path.relpath(path, self._root)

    def count(self, experiment: Experiment) -> int:
        """See `Source.count`."""
        folder = self._folders[f"experiment {experiment.id}"]
        return sum(len(_names(place)) for place in (folder, os.path.join(folder, MODELS), os.path.join(folder, TRACES)))

    def runs(self, experiment: Experiment) -> Iterator[Run]:
        """See `Source.runs`."""
        folder = self._folders[f"experiment {experiment.id}"]
        for path in self._without_meta(folder):
            self.problems.append(LeftOut("runs", path, f"it has no {META}"))
        for name in _names(folder):
            path = os.path.join(folder, name)
            if name in _RESERVED or not os.path.isfile(os.path.join(path, META)):
                continue
            with _Noted(self.problems, "runs", os.path.relpath(path, self._root)):
                yield self._run(path, experiment)
        for name in _names(os.path.join(folder, MODELS)):
            path = os.path.join(folder, MODELS, name)
            with _Noted(self.problems, "logged models", os.path.relpath(path, self._root)):
                yield self._logged_model(path, experiment)
        for name in _names(os.path.join(folder, TRACES)):
            path = os.path.join(folder, TRACES, name)
            with _Noted(self.problems, "traces", os.path.relpath(path, self._root)):
                yield self._trace(path, experiment)

    def _trace(self, path: str, experiment: Experiment) -> Run:
        name = os.path.basename(path)
        info = metafile.load(self._read(os.path.join(path, _TRACE)).decode("utf-8", "replace"), f"{name}/{_TRACE}")
        texts = (self._texts(path, "tags", name), self._texts(path, "request_metadata", name))
        said = [self._read(file) for _, file in self._keys(os.path.join(path, "assessments"))]
        made = trace_of_files(name, info, texts, said, experiment)
        self._remember(made, path)
        return made

    def _run(self, path: str, experiment: Experiment) -> Run:
        meta = self._meta(path)
        given = text_of(meta, "run_id", "run_uuid") or os.path.basename(path)
        run = run_id(given)
        tags = self._texts(path, "tags", given)
        inputs, outputs = self._links(path, "inputs"), self._links(path, "outputs")
        made = Run(
            run,
            experiment.id,
            name=text_of(meta, "run_name", "name") or tags.get(NAME, ""),
            status=STATUSES.get(text_of(meta, "status") or "1", "running"),
            started_at=number_of(meta, "start_time") * 1000,
            ended_at=number_of(meta, "end_time") * 1000,
            user=text_of(meta, "user_id"),
            is_deleted=text_of(meta, "lifecycle_stage") == "deleted",
            parent=tags.get(PARENT, ""),
            notes=tags.get(NOTE, ""),
            params=self._texts(path, "params", given),
            tags=tags,
            metrics=self._metrics(path, given, run_id=run),
            datasets=self._datasets(path, inputs),
            inputs=[text_of(item, "source_id") for item in inputs if text_of(item, "source_type") == "MODEL_INPUT"
                    or text_of(item, "source_type") == "MODEL"],
            outputs={text_of(item, "destination_id"): number_of(item, "step") for item in outputs},
            location=text_of(meta, "artifact_uri"),
        )  # fmt: skip
        self._remember(made, path)
        return made

    def _logged_model(self, path: str, experiment: Experiment) -> Run:
        meta = self._meta(path)
        given = text_of(meta, "model_id") or os.path.basename(path)
        tags = self._texts(path, "tags", given)
        metrics: dict[str, list[Point]] = {}
        told: list[tuple[str, str]] = []
        for key, points, origins in self._metric_files(path, given):
            metrics[key] = points
            told += [(key, origin) for origin in origins]
        tags |= of_metrics(given, told, self.problems)
        made = Run(
            run_id(given),
            experiment.id,
            name=text_of(meta, "name"),
            status=MODEL_STATUSES.get(text_of(meta, "status"), "running"),
            started_at=number_of(meta, "creation_timestamp") * 1000,
            ended_at=0,
            is_deleted=text_of(meta, "lifecycle_stage") == "deleted",
            parent=text_of(meta, "source_run_id"),
            job_type=LOGGED_MODEL,
            group=text_of(meta, "model_type"),
            params=self._texts(path, "params", given),
            tags=tags,
            metrics=metrics,
            location=text_of(meta, "artifact_location", "artifact_uri"),
        )
        self._remember(made, path)
        return made

    def _remember(self, run: Run, path: str) -> None:
        self._folders[run.id] = path
        self._origins.add(run, os.path.join(path, "artifacts"))

    def _meta(self, folder: str) -> dict[str, Any]:
        path = os.path.join(folder, META)
        return metafile.load(self._read(path).decode("utf-8", "replace"), os.path.relpath(path, self._root))

    def _read(self, path: str) -> bytes:
        if not self._places.is_inside(path):
            raise StorageError("It is a link that leads out of the source.")
        try:
            with open(path, "rb") as file:
                data = file.read(_MOST + 1)
        except OSError as error:
            raise StorageError(f"It cannot be read: {error.strerror}.") from error
        if len(data) > _MOST:
            raise StorageError(f"It is larger than {_MOST >> 20} MiB.")
        return data

    def _keys(self, folder: str) -> Iterator[tuple[str, str]]:
        """(key, path) of the files below a folder: a key with a slash lies in folders."""
        for here, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(here, name)
                yield os.path.relpath(path, folder), path

    def _texts(self, folder: str, kind: str, owner: str) -> dict[str, str]:
        found = {}
        for key, path in self._keys(os.path.join(folder, kind)):
            with _Noted(self.problems, kind, f"{owner}: {key}"):
                data = self._read(path)
                try:
                    found[key] = data.decode()
                except UnicodeDecodeError:
                    raise CorruptData("It is no text in UTF-8.") from None
        return found

    def _metric_files(self, folder: str, owner: str) -> Iterator[tuple[str, list[Point], list[str]]]:
        for key, path in self._keys(os.path.join(folder, "metrics")):
            with _Noted(self.problems, "points", f"{owner}: {key}"):
                found = metric_points(self._read(path))
                for reason in found.problems:
                    self.problems.append(LeftOut("points", f"{owner}: {key}", reason))
                if found.points:
                    yield key, found.points, found.origins

    def _metrics(self, folder: str, owner: str, run_id: str) -> dict[str, list[Point]]:
        return {key: points for key, points, _ in self._metric_files(folder, owner)}

    def _links(self, folder: str, kind: str) -> list[dict[str, Any]]:
        found = []
        for name in _names(os.path.join(folder, kind)):
            with _Noted(self.problems, kind, f"{os.path.basename(folder)}: {name}"):
                found.append(self._meta(os.path.join(folder, kind, name)))
        return found

    def _datasets(self, folder: str, inputs: list[dict[str, Any]]) -> list[Dataset]:
        found = []
        for item in inputs:
            if not text_of(item, "source_type").startswith("DATASET"):
                continue
            name = text_of(item, "source_id")
            with _Noted(self.problems, "datasets", f"{os.path.basename(folder)}: {name}"):
                meta = self._meta(os.path.join(os.path.dirname(folder), "datasets", os.path.basename(name)))
                texts = {field: text_of(meta, field) for field in _DATASET}
                found.append(Dataset(**texts, tags=texts_of(item, "tags")))
        return found

    def files(self, run: Run) -> list[StoredFile]:
        """See `Source.files`."""
        return self._places.files(run, self._near(run), self.problems)

    def open(self, run: Run, path: str) -> AbstractContextManager[Iterator[bytes]]:
        """See `Source.open`."""
        return self._places.open(run, self._near(run), path)

    def _near(self, run: Run) -> str:
        return os.path.join(self._folders[run.id], "artifacts") if run.id in self._folders else ""

    def models(self) -> list[Model]:
        """See `Source.models`."""
        folder = os.path.join(self._root, MODELS)
        found = []
        for name in _names(folder):
            path = os.path.join(folder, name)
            if os.path.isfile(os.path.join(path, META)):
                with _Noted(self.problems, "models", name):
                    found.append(self._model(path))
        return found

    def _model(self, path: str) -> Model:
        meta = self._meta(path)
        name = text_of(meta, "name") or os.path.basename(path)
        aliases = {}
        for alias, text in self._texts(path, "aliases", name).items():
            with _Noted(self.problems, "aliases", f"{name}@{alias}"):
                aliases[alias] = _number(text.strip())
        versions = []
        for folder in _names(path):
            if folder.startswith("version-"):
                with _Noted(self.problems, "versions", f"{name} {folder}"):
                    version = self._version(os.path.join(path, folder), name)
                    if version is not None:
                        versions.append(version)
        return Model(
            name,
            text_of(meta, "description"),
            self._texts(path, "tags", name),
            aliases,
            tuple(sorted(versions, key=lambda item: item.number)),
            number_of(meta, "creation_timestamp") * 1000,
            number_of(meta, "last_updated_timestamp") * 1000,
        )

    def _version(self, path: str, name: str) -> Version | None:
        meta = self._meta(path)
        stage = text_of(meta, "current_stage").lower()
        if stage == "deleted_internal":
            return None
        return Version(
            _number(text_of(meta, "version") or os.path.basename(path).removeprefix("version-")),
            source=text_of(meta, "source"),
            location=text_of(meta, "storage_location"),
            run=text_of(meta, "run_id"),
            model=text_of(meta, "model_id"),
            run_link=text_of(meta, "run_link"),
            stage=STAGES.get(stage, ""),
            status=text_of(meta, "status") or "READY",
            description=text_of(meta, "description"),
            user=text_of(meta, "user_id"),
            tags=self._texts(path, "tags", f"{name} {os.path.basename(path)}"),
            created_at=number_of(meta, "creation_timestamp") * 1000,
            updated_at=number_of(meta, "last_updated_timestamp") * 1000,
        )

    def version_files(self, model: Model, version: Version) -> tuple[Run, str] | None:
        """See `Source.version_files`."""
        return self._origins.find(version)

    def others(self) -> dict[str, int]:
        """See `Source.others`."""
        return {}


class _Noted:
    """What goes wrong inside is noted as left out, and ends there."""

    def __init__(self, problems: list[LeftOut], kind: str, name: str) -> None:
        self._problems, self._kind, self._name = problems, kind, name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, MadangError):
            return False
        self._problems.append(LeftOut(self._kind, self._name, error.message))
        return True


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise CorruptData(f"{text[:80]!r} is no number of a version.")
    return int(text)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
