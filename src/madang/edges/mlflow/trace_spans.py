"""Spans of traces: taken from OpenTelemetry's exporters, kept as files of the trace, handed out as JSON."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from starlette.responses import Response

from madang.domain import events
from madang.edges.mlflow import trace_info
from madang.edges.mlflow.answers import failed
from madang.edges.mlflow.experiments import require_active
from madang.edges.mlflow.finding import target_of
from madang.edges.mlflow.runs import state
from madang.edges.mlflow.services import MlflowCall
from madang.edges.mlflow.trace_info import Trace
from madang.errors import InvalidInput, TooLarge
from madang.formats.mlflow.traces import IN_STORE, SPANS, SPANS_PLACE, About, spans_file
from madang.formats.otlp import attributes_of, hex_id, spans_of
from madang.formats.packed_json import packed_json, unpacked_rows
from madang.http.calls import whole
from madang.http.threads import WRITERS

LARGEST = 64 << 20  # bytes of one request, also unpacked
_STATES = {1: "OK", "1": "OK", "STATUS_CODE_OK": "OK", 2: "ERROR", "2": "ERROR", "STATUS_CODE_ERROR": "ERROR"}
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"


class Span:
    """One span, as searches see it."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body

    @property
    def id(self) -> str:
        """In hex digits."""
        return hex_id(self.body.get("span_id", ""), 8) or ""

    @property
    def trace_id(self) -> str:
        """As MLflow has it."""
        return f"tr-{hex_id(self.body.get('trace_id', ''), 16)}"

    @property
    def is_root(self) -> bool:
        """Whether it has no parent."""
        return not self.body.get("parent_span_id")

    @property
    def name(self) -> str:
        """What was done."""
        return str(self.body.get("name", ""))

    @property
    def status(self) -> str:
        """OK, ERROR or UNSET."""
        return _STATES.get(self.body.get("status", {}).get("code", 0), "UNSET")

    @property
    def times(self) -> tuple[int, int]:
        """Begin and end in ns; 0: not known."""
        return int(self.body.get("start_time_unix_nano", 0)), int(self.body.get("end_time_unix_nano", 0))

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Plain values by name; texts that are JSON are what they mean."""
        return {key: _meant(value) for key, value in attributes_of(self.body.get("attributes", [])).items()}

    @property
    def kind(self) -> str:
        """MLflow's type of a span."""
        return str(self.attributes.get("mlflow.spanType", "UNKNOWN"))

    @cached_property
    def text(self) -> str:
        """All of it, for a search in the text."""
        return msgspec.json.encode({"name": self.name, "attributes": self.attributes}).decode()


def _meant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


async def export(call: MlflowCall) -> Response:
    """POST /v1/traces: the spans of an exporter, which belong to one or more traces."""
    headers = call.request.headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (_PROTOBUF, _JSON):
        raise InvalidInput(f"Invalid Content-Type: {kind[:80]}. Expected: {_PROTOBUF} or {_JSON}")
    experiment = headers.get("x-mlflow-experiment-id")
    if not experiment:
        return failed("INVALID_PARAMETER_VALUE", "Missing the header 'x-mlflow-experiment-id'.", 422)
    body = await whole(call.request, LARGEST)
    encoding = headers.get("content-encoding", "").strip().lower()

    def take() -> None:
        log(call, experiment, spans_of(_unpacked(body, encoding), json=kind == _JSON))

    await WRITERS.run(take)
    return Response(b"", 200, None, _PROTOBUF)


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise InvalidInput(f"Unsupported Content-Encoding: {encoding[:40]}")
    unpacker = zlib.decompressobj(31 if encoding == "gzip" else 15)
    try:
        plain = unpacker.decompress(body, LARGEST)
    except zlib.error as error:
        raise InvalidInput(f"The body is no {encoding}.") from error
    if unpacker.unconsumed_tail:
        raise TooLarge(f"The body is over this route's limit of {LARGEST} bytes.")
    return plain


def log(call: MlflowCall, experiment: str, bodies: Iterable[dict[str, Any]]) -> None:
    """Keep spans; a trace that is not there begins with them."""
    project = target_of(call, experiment)
    require_active(project)
    by_trace: dict[str, list[Span]] = {}
    for span in map(Span, bodies):
        by_trace.setdefault(span.trace_id, []).append(span)
    for trace_id, spans in by_trace.items():
        with trace_info.changing:
            trace = trace_info.find(call, trace_id)
            about = _about(spans, About() if trace is None else trace.about)
            tags = {SPANS_PLACE: IN_STORE}
            if trace is None:
                trace = trace_info.make(call, project, trace_id, about, tags)
            elif about != trace.about or trace.tags.get(SPANS_PLACE) != IN_STORE:
                trace = trace_info.change(call, trace, about, tags)
            _keep(call, trace, spans)


def _keep(call: MlflowCall, trace: Trace, spans: Sequence[Span]) -> None:
    packed = packed_json([span.body for span in spans])
    kept = call.services.artifacts.put_blob(call.who, trace.project.name, [packed], size=len(packed))
    state(call, trace.record.id, [events.File(spans_file(kept.digest), kept.digest, kept.size, "application/gzip")])


def _about(spans: Sequence[Span], known: About) -> About:
    """What spans say of their trace, unless its client has said it."""
    if known.final:
        return known
    begins = [span.times[0] // 1_000_000 for span in spans]
    ends = [span.times[1] // 1_000_000 for span in spans if span.times[1]]
    if known.requested_at:
        begins.append(known.requested_at)
    if known.took is not None:
        ends.append(known.requested_at + known.took)
    roots = [span for span in spans if span.is_root]
    state = known.state
    if roots:
        state = roots[0].status if roots[0].status != "UNSET" else "OK"
    elif state == "STATE_UNSPECIFIED":
        state = "IN_PROGRESS"
    began = min(begins)
    return msgspec.structs.replace(known, requested_at=began, took=max(ends) - began if ends else None, state=state)


def read(call: MlflowCall, trace: Trace) -> list[Span]:
    """The spans of a trace by the time they began; of one that came twice the later."""
    found: dict[str, Span] = {}
    for file in call.services.search.run(call.who, trace.record.id).files:  # lists have no files
        if file.path.startswith(f"{SPANS}/"):
            opened, _ = call.services.artifacts.open_blob(call.who, trace.project.name, file.digest)
            with opened:
                content = opened.read(LARGEST)
            for body in unpacked_rows(content):
                span = Span(body)
                found[span.id] = span
    return sorted(found.values(), key=lambda span: (span.times[0], not span.is_root))
