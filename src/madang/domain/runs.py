"""A run as readers see it: the derived state with the changes from outside laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from madang.domain import events
from madang.domain.events import Json
from madang.domain.files import FileRef, InputItem
from madang.domain.metrics import MetricSummary
from madang.domain.run_state import STARTED, RunState, SegmentState, outcome, outcome_of_segment
from madang.domain.values import mutable, value

LOGGED_MODEL, TRACE, EVALUATION_DATASET = "logged-model", "trace", "evaluation-dataset"
"""The job types of records that are no runs: models in the making, traces and data sets of clients of an edge."""
BESIDE_RUNS = (LOGGED_MODEL, TRACE, EVALUATION_DATASET)
STOP_TAG = "madang.stop"
"""The tag that asks a run's client to stop: who asked."""


@value
class RunChange:
    """A change by anyone but the run's own process. Only the fields that are not None change."""

    name: str | None = None
    notes: str | None = None
    group: str | None = None
    tags: dict[str, str] | None = None  # to set
    tags_removed: tuple[str, ...] = ()
    deleted: bool | None = None
    archived: bool | None = None


@mutable
class Overrides:
    """All changes from outside, folded together; a later replay of segments never undoes them."""

    name: str | None = None
    notes: str | None = None
    group: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    tags_removed: list[str] = field(default_factory=list)
    deleted_at: int = 0
    archived: bool = False
    revision: int = 0  # how many changes; the value for compare-and-swap

    def fold(self, change: RunChange, at: int) -> None:
        """Take one change in."""
        for name in ("name", "notes", "group"):
            if getattr(change, name) is not None:
                setattr(self, name, getattr(change, name))
        if change.tags:
            self.tags.update(change.tags)
            self.tags_removed = [key for key in self.tags_removed if key not in change.tags]
        for key in change.tags_removed:
            self.tags.pop(key, None)
            if key not in self.tags_removed:
                self.tags_removed.append(key)
        if change.deleted is not None:
            self.deleted_at = at if change.deleted else 0
        if change.archived is not None:
            self.archived = change.archived
        self.revision += 1


@value
class SegmentInfo:
    """One writer of a run, as readers see it."""

    id: str
    writer: str
    host: str
    pid: int
    rank: int
    began: int
    seen: int
    ended: bool


@value
class RunRecord:
    """A run as readers see it: derived state with the changes from outside laid over it. Times are µs UTC, 0 = none."""

    id: str
    project: str
    name: str = ""
    status: str = "running"
    created_at: int = 0
    ended_at: int = 0
    seen_at: int = 0  # newest event of any writer
    user: str = ""
    host: str = ""
    group: str = ""
    job_type: str = ""
    parent: str = ""
    notes: str = ""
    exit_code: int | None = None
    signal: int | None = None
    error: events.Failure | None = None
    command: list[str] = field(default_factory=list)
    cwd: str = ""
    root: str = ""
    executable: str = ""
    process_started: int = 0
    seeds: dict[str, Json] = field(default_factory=dict)
    config: dict[str, Json] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    summary: dict[str, Json] = field(default_factory=dict)  # by hand only; metrics carry the derived part
    metrics: dict[str, MetricSummary] = field(default_factory=dict)  # as far as the reader asked for them
    definitions: dict[str, events.DefineMetric] = field(default_factory=dict)
    files: list[events.File] = field(default_factory=list)
    uses: list[events.Use] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)  # written: "name:v3"; filled in by the store
    opened: dict[str, str] = field(default_factory=dict)
    inputs: list[InputItem] = field(default_factory=list)
    outputs: list[FileRef] = field(default_factory=list)
    imports: dict[str, int] = field(default_factory=dict)
    code: events.Code | None = None
    environment: events.Environment | None = None
    captured: events.Captured | None = None
    forked_from: events.ForkedFrom | None = None
    alerts: list[events.Alert] = field(default_factory=list)
    verdict: events.Verdict | None = None
    pipeline: events.Pipeline | None = None
    datasets: list[events.Dataset] = field(default_factory=list)
    linked_inputs: list[str] = field(default_factory=list)
    linked_outputs: dict[str, int] = field(default_factory=dict)
    segments: list[SegmentInfo] = field(default_factory=list)
    unread: int = 0
    damage: list[str] = field(default_factory=list)  # segments with bytes that could not be read, and why
    deleted_at: int = 0
    archived: bool = False
    revision: int = 0

    @property
    def duration(self) -> int:
        """Microseconds from creation to the end, or to the newest event while running."""
        return (self.ended_at or self.seen_at) - self.created_at


