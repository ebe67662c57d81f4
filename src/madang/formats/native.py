"""Records as the native API writes them, and back (docs/formats/native-api.md). Values follow `madang.formats.wire`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

from madang.domain import events
from madang.domain.files import BlobRef, FileRef, InputItem, Omitted
from madang.domain.metrics import MetricSummary, definition_of
from madang.domain.pages import HistoryPage
from madang.domain.runs import RunRecord, SegmentInfo
from madang.domain.series import ConsoleLine, Series
from madang.domain.versions import Entry, PointerChange, VersionRecord
from madang.formats.wire import Plain, encode, exact, json_numbers, json_value

Number = int | float | str | None  # a text where JSON has no such number


class Metric(Struct):
    """What stands beside a run for one metric. ``numbers``, ``total`` and ``rest`` are in MessagePack only."""

    last: Any = None
    step: int = 0
    time: int = 0
    min: Number = None
    min_step: int = 0
    max: Number = None
    max_step: int = 0
    mean: Number = None
    best: Number = None
    count: int = 0
    numbers: int | UnsetType = UNSET
    total: float | UnsetType = UNSET
    rest: list[float] | UnsetType = UNSET


class Definition(Struct):
    """How a metric is summed up and compared."""

    goal: str = ""
    summary: str = ""
    step_metric: str = ""
    volatile: bool = False
    rtol: float | None = None
    atol: float | None = None


class CodeBody(Struct):
    """The source code behind a run; a list carries the first three fields alone."""

    commit: str = ""
    branch: str = ""
    dirty: bool = False
    remote: str | UnsetType = UNSET
    diff: BlobRef | UnsetType | None = UNSET
    diff_stat: str | UnsetType = UNSET
    untracked: list[FileRef] | UnsetType = UNSET
    skipped: list[Omitted] | UnsetType = UNSET
    withheld: list[Omitted] | UnsetType = UNSET
    entry: str | UnsetType = UNSET


class VerdictBody(Struct):
    """The result of reproducing another run; a list carries the first two fields alone."""

    of: str
    verdict: str
    first_difference: dict[str, Any] | UnsetType | None = UNSET
    missing: list[str] | UnsetType = UNSET
    compared: dict[str, Any] | UnsetType = UNSET
    not_compared: dict[str, Any] | UnsetType = UNSET
    attestation: dict[str, Any] | UnsetType = UNSET


class Run(Struct):
    """A run: the fields of `RunRecord` by their names. What a list leaves out is unset there."""

    id: str
    project: str
    name: str = ""
    status: str = "running"
    created_at: int = 0
    ended_at: int = 0
    seen_at: int = 0
    duration: int = 0
    user: str = ""
    host: str = ""
    group: str = ""
    job_type: str = ""
    parent: str = ""
    notes: str = ""
    exit_code: int | None = None
    signal: int | None = None
    error: events.Failure | None = None
    config: dict[str, Any] = {}
    tags: dict[str, str] = {}
    summary: dict[str, Any] = {}
    metrics: dict[str, Metric] = {}
    more_metrics: str | UnsetType = UNSET  # the cursor of the rest, where not all are here
    versions: list[str] = []
    code: CodeBody | None = None
    verdict: VerdictBody | None = None
    damage: list[str] = []
    deleted_at: int = 0
    archived: bool = False
    revision: int = 0
    command: list[str] | UnsetType = UNSET
    cwd: str | UnsetType = UNSET
    root: str | UnsetType = UNSET
    executable: str | UnsetType = UNSET
    process_started: int | UnsetType = UNSET
    seeds: dict[str, Any] | UnsetType = UNSET
    definitions: dict[str, Definition] | UnsetType = UNSET
    files: list[events.File] | UnsetType = UNSET
    uses: list[events.Use] | UnsetType = UNSET
    datasets: list[events.Dataset] | UnsetType = UNSET
    linked_inputs: list[str] | UnsetType = UNSET
    linked_outputs: dict[str, int] | UnsetType = UNSET
    opened: dict[str, str] | UnsetType = UNSET
    inputs: list[InputItem] | UnsetType = UNSET
    outputs: list[FileRef] | UnsetType = UNSET
    imports: dict[str, int] | UnsetType = UNSET
    environment: events.Environment | UnsetType | None = UNSET
    captured: events.Captured | UnsetType | None = UNSET
    forked_from: events.ForkedFrom | UnsetType | None = UNSET
    pipeline: events.Pipeline | UnsetType | None = UNSET
    alerts: list[events.Alert] | UnsetType = UNSET
    segments: list[SegmentInfo] | UnsetType = UNSET
    unread: int | UnsetType = UNSET


_OWN_FORM = frozenset((
    "code", "config", "definitions", "duration", "metrics", "more_metrics", "seeds", "summary", "verdict",
))  # fmt: skip
_DEFAULTS = dict(zip(reversed(Run.__struct_fields__), reversed(Run.__struct_defaults__), strict=False))
_SAME = tuple(name for name in Run.__struct_fields__ if name not in _OWN_FORM and _DEFAULTS.get(name) is not UNSET)
_HEAVY = tuple(name for name in Run.__struct_fields__ if name not in _OWN_FORM and _DEFAULTS.get(name) is UNSET)
_CODE = CodeBody.__struct_fields__
_VERDICT = VerdictBody.__struct_fields__


def light_run(record: RunRecord, plain: Plain) -> Run:
    """A run as a list shows it."""
    code, verdict = record.code, record.verdict
    row = _common(record, plain)
    row.definitions = _definitions(record) or UNSET
    row.uses = record.uses or UNSET
    row.code = CodeBody(code.commit, code.branch, code.dirty) if code else None
    row.verdict = VerdictBody(verdict.of, verdict.verdict) if verdict else None
    error = record.error
    if error is not None and error.traceback:
        row.error = replace(error, traceback="")
    return row


def encoded_row(record: RunRecord, binary: bool = False) -> bytes:
    """A run as a list shows it, encoded."""
    return encode(light_run(record, exact if binary else json_value), binary)


def whole_run(record: RunRecord, plain: Plain, more_metrics: str = "") -> Run:
    """A run with everything that is known of it; of metrics what the record has, and the cursor of the rest."""
    run = _common(record, plain)
    run.more_metrics = more_metrics or UNSET
    for name in _HEAVY:
        setattr(run, name, getattr(record, name))
    run.code = CodeBody(**{name: getattr(record.code, name) for name in _CODE}) if record.code else None
    run.seeds = plain(record.seeds)
    run.definitions = _definitions(record)
    if record.verdict is not None:
        run.verdict = VerdictBody(**{name: plain(getattr(record.verdict, name)) for name in _VERDICT})
    return run


def _common(record: RunRecord, plain: Plain) -> Run:
    run = Run(**{name: getattr(record, name) for name in _SAME})
    run.duration = record.duration
    run.config = plain(record.config)
    run.summary = plain(record.summary)
    run.metrics = metrics(record, plain)
    return run


def metrics(record: RunRecord, plain: Plain) -> dict[str, Metric]:
    """The metrics beside a run."""
    return {key: metric(key, item, record.definitions, plain) for key, item in record.metrics.items()}


def metric(key: str, item: MetricSummary, definitions: dict[str, events.DefineMetric], plain: Plain) -> Metric:
    """One metric beside a run; ``best`` is by the goal that its definition sets."""
    goal = definition_of(key, definitions).goal if definitions else ""
    step, time, _, _ = item.last_at
    made = Metric(
        plain(item.last),
        step,
        time,
        plain(item.min),
        item.min_step,
        plain(item.max),
        item.max_step,
        plain(item.mean),
        plain(item.best(goal)) if goal else None,
        item.count,
    )
    if plain is exact:
        made.numbers, made.total, made.rest = item.numbers, item.total, list(item.rest) or UNSET
    return made


def _definitions(record: RunRecord) -> dict[str, Definition]:
    return {
        key: Definition(item.goal, item.summary, item.step_metric, item.volatile, item.rtol, item.atol)
        for key, item in record.definitions.items()
    }


def read_run(run: Run) -> RunRecord:
    """The record behind a run that came as MessagePack; of a light one, what it carries."""
    heavy = {name: getattr(run, name) for name in (*_HEAVY, "seeds") if getattr(run, name) is not UNSET}
    definitions = run.definitions if isinstance(run.definitions, dict) else {}
    return RunRecord(
        **{name: getattr(run, name) for name in _SAME},
        **heavy,
        config=run.config,
        summary=run.summary,
        metrics=read_metrics(run.metrics),
        definitions={key: _defined(key, item) for key, item in definitions.items()},
        code=events.Code(**_given(run.code)) if run.code else None,
        verdict=events.Verdict(**_given(run.verdict)) if run.verdict else None,
    )


def read_metrics(given: Mapping[str, Metric]) -> dict[str, MetricSummary]:
    """The summaries behind metrics that came as MessagePack."""
    return {key: _summary(item) for key, item in given.items()}


def _summary(item: Metric) -> MetricSummary:
    return MetricSummary(
        item.count,
        item.last,
        (item.step, item.time, "", 0),
        _number(item.min),
        item.min_step,
        _number(item.max),
        item.max_step,
        item.numbers if isinstance(item.numbers, int) else 0,
        item.total if isinstance(item.total, float) else 0.0,
        () if isinstance(item.rest, UnsetType) else tuple(item.rest),
    )


def _number(value: Number) -> int | float | None:
    return None if isinstance(value, str) else value


def _defined(key: str, item: Definition) -> events.DefineMetric:
    return events.DefineMetric(key, item.goal, item.summary, item.step_metric, item.volatile, item.rtol, item.atol)


def _given(body: Struct) -> dict[str, Any]:
    found = {name: getattr(body, name) for name in body.__struct_fields__}
    return {name: value for name, value in found.items() if value is not UNSET}


class SeriesBody(Struct):
    """One metric over the steps of a run: parallel columns."""

    kind: str
    steps: list[Any]
    times: list[int]
    values: list[Any]
    total: int = 0
    sampled: bool = False


def series(item: Series, plain: Plain) -> SeriesBody:
    """A series for the wire. Lists of ordinary numbers are not copied: 100,000 points cost milliseconds."""
    if plain is exact:
        return SeriesBody(item.kind, item.steps, item.times, item.values, item.total, item.sampled)
    steps, values = json_numbers(item.steps, "int"), json_numbers(item.values, item.kind)
    return SeriesBody(item.kind, steps, item.times, values, item.total, item.sampled)  # type: ignore[arg-type]


def read_series(key: str, body: SeriesBody) -> Series:
    """The series behind a body that came as MessagePack."""
    return Series(key, body.kind, body.steps, body.times, body.values, body.total, body.sampled)  # type: ignore[arg-type]


class Version(Struct):
    """One version; ``entries`` only where one version is asked for."""

    project: str
    name: str
    type: str
    number: int
    ref: str
    digest: str
    size: int
    files: int
    created_at: int
    run: str = ""
    aliases: list[str] = []
    description: str = ""
    metadata: dict[str, Any] = {}
    tags: dict[str, str] = {}
    actor: str = ""
    entries: list[Entry] | UnsetType = UNSET


_VERSION = (
    "project", "name", "type", "number", "digest", "size", "files", "created_at", "run", "description", "tags", "actor",
)  # fmt: skip


def version(record: VersionRecord, plain: Plain, entries: Iterable[Entry] | None = None) -> Version:
    """A version for the wire."""
    made = Version(ref=record.ref, **{name: getattr(record, name) for name in _VERSION})
    made.aliases = list(record.aliases)
    made.metadata = plain(record.metadata)
    if entries is not None:
        made.entries = list(entries)
    return made


def read_version(body: Version) -> VersionRecord:
    """The record behind a version that came as MessagePack."""
    same = {name: getattr(body, name) for name in _VERSION}
    return VersionRecord(**same, aliases=tuple(body.aliases), metadata=body.metadata)


class Page(Struct):
    """One page of a search for runs."""

    runs: list[Run]
    next: str = ""
    total: int = 0


class MetricTable(Struct):
    """Some metrics of one run, and the cursor of the page after."""

    metrics: dict[str, Metric]
    next: str = ""


class RowPage(Struct):
    """A `Page` whose runs are encoded already, in the page's own form."""

    runs: list[Raw]
    next: str = ""
    total: int = 0


class HistoryBody(Struct):
    """Series by run and key, and the cursor of the page after."""

    runs: dict[str, dict[str, SeriesBody]]
    next: str = ""


class SeriesTable(Struct):
    """Series of one run by key, and the cursor of the page after."""

    series: dict[str, SeriesBody]
    next: str = ""


class ConsoleBody(Struct):
    """Some lines of a run's console."""

    lines: list[ConsoleLine]
    last: int
    total: int


class VersionsBody(Struct):
    """All versions of a collection."""

    versions: list[Version]


class ChangesBody(Struct):
    """The history of a collection's pointers."""

    changes: list[PointerChange]


def history(page: HistoryPage, plain: Plain) -> HistoryBody:
    """Series by run and key for the wire."""
    tables = {run: {key: series(item, plain) for key, item in table.items()} for run, table in page.series.items()}
    return HistoryBody(tables, page.next)
