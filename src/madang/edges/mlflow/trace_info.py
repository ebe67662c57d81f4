"""Traces, kept as records of a kind of their own beside runs, in the two shapes that MLflow's releases have for them.

What a trace is asked for as a whole (its times, state, previews and metadata) is one JSON text in a tag of its record,
what people and judges said of it another one. Its spans are files of the record.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from madang.domain import events
from madang.domain.commands import CreateRun, Fact
from madang.domain.projects import RegisteredProject
from madang.domain.runs import TRACE, RunChange, RunRecord
from madang.edges.mlflow import shapes
from madang.edges.mlflow.arguments import missing
from madang.edges.mlflow.checks import LONGEST_KEY, LONGEST_TAG, check_length
from madang.edges.mlflow.finding import home_of
from madang.edges.mlflow.services import MlflowCall
from madang.errors import InvalidInput, NotFound
from madang.formats.learning import learnt
from madang.formats.mlflow.traces import ABOUT, ARTIFACTS, SAID, About, artifacts_at, record_id

TRACE_NAME = "mlflow.traceName"
SOURCE_RUN, PROMPTS = "mlflow.sourceRun", "mlflow.linkedPrompts"
_OWN = "madang."
_MOST_LIVES = 100
_STATES = {"": "STATE_UNSPECIFIED", "0": "STATE_UNSPECIFIED", "1": "OK", "2": "ERROR", "3": "IN_PROGRESS"}
_OLD_STATES = {"STATE_UNSPECIFIED": "TRACE_STATUS_UNSPECIFIED"}

changing = threading.Lock()
"""Held by whoever reads a trace to write it back changed."""


@dataclass(frozen=True)
class Trace:
    """A trace with the experiment it is in. ``said`` are its assessments in MLflow's JSON."""

    record: RunRecord
    project: RegisteredProject
    about: About
    said: list[dict[str, Any]]

    @property
    def id(self) -> str:
        """As its client has it."""
        return self.record.name

    @property
    def tags(self) -> dict[str, str]:
        """Those that clients set."""
        return {key: text for key, text in self.record.tags.items() if not key.startswith(_OWN)}

    @property
    def old(self) -> dict[str, Any]:
        """The shape of version 2 of the API."""
        made: dict[str, Any] = {
            "request_id": self.id,
            "experiment_id": str(self.project.number),
            "timestamp_ms": self.about.requested_at,
            "status": _OLD_STATES.get(self.about.state, self.about.state),
            "request_metadata": shapes.pairs(self.about.metadata),
            "tags": shapes.pairs(self.tags),
        }
        return made if self.about.took is None else {**made, "execution_time_ms": self.about.took}

    @property
    def info(self) -> dict[str, Any]:
        """The shape of version 3 of the API."""
        about = self.about
        made: dict[str, Any] = {
            "trace_id": self.id,
            "trace_location": {
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": {"experiment_id": str(self.project.number)},
            },
            "client_request_id": about.client_request_id,
            "request_preview": about.request_preview,
            "response_preview": about.response_preview,
            "request_time": time_text(about.requested_at),
            "execution_duration": None if about.took is None else f"{about.took // 1000}.{about.took % 1000:03d}s",
            "state": about.state,
            "trace_metadata": about.metadata,
            "tags": self.tags,
            "assessments": self.said,
        }
        return {name: value for name, value in made.items() if value is not None}


