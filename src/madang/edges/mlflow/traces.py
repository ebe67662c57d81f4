"""Traces: beginning, ending, reading, searching, tagging and deleting, in both versions of the API."""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from starlette.responses import Response

from madang.domain import events
from madang.domain.projects import RegisteredProject
from madang.domain.query import Field as QueryField
from madang.domain.query import Order, RunQuery
from madang.domain.runs import TRACE, RunChange
from madang.edges.mlflow import assessments, trace_info, trace_spans
from madang.edges.mlflow.arguments import missing
from madang.edges.mlflow.checks import LONGEST_KEY, LONGEST_TAG, check_key, check_length
from madang.edges.mlflow.experiments import Tag, require_active
from madang.edges.mlflow.finding import project_of, run_of, searched, target_of
from madang.edges.mlflow.paging import offset_of, page, page_body
from madang.edges.mlflow.services import MlflowCall
from madang.edges.mlflow.trace_info import PROMPTS, Trace, changing, find, need, no_trace
from madang.edges.mlflow.trace_requests import (
    Correlation,
    DeleteTraces,
    EndTrace,
    LinkPrompts,
    LinkToRun,
    ManyTraces,
    NewTrace,
    OneTrace,
    SearchTraces,
    TraceFile,
    TraceInfo,
)
from madang.edges.mlflow.trace_search import SearchedTrace, firsts, linked_prompts, tests_of
from madang.errors import InvalidInput, NotFound
from madang.formats.mlflow.traces import About, kept_span

MOST_TRACES, MOST_LINKED = 500, 100
_AT_ONCE = 5000  # rows of one reading
_SIZES, _FINALIZED = "mlflow.trace.sizeStats", "mlflow.trace.infoFinalized"


def _texts(pairs: Iterable[Tag]) -> dict[str, str]:
    return {pair.key: pair.value for pair in pairs}


def start(call: MlflowCall) -> Any:
    """POST traces. Of version 3 it comes at the end of a trace and says all of it but the spans."""
    body: NewTrace = call.body
    if body.trace is not None:
        return _start(call, body.trace.trace_info)
    project = target_of(call, body.experiment_id)
    require_active(project)
    about = About(body.timestamp_ms, state="IN_PROGRESS", metadata=_texts(body.request_metadata))
    with changing:
        tags = trace_info.checked_tags(_texts(body.tags))
        made = trace_info.make(call, project, f"tr-{uuid.uuid4().hex}", about, tags)
    return {"trace_info": made.old}


def _start(call: MlflowCall, told: TraceInfo) -> Any:
    if not told.trace_id:
        raise missing("trace_id")
    project = target_of(call, told.trace_location.mlflow_experiment.experiment_id)
    require_active(project)
    about = About(
        trace_info.time_of(told.request_time),
        None if told.execution_duration is None else trace_info.duration_of(told.execution_duration),
        trace_info.state_of(told.state),
        told.client_request_id,
        told.request_preview,
        told.response_preview,
        {**told.trace_metadata, _FINALIZED: "true"},
        final=True,
    )
    tags = trace_info.checked_tags(told.tags)
    said = [assessments.completed(item, told.trace_id) for item in told.assessments]
    with changing:
        found = find(call, told.trace_id)
        if found is not None and found.project.number != project.number:  # it is said to be here now
            call.services.tracking.change(call.who, found.record.id, RunChange(deleted=True))
            found = None
        if found is None:
            found = trace_info.make(call, project, told.trace_id, about, tags)
            tags = {}
        else:  # its spans were faster
            about.metadata = found.about.metadata | about.metadata
            about.runs = found.about.runs
        known = {item["assessment_id"] for item in found.said}
        news = [*found.said, *(item for item in said if item["assessment_id"] not in known)]
        if about != found.about or tags or len(news) > len(found.said):
            found = trace_info.change(call, found, about, tags, news)
    return {"trace": {"trace_info": found.info}}


def end(call: MlflowCall) -> Any:
    """PATCH traces/{id}, of version 2."""
    body: EndTrace = call.body
    with changing:
        found = need(call, call.path["id"])
        about = msgspec.structs.replace(
            found.about,
            took=max(0, body.timestamp_ms - found.about.requested_at),
            state=trace_info.state_of(body.status),
            metadata=found.about.metadata | _texts(body.request_metadata),
            final=True,
        )
        made = trace_info.change(call, found, about, trace_info.checked_tags(_texts(body.tags)))
    return {"trace_info": made.old}


def get_old(call: MlflowCall) -> Any:
    """GET traces/{id}/info, of version 2."""
    return {"trace_info": need(call, call.path["id"]).old}


def get_info(call: MlflowCall) -> Any:
    """GET traces/{id}."""
    return {"trace": {"trace_info": need(call, call.path["id"]).info}}