_SCALARS = ("user", "host", *STARTED)


def config_of(state: RunState) -> dict[str, Json]:
    """The configuration and parameters as readers see them."""
    return {key: value[0] for key, (_, value) in state.config.items() if value}


def tags_of(state: RunState, overrides: Overrides) -> dict[str, str]:
    """The tags as readers see them."""
    own = {key: value[0] for key, (_, value) in state.tags.items() if value and key not in overrides.tags_removed}
    return {**own, **overrides.tags}


def record(state: RunState, overrides: Overrides, metrics: Mapping[str, MetricSummary] | None = None) -> RunRecord:
    """The record that readers see."""
    end = outcome(state)
    made = RunRecord(
        id=state.run,
        project=state.project,
        status=end.status,
        created_at=state.created,
        ended_at=end.ended_at,
        seen_at=max((info.seen for info in state.segments.values()), default=state.created),
        exit_code=end.exit_code,
        signal=end.signal,
        error=end.error,
        **(_owner(state) | {name: state.scalars[name][1] for name in _SCALARS if name in state.scalars}),
        config=config_of(state),
        tags=tags_of(state, overrides),
        summary={key: value[0] for key, (_, value) in state.summary.items() if value},
        metrics=dict(metrics or {}),
        definitions={key: item for key, (_, item) in state.definitions.items()},
        files=[item for _, item in sorted(state.files.values(), key=lambda pair: pair[1].path) if item.digest],
        uses=[item for _, item in state.uses],
        opened=dict(state.opened),
        inputs=[item for _, item in sorted(state.inputs.values(), key=lambda pair: pair[1].path)],
        outputs=[item for _, item in sorted(state.outputs.values(), key=lambda pair: pair[1].path)],
        imports=dict(state.imports),
        code=state.code[1] if state.code else None,
        environment=state.environment[1] if state.environment else None,
        captured=state.captured[1] if state.captured else None,
        forked_from=state.forked_from[1] if state.forked_from else None,
        alerts=[item for _, item in state.alerts],
        verdict=state.verdict[1] if state.verdict else None,
        pipeline=_pipeline(state),
        datasets=[item for _, item in sorted(state.datasets.values(), key=lambda pair: pair[0])],
        linked_inputs=list(state.linked_inputs),
        linked_outputs={model: step for model, (_, step) in state.linked_outputs.items()},
        segments=[
            _segment_info(state, segment, info)
            for segment, info in sorted(state.segments.items(), key=lambda item: (item[1].began, item[0]))
        ],
        unread=state.unread,
        deleted_at=overrides.deleted_at,
        archived=overrides.archived,
        revision=overrides.revision,
    )
    changed = {
        name: getattr(overrides, name) for name in ("name", "notes", "group") if getattr(overrides, name) is not None
    }
    return replace(made, **changed) if changed else made


def _pipeline(state: RunState) -> events.Pipeline | None:
    if not (state.plan or state.found or state.pipeline_ended):
        return None
    plan, found = [item for _, item in state.plan.values()], [item for _, item in state.found.values()]
    return events.Pipeline(plan, found, state.pipeline_ended)


def _owner(state: RunState) -> dict[str, str]:
    """Who began the run, where no process of ours says it: the first writer."""
    headers = [info.header for _, info in sorted(state.segments.items(), key=lambda item: (item[1].began, item[0]))]
    return {"user": headers[0].user, "host": headers[0].host} if headers else {}


def _segment_info(state: RunState, segment: str, info: SegmentState) -> SegmentInfo:
    header = info.header
    ended = outcome_of_segment(state, segment) is not None
    return SegmentInfo(segment, header.writer, header.host, header.pid, header.rank, info.began, info.seen, ended)
