"""What another tracker holds, in plain values that every source is read into and every target is written from.

Times are µs since 1970 UTC; 0: not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import field, replace
from typing import Any, Protocol, TypeAlias

from madang.domain import events
from madang.domain.events import Dataset, Json
from madang.domain.parameters import parameter_text
from madang.domain.reported import in_one_form
from madang.domain.runs import LOGGED_MODEL, TRACE
from madang.domain.series import ConsoleLine
from madang.domain.values import mutable, value

Point: TypeAlias = tuple[int, int, Any]
"""Step, time and value of one point of a metric: a number, or where the tracker logs others a bool, text or media."""


@value
class LeftOut:
    """Something that could not be carried (or not as it was), and why."""

    kind: str
    name: str
    reason: str


@value
class Experiment:
    """A named set of runs. ``id`` is the source's own; empty where it knows no ids but names."""

    id: str
    name: str
    tags: dict[str, str] = field(default_factory=dict)
    created_at: int = 0
    updated_at: int = 0
    is_deleted: bool = False
    location: str = ""  # where the source puts files of its runs


@value
class StoredFile:
    """A file of a run."""

    path: str  # relative, "/" between parts
    size: int  # bytes; -1: not known before it is read
    digest: str = ""  # blake3:HEX, where it is known without reading


@value
class ArtifactFile:
    """A file of an artifact, or with ``ref`` the address of one. ``digest`` is as the artifact's manifest has it."""

    path: str
    digest: str
    size: int
    ref: str = ""
    extra: dict[str, Json] = field(default_factory=dict)
    location: str = ""  # what `Source.open` finds its bytes by


@value
class Artifact:
    """An immutable version of something that a run has made, as a tracker keeps it. ``digest`` is over its files."""

    id: str  # that its client gave it
    name: str
    type: str
    digest: str
    files: tuple[ArtifactFile, ...]
    description: str = ""
    metadata: dict[str, Json] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    is_input: bool = False  # the run has read it, too


@mutable
class Details:
    """What some trackers know of a run beside parameters, numbers and files."""

    host: str = ""
    command: list[str] = field(default_factory=list)
    exit_code: int | None = None
    summary: dict[str, Json] = field(default_factory=dict)  # as it was told, not derived
    definitions: dict[str, events.DefineMetric] = field(default_factory=dict)
    console: list[ConsoleLine] = field(default_factory=list)
    alerts: list[events.Alert] = field(default_factory=list)
    code: events.Code | None = None
    environment: events.Environment | None = None
    forked_from: events.ForkedFrom | None = None
    artifacts: list[Artifact] = field(default_factory=list)


_KINDS = {LOGGED_MODEL: "logged models", TRACE: "traces"}


@mutable
class Run:
    """A run; or, with the job type `domain.runs.LOGGED_MODEL`, the record of a logged model."""

    id: str  # 32 lower-case hex digits
    experiment: str  # its id
    name: str = ""
    status: str = "running"  # also "scheduled", "finished", "failed", "killed"
    started_at: int = 0
    ended_at: int = 0
    user: str = ""
    is_deleted: bool = False
    parent: str = ""
    notes: str = ""
    job_type: str = ""
    group: str = ""
    params: dict[str, Json] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, list[Point]] = field(default_factory=dict)
    datasets: list[Dataset] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)  # ids of models that it read
    outputs: dict[str, int] = field(default_factory=dict)  # ids of models that it made → step
    files: list[StoredFile] = field(default_factory=list)
    location: str = ""  # where the source has its files
    details: Details = field(default_factory=Details)

    @property
    def is_logged_model(self) -> bool:
        """Whether this is the record of a logged model."""
        return self.job_type == LOGGED_MODEL

    @property
    def kind(self) -> str:
        """What reports call such things."""
        return _KINDS.get(self.job_type, "runs")


@value
class Version:
    """A version of a registered model. ``run`` and ``model`` are ids of the run and the logged model it is from."""

    number: int
    source: str = ""  # as the source words it
    location: str = ""  # where its files are, if not at ``source``
    run: str = ""
    model: str = ""
    run_link: str = ""
    stage: str = ""  # "staging", "production" or "archived"
    status: str = "READY"
    description: str = ""
    user: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    created_at: int = 0
    updated_at: int = 0


