"""Writing a SQLite database of MLflow's, with the files of runs in folders beside it, for a `domain.foreign` source."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from importlib import resources
from typing import Any
from urllib.parse import quote

from madang.domain.foreign import Experiment, Model, Point, Run, Version
from madang.domain.runs import LOGGED_MODEL
from madang.durable import sync_folder
from madang.errors import Conflict, StorageError
from madang.formats.mlflow.words import METRIC_ORIGIN

DATABASE, FILES = "mlflow.db", "mlartifacts"
_MODEL_STATUSES = {"running": 1, "scheduled": 1, "finished": 2}
_FAILED = 3


class DatabaseWriter:
    """A database in the making: it gets its name when it is whole."""

    def __init__(self, folder: str, artifact_uri: str) -> None:
        """``artifact_uri`` is where the records say that files are; empty: in the folder itself.

        Raises:
            Conflict: there is a database already.
            StorageError: the folder cannot be written.
        """
        self.folder = os.path.abspath(folder)
        self.path = os.path.join(self.folder, DATABASE)
        self.files = os.path.join(self.folder, FILES)
        self._root = artifact_uri.rstrip("/") or f"file://{quote(self.files)}"
        if os.path.exists(self.path):
            raise Conflict(f"There is {self.path} already.", hint="Name another folder, or move that one away.")
        self.aside = f"{self.path}-{os.urandom(4).hex()}"
        try:
            os.makedirs(self.files, exist_ok=True)
            self._connection = sqlite3.connect(self.aside, isolation_level=None)
            self._connection.executescript(
                resources.files(__package__).joinpath("mlflow_schema.sql").read_text(encoding="utf-8")
            )
            self._connection.execute("PRAGMA synchronous = OFF")  # it is synced as a whole in the end
            self._connection.execute("BEGIN")
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise StorageError(f"{self.folder} cannot be written: {reason}.", hint="Name another folder.") from error

    def _put(self, table: str, rows: Iterable[Mapping[str, Any]], *, once: bool = False) -> None:
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            marks = ", ".join("?" for _ in row)
            word = "INSERT OR IGNORE" if once else "INSERT"
            try:
                self._connection.execute(f'{word} INTO "{table}" ({names}) VALUES ({marks})', tuple(row.values()))
            except sqlite3.Error as error:
                raise StorageError(f"{self.aside} cannot be written: {error}.") from error

    def experiment(self, item: Experiment) -> None:
        """Write an experiment."""
        self._put("experiments", [{
            "experiment_id": int(item.id), "name": item.name, "artifact_location": f"{self._root}/{item.id}",
            "lifecycle_stage": _stage(item.is_deleted), "creation_time": item.created_at // 1000,
            "last_update_time": item.updated_at // 1000,
        }])  # fmt: skip
        tags = item.tags.items()
        self._put("experiment_tags", ({"key": key, "value": text, "experiment_id": item.id} for key, text in tags))

    def run(self, run: Run) -> None:
        """Write a run or a logged model. Its files are put into its folder by the caller."""
        if run.job_type == LOGGED_MODEL:
            self._logged_model(run)
            return
        self._put("runs", [{
            "run_uuid": run.id, "name": run.name, "source_type": "LOCAL", "source_name": "", "entry_point_name": "",
            "user_id": run.user, "status": run.status.upper(), "start_time": run.started_at // 1000,
            "end_time": run.ended_at // 1000 or None, "source_version": "", "lifecycle_stage": _stage(run.is_deleted),
            "artifact_uri": f"{self._root}/{place(run)}", "experiment_id": int(run.experiment),
            "deleted_time": time.time_ns() // 1_000_000 if run.is_deleted else None,
        }])  # fmt: skip
        for table, texts in (("params", run.params), ("tags", run.tags)):
            self._put(table, ({"key": key, "value": text, "run_uuid": run.id} for key, text in texts.items()))
        for key, points in run.metrics.items():
            self._points(run.id, key, points)
        self._inputs(run)

    def _points(self, run: str, key: str, points: list[Point]) -> None:
        def row(point: Point) -> tuple[Any, ...]:
            step, at, number = point
            is_nan = number != number
            return key, 0.0 if is_nan else number, at // 1000, run, step, is_nan

        statement = "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?,?,?,?,?,?)"
        self._connection.executemany(statement, map(row, points))
        last = row(max(points, key=lambda point: (point[0], point[1], point[2] == point[2], point[2])))
        self._connection.execute(
            "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?,?,?,?,?,?)", last
        )

    def _inputs(self, run: Run) -> None:
        for item in run.datasets:
            uuid = _uuid("dataset", run.experiment, item.name, item.digest)
            self._put("datasets", [{
                "dataset_uuid": uuid, "experiment_id": int(run.experiment), "name": item.name, "digest": item.digest,
                "dataset_source_type": item.source_type, "dataset_source": item.source,
                "dataset_schema": item.schema or None, "dataset_profile": item.profile or None,
            }], once=True)  # fmt: skip
            link = _uuid("input", run.id, uuid)
            self._link(link, "DATASET", uuid, "RUN", run.id)
            tags = item.tags.items()
            self._put("input_tags", ({"input_uuid": link, "name": key, "value": text} for key, text in tags))
        for model in run.inputs:
            self._link(_uuid("read", run.id, model), "RUN_INPUT", run.id, "MODEL_INPUT", model)
        for model, step in run.outputs.items():
            self._link(_uuid("made", run.id, model), "RUN_OUTPUT", run.id, "MODEL_OUTPUT", model, step)

    def _link(self, uuid: str, kind: str, source: str, to: str, target: str, step: int = 0) -> None:
        self._put("inputs", [{
            "input_uuid": uuid, "source_type": kind, "source_id": source, "destination_type": to,
            "destination_id": target, "step": step,
        }])  # fmt: skip

    def _logged_model(self, run: Run) -> None:
        own = {"model_id": f"m-{run.id}", "experiment_id": int(run.experiment)}
        self._put("logged_models", [{
            **own, "name": run.name, "artifact_location": f"{self._root}/{place(run)}",
            "creation_timestamp_ms": run.started_at // 1000, "last_updated_timestamp_ms": run.started_at // 1000,
            "status": _MODEL_STATUSES.get(run.status, _FAILED), "lifecycle_stage": _stage(run.is_deleted),
            "model_type": run.group or None, "source_run_id": run.parent or None,
        }])  # fmt: skip
        params, tags = run.params.items(), run.tags.items()
        self._put("logged_model_params", ({**own, "param_key": key, "param_value": text} for key, text in params))
        self._put(
            "logged_model_tags",
            ({**own, "tag_key": key, "tag_value": text} for key, text in tags if not key.startswith(METRIC_ORIGIN)),
        )
        for key, points in run.metrics.items():
            source, name, digest = ([*run.tags.get(METRIC_ORIGIN + key, "").split("\n"), "", "", ""])[:3]
            self._put("logged_model_metrics", ({
                **own, "metric_name": key, "metric_timestamp_ms": at // 1000, "metric_step": step,
                "metric_value": None if number != number else number, "run_id": source or run.parent,
                "dataset_uuid": _uuid("dataset", run.experiment, name, digest) if name else None,
                "dataset_name": name or None, "dataset_digest": digest or None,
            } for step, at, number in points), once=True)  # fmt: skip

    def model(self, model: Model, places: Mapping[int, str]) -> None:
        """Write a registered model; ``places`` are the folders of its versions' files, below that of all files."""
        self._put("registered_models", [{
            "name": model.name, "creation_time": model.created_at // 1000,
            "last_updated_time": model.updated_at // 1000, "description": model.description,
        }])  # fmt: skip
        tags = model.tags.items()
        self._put("registered_model_tags", ({"name": model.name, "key": key, "value": text} for key, text in tags))
        for item in model.versions:
            self._version(model.name, item, places.get(item.number, ""))
        aliases = model.aliases.items()
        self._put(
            "registered_model_aliases",
            ({"name": model.name, "alias": alias, "version": number} for alias, number in aliases),
        )

    def _version(self, name: str, item: Version, folder: str) -> None:
        location = f"{self._root}/{quote(folder)}" if folder else item.location or item.source
        source = item.source if item.source.startswith(("runs:/", "models:/")) else location
        self._put("model_versions", [{
            "name": name, "version": item.number, "creation_time": item.created_at // 1000,
            "last_updated_time": item.updated_at // 1000, "description": item.description, "user_id": item.user,
            "current_stage": item.stage.capitalize() or "None", "source": source, "storage_location": location,
            "run_id": item.run, "run_link": item.run_link, "status": item.status,
        }])  # fmt: skip
        tags = item.tags.items()
        self._put(
            "model_version_tags",
            ({"name": name, "version": item.number, "key": key, "value": text} for key, text in tags),
        )

    def checkpoint(self) -> None:
        """Write what was put so far to the database in the making, so that it can be read."""
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")

    def finish(self) -> None:
        """Give the database its name, after all of it is on the disk."""
        try:
            self._connection.execute("COMMIT")
            self._connection.close()
            with open(self.aside, "rb+") as file:
                os.fsync(file.fileno())
            os.rename(self.aside, self.path)
            sync_folder(self.folder)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"{self.path} cannot be written: {error}.") from error

    def drop(self) -> None:
        """Remove a database that was not finished."""
        self._connection.close()
        if os.path.exists(self.aside):
            os.unlink(self.aside)


def place(run: Run) -> str:
    """The folder of the files of a run or logged model, below that of all files."""
    own = f"models/m-{run.id}" if run.job_type == LOGGED_MODEL else run.id
    return f"{run.experiment}/{own}/artifacts"


def _stage(is_deleted: bool) -> str:
    return "deleted" if is_deleted else "active"


def _uuid(*parts: str) -> str:
    """An id that follows from what it is of."""
    return blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
