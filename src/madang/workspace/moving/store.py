"""Our own store in the plain values of `domain.foreign`: what an import compares with, and what an export reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from madang.domain.access import Principal
from madang.domain.foreign import Experiment, LeftOut, Model, Point, Run, StoredFile, Version
from madang.domain.parameters import parameter_text
from madang.domain.projects import RegisteredProject
from madang.domain.query import RunQuery
from madang.domain.runs import BESIDE_RUNS, LOGGED_MODEL, RunRecord, record
from madang.domain.series import Series
from madang.domain.versions import VersionRecord
from madang.formats.mlflow.runs import tags_of
from madang.formats.mlflow.words import ALIASES
from madang.ports.records import StoredRun
from madang.ports.versions import CollectionRow
from madang.services.mlflow_words import aliases_of, told_of
from madang.services.model_registry.models import stage_of
from madang.workspace.moving.services import StoreServices

_AT_ONCE = 1000  # runs whose numbers one question brings
_PIECE = 1 << 20
_STATUSES = {"crashed": "failed"}  # MLflow has no word for it


class OwnStore:
    """A store of ours as a `domain.foreign.Source`. Metric values that are no numbers are left out, and counted."""

    def __init__(self, services: StoreServices, who: Principal) -> None:
        self.name = services.store.store
        self.problems: list[LeftOut] = []
        self.services = services
        self.who = who
        self._projects: dict[str, RegisteredProject] = {}
        self._homes: dict[str, RegisteredProject] = {}

    def close(self) -> None:
        """See `Source.close`: the services belong to the caller."""

    def experiments(self) -> list[Experiment]:
        """See `Source.experiments`."""
        found = self.services.projects.all(self.who)
        self._projects = {str(item.number): item for item in found}
        return [experiment_of(item) for item in found]

    def count(self, experiment: Experiment) -> int:
        """See `Source.count`."""
        queries = [self._query(experiment, kind) for kind in ("", LOGGED_MODEL)]
        return sum(self.services.records.runs.select(query).total for query in queries)

    def _query(self, experiment: Experiment, kind: str, cursor: str = "") -> RunQuery:
        project = self._project(experiment.id)
        return RunQuery(projects=(project,), limit=_AT_ONCE, cursor=cursor, deleted="all", kind=kind)

    def runs(self, experiment: Experiment) -> Iterator[Run]:
        """See `Source.runs`."""
        for kind in ("", LOGGED_MODEL):
            cursor = ""
            while True:
                page = self.services.records.runs.select(self._query(experiment, kind, cursor))
                for _, _, run in page.runs:
                    found = self.run(run)
                    if found is not None:
                        yield found
                cursor = page.next
                if not cursor:
                    break

    def run(self, run: str) -> Run | None:
        """One run as it is here; None when there is none."""
        stored = self.services.records.runs.get(run)
        if stored is None:
            return None
        found = record(stored.state, stored.overrides)
        series = self.services.tracking.history.series(stored, None)
        return self._foreign(stored, found, series)

    def record(self, run: str) -> RunRecord | None:
        """All that is known of a run."""
        stored = self.services.records.runs.get(run)
        return record(stored.state, stored.overrides) if stored is not None else None

    def home(self, project: str) -> RegisteredProject:
        """The project that a run names."""
        if project not in self._homes:
            self._homes |= self.services.projects.named([project])
        return self._homes[project]

    def _foreign(self, stored: StoredRun, found: RunRecord, series: Mapping[str, Series]) -> Run:
        return told_as_mlflow(found, self.home(found.project).number, series)

    def files(self, run: Run) -> list[StoredFile]:
        """See `Source.files`."""
        return run.files

    @contextmanager
    def open(self, run: Run, path: str) -> Iterator[Iterator[bytes]]:
        """See `Source.open`."""
        digest = next(item.digest for item in run.files if item.path == path)
        with self.open_blob(self._project(run.experiment), digest) as pieces:
            yield pieces

    def _project(self, experiment: str) -> str:
        """The name that runs have for an experiment."""
        known = self._projects.get(experiment)
        if known is None:
            known = self._projects[experiment] = self.services.projects.get(self.who, int(experiment))
        return known.name

    @contextmanager
    def open_blob(self, project: str, digest: str) -> Iterator[Iterator[bytes]]:
        """The bytes of a blob that a project holds."""
        file, _ = self.services.artifacts.open_blob(self.who, project, digest)
        with file:
            yield iter(lambda: file.read(_PIECE), b"")

    def models(self) -> list[Model]:
        """See `Source.models`."""
        return [model for _, model in self.model_rows()]

    def model_rows(self) -> list[tuple[CollectionRow, Model]]:
        """The registered models with their records."""
        return [(row, self.model(row)) for row in self.services.registry.models(self.who)]

    def model(self, row: CollectionRow) -> Model:
        """One registered model."""
        return told_model(row, self.services.models.versions(self.who, row)[::-1])

    def version_files(self, model: Model, version: Version) -> tuple[Run, str] | None:
        """See `Source.version_files`: a version has files of its own here."""
        return None

    def others(self) -> dict[str, int]:
        """See `Source.others`."""
        return {}


def told_as_mlflow(found: RunRecord, number: int, series: Mapping[str, Series]) -> Run:
    """A run of ours, in the project with a number, as far as MLflow knows such things."""
    is_model = found.job_type in BESIDE_RUNS
    status = _STATUSES.get(found.status, found.status)
    metrics: dict[str, list[Point]] = {}
    for key, item in series.items():
        points = list(_numbers(item))
        if points:
            metrics[key] = points
    return Run(
        found.id,
        str(number),
        name=found.name,
        status=status,
        started_at=_millis(found.created_at),
        ended_at=0 if found.job_type == LOGGED_MODEL else _millis(found.ended_at),
        user="" if is_model else found.user,
        is_deleted=bool(found.deleted_at),
        parent=found.parent,
        notes=found.notes,
        job_type=found.job_type if is_model else "",
        group=found.group if is_model else "",
        params={key: parameter_text(item) for key, item in found.config.items()},
        tags=dict(found.tags) if is_model else tags_of(found),
        metrics=metrics,
        datasets=list(found.datasets),
        inputs=list(found.linked_inputs),
        outputs=dict(found.linked_outputs),
        files=[StoredFile(item.path, item.size, item.digest) for item in found.files],
    )


def experiment_of(project: RegisteredProject) -> Experiment:
    """A project as an experiment."""
    return Experiment(
        str(project.number),
        project.title,
        dict(project.tags),
        _millis(project.created_at),
        _millis(project.updated_at),
        bool(project.deleted_at),
        project.location,
    )


def told_model(row: CollectionRow, versions: Sequence[VersionRecord]) -> Model:
    """A model of ours with its versions, oldest first."""
    return Model(
        row.name,
        row.description,
        {key: text for key, text in row.tags.items() if key != ALIASES},
        aliases_of(row),
        tuple(_version(row, item) for item in versions),
        _millis(row.created_at),
        _millis(row.updated_at),
    )


def _version(row: CollectionRow, item: VersionRecord) -> Version:
    told = told_of(item)
    return Version(
        item.number,
        told.get("source", ""),
        told.get("location", ""),
        told.get("run_id", item.run),
        told.get("model_id", ""),
        told.get("run_link", ""),
        stage_of(row, item.number),
        told.get("status", "READY"),
        item.description,
        item.actor,
        dict(item.tags),
        _millis(item.created_at),
        _millis(item.updated_at or item.created_at),
    )


def _numbers(series: Series) -> Iterator[Point]:
    for step, time, number in zip(series.steps, series.times, series.values, strict=True):
        if isinstance(number, int | float):
            try:
                yield step, _millis(time), float(number)
            except OverflowError:
                yield step, _millis(time), float("inf") if number > 0 else float("-inf")


def _millis(micros: int) -> int:
    """A time as exact as MLflow's."""
    return micros // 1000 * 1000