@value
class Model:
    """A registered model."""

    name: str
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    versions: tuple[Version, ...] = ()
    created_at: int = 0
    updated_at: int = 0


class Source(Protocol):
    """A tracker that is read. What cannot be read is noted in ``problems``; it stops nothing else.

    Methods raise `Unavailable` when a server or database does not answer any more, `CorruptData` or `InvalidInput`
    when there is nothing of the kind at all.
    """

    name: str
    problems: list[LeftOut]

    def experiments(self) -> list[Experiment]:
        """All experiments, deleted ones too."""
        ...

    def count(self, experiment: Experiment) -> int:
        """About how many runs and logged models an experiment has, for showing how far it is."""
        ...

    def runs(self, experiment: Experiment) -> Iterator[Run]:
        """The runs and logged models of an experiment, deleted ones too, with their files' names where it is cheap."""
        ...

    def files(self, run: Run) -> Iterable[StoredFile]:
        """The files of a run. Raises `MadangError` when they cannot be listed."""
        ...

    def open(self, run: Run, path: str) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes of one of its files. Raises `MadangError` when they cannot be had."""
        ...

    def models(self) -> list[Model]:
        """Registered models with their versions."""
        ...

    def version_files(self, model: Model, version: Version) -> tuple[Run, str] | None:
        """The run whose files a version's are, and their folder among them; None: they are elsewhere."""
        ...

    def others(self) -> dict[str, int]:
        """What else is there that has no place here: a name, and how many."""
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...


def shared(wanted: Run, held: Run) -> Run:
    """The part of ``held`` that ``wanted`` speaks of: who goes on working with a copy adds to it."""
    return replace(
        held,
        ended_at=held.ended_at if wanted.ended_at else 0,
        started_at=held.started_at if wanted.started_at else 0,
        user=held.user if wanted.user else "",
        is_deleted=held.is_deleted if wanted.is_deleted else False,
        params={key: _as_told(item, wanted.params[key]) for key, item in held.params.items() if key in wanted.params},
        tags={key: text for key, text in held.tags.items() if key in wanted.tags},
        metrics={key: _shared_points(wanted.metrics[key], points) for key, points in held.metrics.items()
                 if key in wanted.metrics},
        datasets=[item for item in held.datasets if any(_same_data(item, other) for other in wanted.datasets)],
        inputs=[model for model in held.inputs if model in wanted.inputs],
        outputs={model: step for model, step in held.outputs.items() if model in wanted.outputs},
        files=_shared_files(wanted.files, held.files),
        details=_shared_details(wanted.details, held.details),
    )  # fmt: skip


def _as_told(held: Json, wanted: Json) -> Json:
    """A parameter as its tracker has it: some know only texts."""
    return parameter_text(held) if isinstance(wanted, str) else held


def _shared_details(wanted: Details, held: Details) -> Details:
    lines = {line.n for line in wanted.console}
    return Details(
        host=held.host if wanted.host else "",
        command=held.command if wanted.command else [],
        exit_code=held.exit_code if wanted.exit_code is not None else None,
        summary={key: item for key, item in held.summary.items() if key in wanted.summary},
        definitions={key: item for key, item in held.definitions.items() if key in wanted.definitions},
        console=[line for line in held.console if line.n in lines],
        alerts=[item for item in held.alerts if item in wanted.alerts],
        code=held.code if wanted.code else None,
        environment=held.environment if wanted.environment else None,
        forked_from=held.forked_from if wanted.forked_from else None,
    )


def _shared_points(wanted: list[Point], held: list[Point]) -> list[Point]:
    if len(wanted) == len(held):
        return held
    known = set(map(point_key, wanted))
    return [point for point in held if point_key(point) in known]


def _shared_files(wanted: list[StoredFile], held: list[StoredFile]) -> list[StoredFile]:
    paths = {item.path for item in wanted}
    return [item for item in held if item.path in paths]


def _same_data(one: Dataset, other: Dataset) -> bool:
    return (one.name, one.digest) == (other.name, other.digest)


def point_key(point: Point) -> tuple[int, int, str]:
    """What tells one point of a metric from another, also where the value is not a number."""
    step, time, number = point
    return step, time, in_one_form(number)
