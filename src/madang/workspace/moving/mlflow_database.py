"""MLflow's SQL store (`sqlite:///mlflow.db`, `postgresql://…`), read as it is: never migrated, never written.

The tables have grown with the releases (1.0 to 3.x); what a database does not have is empty. Every statement is a
transaction of its own, so that a server that uses the database is not held up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from madang.domain.events import Dataset
from madang.domain.foreign import Experiment, LeftOut, Model, Point, Run, StoredFile, Version
from madang.domain.runs import LOGGED_MODEL, TRACE
from madang.errors import NotFound
from madang.formats.mlflow.words import MODEL_STATUSES, NAME, NOTE, PARENT, STAGES, STATUSES, run_id
from madang.workspace.moving import mlflow_traces
from madang.workspace.moving.database import Database
from madang.workspace.moving.origins import Origins, model_in, of_metrics
from madang.workspace.moving.places import Places

AT_ONCE = 400  # runs that one statement asks for
_READ = frozenset((
    "experiments", "experiment_tags", "runs", "params", "tags", "metrics", "latest_metrics", "datasets", "inputs",
    "input_tags", "logged_models", "logged_model_params", "logged_model_tags", "logged_model_metrics",
    "registered_models", "registered_model_tags", "registered_model_aliases", "model_versions", "model_version_tags",
    "alembic_version", *mlflow_traces.TABLES,
))  # fmt: skip
_DATASET = ("name", "digest", "source_type", "source", "schema", "profile")
_DERIVED = frozenset(("workspaces", "trace_analytics_backfill", "sqlite_sequence"))  # hold nothing that anybody wrote
_NAMES = {
    "evaluation_datasets": "evaluation data sets",
    "webhooks": "webhooks",
    "scorers": "scorers",
}
_PARTS = ("trace_", "evaluation_dataset_", "webhook_", "scorer_", "spans", "span_", "assessments", "alembic")


class SqlStore:
    """A database of MLflow as a `domain.foreign.Source`."""

    def __init__(self, name: str, database: Database, places: Places) -> None:
        """``name`` is shown.

        Raises:
            NotFound: it has no table of MLflow's.
        """
        self.name = name
        self.problems: list[LeftOut] = []
        self._db = database
        self._places = places
        self._origins = Origins()
        self._columns = {table: database.columns(table) for table in database.tables()}
        if not {"experiments", "runs"} <= self._columns.keys():
            raise NotFound(f"{name} is no database of MLflow: it has no table of experiments and runs.")

    def close(self) -> None:
        """See `Source.close`."""
        self._db.close()
        self._places.close()

    def _rows(self, table: str, columns: Sequence[str], where: str = "", values: Sequence[Any] = ()) -> list[Any]:
        """Rows of a table; a column or table that this release of MLflow has not is NULL or empty."""
        known = self._columns.get(table)
        if known is None:
            return []
        listed = ", ".join(f'"{name}"' if name in known else f'NULL AS "{name}"' for name in columns)
        return self._db.rows(f'SELECT {listed} FROM "{table}" {where}', values)  # noqa: S608 - names are ours

    def grouped(self, table: str, columns: Sequence[str], key: str, ids: Sequence[Any]) -> dict[Any, list[Any]]:
        """Rows whose ``key`` is one of some ids, by it."""
        found: dict[Any, list[Any]] = {}
        marks = ", ".join(self._db.mark for _ in ids)
        for row in self._rows(table, [key, *columns], f'WHERE "{key}" IN ({marks})', ids):
            found.setdefault(row[0], []).append(row[1:])
        return found

    def experiments(self) -> list[Experiment]:
        """See `Source.experiments`."""
        tags: dict[Any, dict[str, str]] = {}
        for id_, key, text in self._rows("experiment_tags", ("experiment_id", "key", "value")):
            tags.setdefault(id_, {})[key] = text or ""
        columns = ("experiment_id", "name", "lifecycle_stage", "creation_time", "last_update_time", "artifact_location")
        return [
            Experiment(
                str(id_), name, tags.get(id_, {}), (created or 0) * 1000, (updated or 0) * 1000, stage == "deleted",
                location or "",
            )
            for id_, name, stage, created, updated, location in self._rows("experiments", columns, "ORDER BY 1")
        ]  # fmt: skip

    def count(self, experiment: Experiment) -> int:
        """See `Source.count`."""
        where, values = f"WHERE experiment_id = {self._db.mark}", [int(experiment.id)]
        tables = ("runs", "logged_models", "trace_info")
        return sum(len(self._rows(table, ("experiment_id",), where, values)) for table in tables)

    def runs(self, experiment: Experiment) -> Iterator[Run]:
        """See `Source.runs`."""
        where, values = f"WHERE experiment_id = {self._db.mark} ORDER BY 1", [int(experiment.id)]
        runs = [row[0] for row in self._rows("runs", ("run_uuid",), where, values)]
        models = [row[0] for row in self._rows("logged_models", ("model_id",), where, values)]
        for ids, read in ((runs, self._some_runs), (models, self._some_models)):
            for start in range(0, len(ids), AT_ONCE):
                for run in read(ids[start : start + AT_ONCE], experiment):
                    self._origins.add(run)
                    yield run
        traces = [row[0] for row in self._rows("trace_info", ("request_id",), where, values)]
        for start in range(0, len(traces), AT_ONCE):
            yield from mlflow_traces.traces(self, traces[start : start + AT_ONCE], experiment)

    def _some_runs(self, ids: Sequence[str], experiment: Experiment) -> Iterator[Run]:
        params = self.grouped("params", ("key", "value"), "run_uuid", ids)
        tags = self.grouped("tags", ("key", "value"), "run_uuid", ids)
        metrics = self.grouped("metrics", ("key", "step", "timestamp", "value", "is_nan"), "run_uuid", ids)
        inputs = self._inputs(ids)
        columns = ("name", "status", "start_time", "end_time", "user_id", "lifecycle_stage", "artifact_uri",
                   "source_name", "source_version")  # fmt: skip
        for id_, [row] in self.grouped("runs", columns, "run_uuid", ids).items():
            name, status, started, ended, user, stage, location = row[:7]
            named = {key: text or "" for key, text in tags.get(id_, [])}
            datasets, read, made = inputs.get(id_, ([], [], {}))
            yield Run(
                run_id(id_),
                experiment.id,
                name=name or named.get(NAME, ""),
                status=STATUSES.get(str(status), "running"),
                started_at=(started or 0) * 1000,
                ended_at=(ended or 0) * 1000,
                user=user or "",
                is_deleted=stage == "deleted",
                parent=named.get(PARENT, ""),
                notes=named.get(NOTE, ""),
                params={key: text or "" for key, text in params.get(id_, [])},
                tags=named,
                metrics=self._series(id_, metrics.get(id_, [])),
                datasets=datasets,
                inputs=read,
                outputs=made,
                location=location or "",
            )

    def _series(self, owner: str, rows: list[Any]) -> dict[str, list[Point]]:
        found: dict[str, list[Point]] = {}
        for key, step, time, value, is_nan in rows:
            number = float("nan") if is_nan or value is None else value
            if abs(time) >= 1 << 52:
                self.problems.append(LeftOut("points", f"{owner}: {key}", "its time is beyond all bounds"))
                continue
            found.setdefault(key, []).append((step or 0, time * 1000, float(number)))
        return found

    def _inputs(self, ids: Sequence[str]) -> dict[str, tuple[list[Dataset], list[str], dict[str, int]]]:
        """Data sets, models read and models made, by run."""
        links = self.grouped("inputs", ("destination_type", "source_type", "source_id", "input_uuid"),
                              "destination_id", ids)  # fmt: skip
        outputs = self.grouped("inputs", ("source_type", "destination_type", "destination_id", "step"), "source_id",
                                ids)  # fmt: skip
        rows = [row for found in links.values() for row in found]
        tags = self._chunked("input_tags", ("name", "value"), "input_uuid", [row[3] for row in rows])
        sets = self._chunked(
            "datasets", ("name", "digest", "dataset_source_type", "dataset_source", "dataset_schema",
                         "dataset_profile"), "dataset_uuid", [row[2] for row in rows if row[1] == "DATASET"],
        )  # fmt: skip
        made: dict[str, tuple[list[Dataset], list[str], dict[str, int]]] = {}
        for run, found in links.items():
            datasets = made.setdefault(run, ([], [], {}))[0]
            for to, kind, source, uuid in found:
                if to == "RUN" and kind == "DATASET" and source in sets:
                    texts = dict(zip(_DATASET, (text or "" for text in sets[source][0]), strict=True))
                    datasets.append(Dataset(**texts, tags={key: text or "" for key, text in tags.get(uuid, [])}))
        for run, found in outputs.items():
            for kind, to, model, step in found:
                if kind == "RUN_INPUT" and to == "MODEL_INPUT":
                    read = made.setdefault(run, ([], [], {}))[1]
                    read += [] if model in read else [model]
                elif kind == "RUN_OUTPUT":
                    made.setdefault(run, ([], [], {}))[2][model] = step or 0
        return made

    def _chunked(self, table: str, columns: Sequence[str], key: str, ids: Sequence[str]) -> dict[Any, list[Any]]:
        wanted = list(dict.fromkeys(ids))
        found: dict[Any, list[Any]] = {}
        for start in range(0, len(wanted), AT_ONCE):
            found |= self.grouped(table, columns, key, wanted[start : start + AT_ONCE])
        return found

    def _some_models(self, ids: Sequence[str], experiment: Experiment) -> Iterator[Run]:
        params = self.grouped("logged_model_params", ("param_key", "param_value"), "model_id", ids)
        tags = self.grouped("logged_model_tags", ("tag_key", "tag_value"), "model_id", ids)
        metrics = self.grouped(
            "logged_model_metrics", ("metric_name", "metric_step", "metric_timestamp_ms", "metric_value", "run_id",
                                     "dataset_name", "dataset_digest"), "model_id", ids,
        )  # fmt: skip
        columns = ("name", "model_type", "status", "source_run_id", "creation_timestamp_ms", "lifecycle_stage",
                   "artifact_location")  # fmt: skip
        for id_, [row] in self.grouped("logged_models", columns, "model_id", ids).items():
            name, kind, status, source, created, stage, location = row
            points = metrics.get(id_, [])
            told = [(item[0], "\n".join(text or "" for text in item[4:])) for item in points]
            origins = of_metrics(id_, told, self.problems)
            yield Run(
                run_id(id_),
                experiment.id,
                name=name or "",
                status=MODEL_STATUSES.get(str(status), "running"),
                started_at=(created or 0) * 1000,
                is_deleted=stage == "deleted",
                parent=source or "",
                job_type=LOGGED_MODEL,
                group=kind or "",
                params={key: text or "" for key, text in params.get(id_, [])},
                tags={key: text or "" for key, text in tags.get(id_, [])} | origins,
                metrics=self._series(id_, [(*item[:4], False) for item in points]),
                location=location or "",
            )

    def files(self, run: Run) -> list[StoredFile]:
        """See `Source.files`."""
        if run.job_type != TRACE:
            return self._places.files(run, "", self.problems)
        spans = mlflow_traces.spans(self, run)
        return [spans[0]] if spans else self._places.files(run, "", self.problems)

    def open(self, run: Run, path: str) -> AbstractContextManager[Iterator[bytes]]:
        """See `Source.open`."""
        spans = mlflow_traces.spans(self, run) if run.job_type == TRACE else None
        if spans and spans[0].path == path:
            return nullcontext(iter([spans[1]]))
        return self._places.open(run, "", path)

    def models(self) -> list[Model]:
        """See `Source.models`."""
        tags = self._texts("registered_model_tags", ("name",), "key", "value")
        version_tags = self._texts("model_version_tags", ("name", "version"), "key", "value")
        aliases: dict[str, dict[str, int]] = {}
        for name, alias, number in self._rows("registered_model_aliases", ("name", "alias", "version")):
            aliases.setdefault(name, {})[alias] = int(number)
        versions: dict[str, list[Version]] = {}
        columns = ("name", "version", "current_stage", "source", "storage_location", "run_id", "run_link", "status",
                   "description", "user_id", "creation_time", "last_updated_time")  # fmt: skip
        for row in self._rows("model_versions", columns, "ORDER BY 1, 2"):
            name, number, stage, source, location, run, link, status, description, user, created, updated = row
            word = (stage or "").lower()
            if word == "deleted_internal":
                continue
            own = version_tags.get((name, number), {})
            versions.setdefault(name, []).append(Version(
                int(number), source or "", location or "", run or "", model_in(source or ""), link or "",
                STAGES.get(word, ""), status or "READY", description or "", user or "", own, (created or 0) * 1000,
                (updated or 0) * 1000,
            ))  # fmt: skip
        own_columns = ("name", "description", "creation_time", "last_updated_time")
        return [
            Model(name, description or "", tags.get((name,), {}), aliases.get(name, {}),
                  tuple(versions.get(name, ())), (created or 0) * 1000, (updated or 0) * 1000)
            for name, description, created, updated in self._rows("registered_models", own_columns, "ORDER BY 1")
        ]  # fmt: skip

    def _texts(self, table: str, owner: tuple[str, ...], key: str, value: str) -> dict[Any, dict[str, str]]:
        found: dict[Any, dict[str, str]] = {}
        for row in self._rows(table, (*owner, key, value)):
            found.setdefault(tuple(row[:-2]), {})[row[-2]] = row[-1] or ""
        return found

    def version_files(self, model: Model, version: Version) -> tuple[Run, str] | None:
        """See `Source.version_files`."""
        return self._origins.find(version)

    def others(self) -> dict[str, int]:
        """See `Source.others`."""
        found = {}
        for table in sorted(self._columns):
            if table not in _READ and table not in _DERIVED and (table in _NAMES or not table.startswith(_PARTS)):
                count = self._db.rows(f'SELECT COUNT(*) FROM "{table}"', ())[0][0]  # noqa: S608 - a name of the table
                if count:
                    found[_NAMES.get(table, f"rows of the table {table}")] = count
        return found