def time_text(millis: int) -> str:
    """A time in ms as JSON has it."""
    try:
        return datetime.fromtimestamp(millis // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{millis % 1000:03d}Z"
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(f"{millis} is no time.") from None


def time_of(text: str) -> int:
    """A time of JSON in ms.

    Raises:
        InvalidInput: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
    except (ValueError, OverflowError):
        raise InvalidInput(f"Invalid value {text[:100]!r} of a time.") from None


def duration_of(text: str) -> int:
    """A duration of JSON in ms. Raises as `time_of`."""
    found = re.fullmatch(r"(\d{1,12})(?:\.(\d{1,9}))?s", text)
    if found is None:
        raise InvalidInput(f"Invalid value {text[:100]!r} of a duration.")
    return int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0")[:3])


def state_of(given: str | int) -> str:
    """A state by its name or number."""
    state = _STATES.get(str(given), str(given))
    return {"TRACE_STATUS_UNSPECIFIED": "STATE_UNSPECIFIED"}.get(state, state)


def no_trace(trace_id: str) -> NotFound:
    """The error for a trace that is not there."""
    return NotFound(f"Trace with ID '{trace_id[:100]}' not found.")


def _look(call: MlflowCall, trace_id: str) -> tuple[RunRecord | None, str]:
    """(the record of a trace, the id that a new one would have): one that was deleted leaves its id to another."""
    for life in range(_MOST_LIVES):
        found_id = record_id(trace_id, life)
        try:
            found = call.services.search.run(call.who, found_id)
        except NotFound:
            return None, found_id
        if found.job_type != TRACE:
            raise InvalidInput(f"The id {trace_id[:100]!r} is in use.")
        if not found.deleted_at:
            return found, found_id
    raise InvalidInput(f"The id {trace_id[:100]!r} was used too often.")


def find(call: MlflowCall, trace_id: str) -> Trace | None:
    """The trace with an id, if there is one."""
    found = _known(call, trace_id)
    return None if found is None or found.about.awaited else found


def _known(call: MlflowCall, trace_id: str) -> Trace | None:
    record, _ = _look(call, trace_id)
    return None if record is None else trace_of(record, home_of(call, record))


def link(call: MlflowCall, trace_id: str, run: RunRecord) -> None:
    """Link a trace to a run, also one that comes later: clients send traces aside. Hold `changing`."""
    found = _known(call, trace_id)
    if found is None:
        make(call, home_of(call, run), trace_id, About(runs=[run.id], awaited=True), {})
    elif run.id not in found.about.runs:
        about = msgspec.structs.replace(found.about, runs=[*found.about.runs, run.id])
        call.services.tracking.state(call.who, found.record.id, _facts(about, {}))


def need(call: MlflowCall, trace_id: str) -> Trace:
    """The trace with an id. Raises `NotFound`."""
    found = find(call, trace_id)
    if found is None:
        raise no_trace(trace_id)
    return found


def trace_of(record: RunRecord, project: RegisteredProject) -> Trace:
    """What a record says of its trace."""
    about = msgspec.json.decode(record.tags.get(ABOUT, "{}"), type=learnt(About))
    return Trace(record, project, about, msgspec.json.decode(record.tags.get(SAID, "[]")))


def artifacts_of(project: RegisteredProject, trace_id: str) -> str:
    """Where the files of a trace are, as the client is told."""
    return artifacts_at(shapes.location(project), trace_id)


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags within their limits. Raises `InvalidInput`."""
    for key in tags:
        if not key:
            raise missing("key")
        if key.startswith(_OWN):
            raise InvalidInput(f"Tags that begin with {_OWN!r} are this server's own.")
        check_length("key", LONGEST_KEY, key)
    return {key: text[:LONGEST_TAG] for key, text in tags.items()}


def make(call: MlflowCall, project: RegisteredProject, trace_id: str, about: About, tags: Mapping[str, str]) -> Trace:
    """A new trace. Hold `changing`."""
    awaited, new_id = _look(call, trace_id)
    if awaited is not None:  # what was known of it gives way to it
        about.runs = trace_of(awaited, project).about.runs
        call.services.tracking.change(call.who, awaited.id, RunChange(deleted=True))
        _, new_id = _look(call, trace_id)
    facts = [events.Described(name=trace_id), *_facts(about, {ARTIFACTS: artifacts_of(project, trace_id), **tags})]
    command = CreateRun(id=new_id, job_type=TRACE, facts=facts, time=max(0, about.requested_at) * 1000)
    return trace_of(call.services.tracking.create(call.who, project.name, command), project)


def change(
    call: MlflowCall,
    trace: Trace,
    about: About | None = None,
    tags: Mapping[str, str] | None = None,
    said: Sequence[Mapping[str, Any]] | None = None,
) -> Trace:
    """Write what is not None. Hold `changing`."""
    facts = _facts(about, tags or {}, said)
    if facts:
        call.services.tracking.state(call.who, trace.record.id, facts)
    return need(call, trace.id)


def _facts(about: About | None, tags: Mapping[str, str], said: Sequence[Mapping[str, Any]] | None = None) -> list[Fact]:
    texts = dict(tags)
    if about is not None:
        texts[ABOUT] = msgspec.json.encode(about).decode()
    if said is not None:
        texts[SAID] = msgspec.json.encode(said).decode()
    facts: list[Fact] = [events.Tags(texts)] if texts else []
    if about is not None and about.final:
        facts.append(events.Status("finished", (about.requested_at + (about.took or 0)) * 1000))
    return facts
