"""What the calls about traces take, in both versions of the API."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from msgspec import field

from madang.edges.mlflow.arguments import Arguments
from madang.edges.mlflow.experiments import Tag


class Experiment(msgspec.Struct):
    """The experiment that a trace is in."""

    experiment_id: str = ""


class Location(msgspec.Struct):
    """Where a trace is."""

    type: str | int = ""
    mlflow_experiment: Experiment = field(default_factory=Experiment)


class TraceInfo(msgspec.Struct):
    """A trace as version 3 of the API has it."""

    trace_id: str = ""
    client_request_id: str | None = None
    trace_location: Location = field(default_factory=Location)
    request_preview: str | None = None
    response_preview: str | None = None
    request_time: str = "1970-01-01T00:00:00Z"
    execution_duration: str | None = None
    state: str | int = "STATE_UNSPECIFIED"
    trace_metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    assessments: list[dict[str, Any]] = field(default_factory=list)


class Body(msgspec.Struct):
    """A trace with its spans, which come by another way."""

    trace_info: TraceInfo = field(default_factory=TraceInfo)


class NewTrace(Arguments):
    """POST traces: of version 3 ``trace`` alone, of version 2 the rest."""

    trace: Body | None = None
    experiment_id: str = ""
    timestamp_ms: int = 0
    request_metadata: list[Tag] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)


class EndTrace(Arguments):
    """PATCH traces/{id}."""

    timestamp_ms: int = 0
    status: str | int = ""
    request_metadata: list[Tag] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)


class OneTrace(Arguments):
    """GET traces/get."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("trace_id",)
    trace_id: str = ""
    allow_partial: bool = False


class TraceFile(Arguments):
    """GET get-trace-artifact."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("request_id",)
    request_id: str = ""


class ManyTraces(Arguments):
    """GET traces/batchGet, POST traces/batchGetInfos."""

    trace_ids: list[str] = field(default_factory=list)
    experiment_ids: list[str] = field(default_factory=list)


class SearchTraces(Arguments):
    """POST traces/search, and GET traces of version 2."""

    locations: list[Location] = field(default_factory=list)
    experiment_ids: list[str] = field(default_factory=list)
    filter: str = ""
    max_results: int = 100
    order_by: list[str] = field(default_factory=list)
    page_token: str = ""


class DeleteTraces(Arguments):
    """POST traces/delete-traces."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("experiment_id",)
    experiment_id: str = ""
    max_timestamp_millis: int | None = None
    max_traces: int | None = None
    request_ids: list[str] = field(default_factory=list)


class LinkToRun(Arguments):
    """POST traces/link-to-run."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("run_id",)
    trace_ids: list[str] = field(default_factory=list)
    run_id: str = ""


class PromptVersion(msgspec.Struct):
    """A version of a prompt."""

    name: str = ""
    version: str = ""


class LinkPrompts(Arguments):
    """POST traces/link-prompts."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("trace_id",)
    trace_id: str = ""
    prompt_versions: list[PromptVersion] = field(default_factory=list)


class Correlation(Arguments):
    """POST traces/calculate-filter-correlation."""

    experiment_ids: list[str] = field(default_factory=list)
    filter_string1: str = ""
    filter_string2: str = ""
    base_filter: str = ""