def get(call: MlflowCall) -> Any:
    """GET traces/get: a trace with its spans."""
    body: OneTrace = call.body
    found = find(call, body.trace_id)
    if found is None:
        raise NotFound(f"Trace with ID {body.trace_id} is not found.")
    spans = trace_spans.read(call, found)
    if not body.allow_partial and not _whole(found, spans):
        raise NotFound(f"Trace with ID {body.trace_id} is not fully exported yet, please try again later.")
    return {"trace": _with_spans(found, spans)}


def download(call: MlflowCall) -> Response:
    """GET get-trace-artifact: the spans of a trace as a file."""
    body: TraceFile = call.body
    found = need(call, body.request_id)
    content = msgspec.json.encode({"spans": [kept_span(span.body) for span in trace_spans.read(call, found)]})
    return Response(content, 200, {"content-disposition": "attachment; filename=traces.json"}, "text/plain")


def _with_spans(trace: Trace, spans: Iterable[trace_spans.Span]) -> dict[str, Any]:
    return {"trace_info": trace.info, "spans": [span.body for span in spans]}


def _whole(trace: Trace, spans: list[trace_spans.Span]) -> bool:
    """Whether all spans are here that a trace's client has counted, and all of them have ended."""
    try:
        wanted = msgspec.json.decode(trace.about.metadata.get(_SIZES, "{}"), type=dict[str, Any]).get("num_spans", 0)
    except msgspec.DecodeError:  # anyone may say anything
        wanted = 0
    whole = not isinstance(wanted, int) or len(spans) >= wanted
    return whole and all(span.times[1] for span in spans)


def get_many(call: MlflowCall) -> Any:
    """GET traces/batchGet."""
    found = [_with_spans(trace, trace_spans.read(call, trace)) for trace in _some(call)]
    return {"traces": found} if found else {}


def get_infos(call: MlflowCall) -> Any:
    """POST traces/batchGetInfos."""
    found = [trace.info for trace in _some(call)]
    return {"trace_infos": found} if found else {}


def _some(call: MlflowCall) -> Iterator[Trace]:
    body: ManyTraces = call.body
    if len(body.trace_ids) > MOST_TRACES:
        raise InvalidInput(f"At most {MOST_TRACES} traces can be asked for at once.")
    for trace_id in dict.fromkeys(body.trace_ids):
        trace = find(call, trace_id)
        if trace is not None and (not body.experiment_ids or str(trace.project.number) in body.experiment_ids):
            yield trace


def _all(call: MlflowCall, projects: dict[str, RegisteredProject]) -> Iterator[Trace]:
    """All traces of some experiments, newest first."""
    cursor = ""
    order = (Order(QueryField("attributes", "started_at"), descending=True),)
    while projects:
        query = RunQuery(tuple(projects), order=order, limit=_AT_ONCE, cursor=cursor, kind=TRACE, keys=())
        found = call.services.search.runs(call.who, query)
        for record in found.runs:
            trace = trace_info.trace_of(record, projects[record.project])
            if not trace.about.awaited:
                yield trace
        cursor = found.next
        if not cursor:
            return


def _fitting(call: MlflowCall, experiments: list[str], *filters: str) -> Iterator[tuple[Trace, list[bool]]]:
    """Each trace of some experiments, and which filters it fits; spans are read when one asks for them."""
    asked = [tests_of(text) for text in filters]
    for trace in _all(call, searched(call, experiments)):
        seen = SearchedTrace(trace, lambda trace: trace_spans.read(call, trace))
        yield trace, [all(test(seen) for test in tests) for tests in asked]


def search(call: MlflowCall) -> Any:
    """POST traces/search."""
    return _searched(call, lambda trace: trace.info)


def search_old(call: MlflowCall) -> Any:
    """GET traces, of version 2."""
    return _searched(call, lambda trace: trace.old)


def _searched(call: MlflowCall, shape: Any) -> Any:
    body: SearchTraces = call.body
    if not 0 < body.max_results <= MOST_TRACES:
        said = "a positive integer" if body.max_results < 1 else f"at most {MOST_TRACES}"
        raise InvalidInput(f"Invalid value {body.max_results} for parameter 'max_results' supplied. It must be {said}.")
    experiments = body.experiment_ids + [item.mlflow_experiment.experiment_id for item in body.locations]
    most = offset_of(body.page_token) + body.max_results + 1
    fitting = (trace for trace, (fits,) in _fitting(call, experiments, body.filter) if fits)
    part, token = page(firsts(fitting, body.order_by, most), body.max_results, body.page_token)
    return page_body("traces", [shape(trace) for trace in part], token)


def set_tag(call: MlflowCall) -> None:
    """PATCH traces/{id}/tags."""
    body: Tag = call.body
    tags = trace_info.checked_tags({body.key: body.value})
    check_key(body.key)
    with changing:
        trace_info.change(call, need(call, call.path["id"]), tags=tags)


