"""The state of a run, derived from its segments alone."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from madang.domain import events, values
from madang.domain.events import Event, Stamp
from madang.domain.files import FileRef, InputItem

PRIMARY = frozenset({"process", "resume", "rank"})
_FAR = 1 << 62  # µs; no time is beyond
_NEVER = 1 << 63  # the place of a header without a time, after all others
_SEVERITY = {"finished": 0, "crashed": 1, "failed": 2, "killed": 3}
STATUSES = ("running", *_SEVERITY)

Stamped = tuple[Stamp, Any]


@values.mutable
class SegmentState:
    """What is known of one writer."""

    header: events.Header
    began: int = 0
    seen: int = 0  # time of the newest event


@values.mutable
class RunState:
    """Derived from segments alone; the order in which their events arrive does not matter. Plain values throughout.

    Every field that several events may set carries the stamp of the one that won.
    """

    run: str
    project: str = ""
    created: int = 0
    scalars: dict[str, Stamped] = field(default_factory=dict)  # name, notes, group, job_type, parent, command, …
    config: dict[str, Stamped] = field(default_factory=dict)  # (stamp, (value,)) or (stamp, ()) when removed
    tags: dict[str, Stamped] = field(default_factory=dict)
    summary: dict[str, Stamped] = field(default_factory=dict)
    definitions: dict[str, tuple[Stamp, events.DefineMetric]] = field(default_factory=dict)
    files: dict[str, tuple[Stamp, events.File]] = field(default_factory=dict)
    uses: list[tuple[Stamp, events.Use]] = field(default_factory=list)
    versions: list[tuple[Stamp, events.VersionWritten]] = field(default_factory=list)
    opened: dict[str, str] = field(default_factory=dict)  # path → "r", "w" or "rw"
    inputs: dict[str, tuple[Stamp, InputItem]] = field(default_factory=dict)
    outputs: dict[str, tuple[Stamp, FileRef]] = field(default_factory=dict)
    imports: dict[str, int] = field(default_factory=dict)
    code: tuple[Stamp, events.Code] | None = None
    environment: tuple[Stamp, events.Environment] | None = None
    captured: tuple[Stamp, events.Captured] | None = None
    rewinds: list[tuple[Stamp, int]] = field(default_factory=list)
    forked_from: tuple[Stamp, events.ForkedFrom] | None = None
    alerts: list[tuple[Stamp, events.Alert]] = field(default_factory=list)
    verdict: tuple[Stamp, events.Verdict] | None = None
    plan: dict[str, tuple[Stamp, events.PlannedStage]] = field(default_factory=dict)
    found: dict[str, tuple[Stamp, events.StageFound]] = field(default_factory=dict)
    pipeline_ended: int = 0  # µs UTC
    datasets: dict[str, tuple[Stamp, events.Dataset]] = field(default_factory=dict)  # by name and digest
    linked_inputs: dict[str, Stamped] = field(default_factory=dict)
    linked_outputs: dict[str, Stamped] = field(default_factory=dict)  # (stamp, step) by id
    segments: dict[str, SegmentState] = field(default_factory=dict)
    claims: dict[str, list[tuple[Stamp, str, events.Finished]]] = field(default_factory=dict)  # outcomes told by others
    unread: int = 0  # events that this release could not read


def _newer(old: tuple[Stamp, Any] | None, stamp: Stamp) -> bool:
    return old is None or stamp >= old[0]


def _put(table: dict[str, Any], key: str, stamp: Stamp, value: Any) -> None:
    if _newer(table.get(key), stamp):
        table[key] = (stamp, value)


def apply(state: RunState, stamp: Stamp, event: Event) -> None:
    """Take one event into the state. Never refuses: what is in a segment has happened."""
    segment = state.segments.get(stamp.segment)
    if segment is not None:
        segment.seen = max(segment.seen, stamp.time)
    handler = _HANDLERS.get(type(event))
    if handler is not None:
        handler(state, stamp, event)


def _header(state: RunState, stamp: Stamp, event: events.Header) -> None:
    state.segments.setdefault(stamp.segment, SegmentState(event, stamp.time, stamp.time))
    first = min(state.segments, key=lambda segment: (state.segments[segment].began or _NEVER, segment))
    state.created, state.project = state.segments[first].began, state.segments[first].header.project
    if event.rank == 0 and (event.writer in PRIMARY or event.writer == "launcher"):
        for name in ("host", "user"):
            _put(state.scalars, name, stamp, getattr(event, name))


STARTED = (
    "command",
    "cwd",
    "root",
    "executable",
    "process_started",
    "name",
    "group",
    "job_type",
    "parent",
    "notes",
    "seeds",
)


_BEFORE_ALL = 1 << 62  # µs


def _started(state: RunState, stamp: Stamp, event: events.Started) -> None:
    # What the user typed is the run's command, not that of a process below it.
    below = stamp._replace(time=stamp.time - _BEFORE_ALL) if event.launched else stamp
    for name in STARTED:
        if getattr(event, name):
            _put(state.scalars, name, below if name in ("command", "cwd") else stamp, getattr(event, name))


def _described(state: RunState, stamp: Stamp, event: events.Described) -> None:
    for name in ("name", "notes", "group", "job_type", "parent"):
        value = getattr(event, name)
        if value is not None:
            _put(state.scalars, name, stamp, value)


def _set(table_name: str) -> Any:
    def handler(state: RunState, stamp: Stamp, event: Any) -> None:
        table = getattr(state, table_name)
        for key, value in event.set.items():
            _put(table, key, stamp, (value,))

    return handler


def _removed(state: RunState, stamp: Stamp, event: events.Removed) -> None:
    if event.what in ("config", "tags", "summary"):
        for key in event.keys:
            _put(getattr(state, event.what), key, stamp, ())
    elif event.what == "files":
        for path in event.keys:
            _put(state.files, path, stamp, events.File(path, "", 0))


def _define(state: RunState, stamp: Stamp, event: events.DefineMetric) -> None:
    _put(state.definitions, event.key, stamp, event)


def _file(state: RunState, stamp: Stamp, event: events.File) -> None:
    _put(state.files, event.path, stamp, event)


def _append(table_name: str) -> Any:
    def handler(state: RunState, stamp: Stamp, event: Any) -> None:
        table = getattr(state, table_name)
        if (stamp, event) not in table:
            table.append((stamp, event))
            table.sort(key=lambda item: item[0])

    return handler


def _single(name: str) -> Any:
    def handler(state: RunState, stamp: Stamp, event: Any) -> None:
        if _newer(getattr(state, name), stamp):
            setattr(state, name, (stamp, event))

    return handler


def _opened(state: RunState, stamp: Stamp, event: events.Opened) -> None:
    for letter, paths in (("r", event.read), ("w", event.written)):
        for path in paths:
            before = state.opened.get(path, "")
            if letter not in before:
                state.opened[path] = "".join(sorted(before + letter))


def _inputs(state: RunState, stamp: Stamp, event: events.Inputs) -> None:
    for item in event.items:
        _put(state.inputs, item.path, stamp, item)


def _outputs(state: RunState, stamp: Stamp, event: events.Outputs) -> None:
    for item in event.items:
        _put(state.outputs, item.path, stamp, item)


def _pipeline(state: RunState, stamp: Stamp, event: events.Pipeline) -> None:
    for stage in event.plan:
        _put(state.plan, stage.name, stamp, stage)
    for found in event.found:
        _put(state.found, found.name, stamp, found)
    state.pipeline_ended = max(state.pipeline_ended, event.ended_at)


def _imports(state: RunState, stamp: Stamp, event: events.Imports) -> None:
    for path, modified in event.files:
        state.imports[path] = max(state.imports.get(path, 0), modified)


def _rewound(state: RunState, stamp: Stamp, event: events.Rewound) -> None:
    if (stamp, event.step) not in state.rewinds:
        state.rewinds = sorted([*state.rewinds, (stamp, event.step)])


def _finished(state: RunState, stamp: Stamp, event: events.Finished) -> None:
    if event.status not in _SEVERITY:
        state.unread += 1
        return
    claims = state.claims.setdefault(event.of or stamp.segment, [])
    claim = (stamp, "" if not event.of or event.of == stamp.segment else stamp.segment, event)
    if claim not in claims:
        claims.append(claim)
        claims.sort(key=lambda item: item[0])


def _status(state: RunState, stamp: Stamp, event: events.Status) -> None:
    if 0 < event.ended_at < _FAR:
        _put(state.scalars, "ended_at", stamp, event.ended_at)
    if event.status:
        _put(state.scalars, "status", stamp, event.status)
        claims = [claim for claim in state.claims.get(stamp.segment, []) if claim[1]]
        own = (stamp, "", events.Finished(event.status, exit_code=event.exit_code))
        state.claims[stamp.segment] = [own, *claims] if event.status in _SEVERITY else claims


def _dataset(state: RunState, stamp: Stamp, event: events.Dataset) -> None:
    _put(state.datasets, f"{event.name}\n{event.digest}", stamp, event)


def _linked(state: RunState, stamp: Stamp, event: events.Linked) -> None:
    for model in event.inputs:
        _put(state.linked_inputs, model, stamp, 0)
    for model, step in event.outputs:
        _put(state.linked_outputs, model, stamp, step)


def _unread(state: RunState, stamp: Stamp, event: events.Unread) -> None:
    state.unread += 1


_HANDLERS: dict[type, Any] = {
    events.Header: _header,
    events.Started: _started,
    events.Resumed: _started,
    events.Described: _described,
    events.Config: _set("config"),
    events.Tags: _set("tags"),
    events.Summary: _set("summary"),
    events.Removed: _removed,
    events.DefineMetric: _define,
    events.File: _file,
    events.Use: _append("uses"),
    events.VersionWritten: _append("versions"),
    events.Alert: _append("alerts"),
    events.Opened: _opened,
    events.Inputs: _inputs,
    events.Outputs: _outputs,
    events.Imports: _imports,
    events.Code: _single("code"),
    events.Environment: _single("environment"),
    events.Captured: _single("captured"),
    events.ForkedFrom: _single("forked_from"),
    events.Verdict: _single("verdict"),
    events.Pipeline: _pipeline,
    events.Status: _status,
    events.Dataset: _dataset,
    events.Linked: _linked,
    events.Rewound: _rewound,
    events.Finished: _finished,
    events.Unread: _unread,
}


@values.value
class Outcome:
    """Where a run stands: its status, and how it ended if it has."""

    status: str = "running"
    ended_at: int = 0  # µs UTC, 0 while running
    exit_code: int | None = None
    signal: int | None = None
    error: events.Failure | None = None


def outcome_of_segment(state: RunState, segment: str) -> tuple[Stamp, events.Finished] | None:
    """How a writer ended: its own word, else a `signal` segment's, else the follower's; None while it lives."""
    claims = state.claims.get(segment, [])
    for kinds in (("",), ("signal",), ("launcher", "follower", "process", "edge")):
        for stamp, by, event in claims:
            writer = state.segments[by].header.writer if by in state.segments else ("" if not by else "follower")
            if writer in kinds:
                return stamp, event
    return None


def outcome(state: RunState) -> Outcome:
    """The status of the run from all its writers (docs/formats/journal.md, "Applying")."""
    latest: dict[int, tuple[int, str]] = {}
    launcher: tuple[int, str] | None = None
    writers = {info.header.writer for info in state.segments.values()}
    deciders = (
        PRIMARY if writers & (PRIMARY | {"launcher"}) else {"edge"}
    )  # an edge decides where no process of ours does
    for segment, info in state.segments.items():
        if info.header.writer in deciders:
            rank = info.header.rank
            latest[rank] = max(latest.get(rank, (0, "")), (info.began, segment))
        elif info.header.writer == "launcher":
            launcher = max(launcher or (0, ""), (info.began, segment))
    deciding = [segment for _, segment in latest.values()]
    if launcher is not None:
        end = outcome_of_segment(state, launcher[1])
        if end is None or not any(began > end[0].time for began, _ in latest.values()):
            deciding.append(launcher[1])
    ends = [outcome_of_segment(state, segment) for segment in deciding]
    known = [end for end in ends if end is not None]
    if not state.segments:
        return Outcome("crashed")  # no writer of it can be read
    stated = deciders == {"edge"}
    if not deciding or len(known) < len(ends):
        is_scheduled = stated and state.scalars.get("status", ((), ""))[1] == "scheduled"
        return Outcome("scheduled" if is_scheduled else "running")
    _, worst = max(known, key=lambda end: (_SEVERITY[end[1].status], -end[0].time))
    ended = max(end[0].time for end in known)
    if stated and "ended_at" in state.scalars:
        ended = state.scalars["ended_at"][1]
    return Outcome(worst.status, ended, worst.exit_code, worst.signal, worst.error)