def delete_tag(call: MlflowCall) -> None:
    """DELETE traces/{id}/tags."""
    body: Tag = call.body
    trace_id = call.path["id"]
    found = need(call, trace_id)
    if body.key not in found.tags:
        raise NotFound(f"No trace tag with key '{body.key[:LONGEST_KEY]}' for trace with ID '{trace_id}'")
    call.services.tracking.state(call.who, found.record.id, [events.Removed("tags", [body.key])])


def delete(call: MlflowCall) -> Any:
    """POST traces/delete-traces: by ids, or the oldest ones up to a time."""
    body: DeleteTraces = call.body
    project = project_of(call, body.experiment_id)
    if (body.max_timestamp_millis is None) == (not body.request_ids):
        raise InvalidInput("Either `max_timestamp_millis` or `trace_ids` must be specified, but not both.")
    if body.request_ids and body.max_traces is not None:
        raise InvalidInput("`max_traces` can't be specified if `trace_ids` is specified.")
    if body.max_traces is not None and body.max_traces <= 0:
        raise InvalidInput(f"`max_traces` must be a positive integer, received {body.max_traces}.")
    if body.request_ids:
        found = [trace for trace_id in dict.fromkeys(body.request_ids) if (trace := find(call, trace_id)) is not None]
        found = [trace for trace in found if trace.project.number == project.number]
    else:
        latest = body.max_timestamp_millis or 0
        old = [trace for trace in _all(call, {project.name: project}) if trace.about.requested_at <= latest]
        found = sorted(old, key=lambda trace: (trace.about.requested_at, trace.id))[: body.max_traces]
    for trace in found:
        call.services.tracking.change(call.who, trace.record.id, RunChange(deleted=True))
    return {"traces_deleted": len(found)}


def link_to_run(call: MlflowCall) -> None:
    """POST traces/link-to-run."""
    body: LinkToRun = call.body
    if len(body.trace_ids) > MOST_LINKED:
        raise InvalidInput(
            f"Cannot link more than {MOST_LINKED} traces to a run in a single request. "
            f"Provided {len(body.trace_ids)} traces."
        )
    run = run_of(call, body.run_id)
    for trace_id in dict.fromkeys(body.trace_ids):
        with changing:
            trace_info.link(call, trace_id, run)


def link_prompts(call: MlflowCall) -> None:
    """POST traces/link-prompts."""
    body: LinkPrompts = call.body
    with changing:
        found = find(call, body.trace_id)
        if found is None:
            raise no_trace(body.trace_id)
        linked = linked_prompts(found.tags)
        linked += [
            told
            for item in body.prompt_versions
            if (told := {"name": item.name, "version": item.version}) not in linked
        ]
        text = msgspec.json.encode(linked).decode()
        trace_info.change(call, found, tags={PROMPTS: check_length(PROMPTS, LONGEST_TAG, text)})


def correlate(call: MlflowCall) -> Any:
    """POST traces/calculate-filter-correlation: normalised pointwise mutual information of two filters."""
    body: Correlation = call.body
    for name in ("experiment_ids", "filter_string1", "filter_string2"):
        if not getattr(body, name):
            raise missing(name)
    both = [f"{body.base_filter} and {text}" if body.base_filter else text for text in
            (body.filter_string1, body.filter_string2)]  # fmt: skip
    found = Counter[tuple[bool, ...]]()
    for _, fits in _fitting(call, body.experiment_ids, body.base_filter, *both):
        found[tuple(fits)] += 1
    first, second, total = (sum(n for fits, n in found.items() if fits[at]) for at in (1, 2, 0))
    counts = first, second, sum(n for fits, n in found.items() if fits[1] and fits[2]), total
    made: dict[str, Any] = dict(
        zip(("filter1_count", "filter2_count", "joint_count", "total_count"), counts, strict=True)
    )
    plain, smooth = _information(*counts, 0.0), _information(*counts, 0.5)
    return made | ({} if plain is None else {"npmi": plain}) | ({} if smooth is None else {"npmi_smoothed": smooth})


def _information(first: int, second: int, together: int, total: int, smoothing: float) -> float | None:
    """Between -1 (never together) and 1 (always); None where nothing can be said."""
    if not total or not first or not second:
        return None
    if not together and not smoothing:
        return -1.0
    if together == first == second:
        return 1.0
    cells = [together, first - together, second - together, total - first - second + together]
    if min(cells) < 0:
        return None
    sums = [cell + smoothing for cell in cells]
    n = sum(sums)
    joint, one, other = sums[0] / n, (sums[0] + sums[1]) / n, (sums[0] + sums[2]) / n
    if joint >= 1:
        return 1.0
    return max(-1.0, min(1.0, math.log(joint / (one * other)) / -math.log(joint)))
