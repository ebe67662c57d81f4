"""How traces of MLflow are kept: records of a kind of their own, with tags that say all but their spans.

What a trace is asked for as a whole (its times, state, previews and metadata) is one JSON text in a tag of its record,
what people and judges said of it another one. Its spans are files of the record.
"""

from __future__ import annotations

import json
import re
from _blake2 import blake2b  # hashlib loads OpenSSL for it
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import field

from madang.formats.otlp import attributes_of

NAME, ARTIFACTS = "mlflow.traceName", "mlflow.artifactLocation"
SPANS_PLACE, IN_STORE = "mlflow.trace.spansLocation", "TRACKING_STORE"
ABOUT, SAID = "madang.trace", "madang.assessments"
SPANS = "spans"
"""The folder of a record with files of spans."""
_INT64 = 1 << 63
_CODES = {0: "STATUS_CODE_UNSET", 1: "STATUS_CODE_OK", 2: "STATUS_CODE_ERROR"}
_OTEL = re.compile(r"tr-([0-9a-f]{32})\Z")


class About(msgspec.Struct, omit_defaults=True):
    """What is known of a trace as a whole. Times are milliseconds; ``final``: its client has said all of it.

    One that is ``awaited`` was linked to runs, and has not come yet.
    """

    requested_at: int = 0
    took: int | None = None
    state: str = "STATE_UNSPECIFIED"
    client_request_id: str | None = None
    request_preview: str | None = None
    response_preview: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    final: bool = False
    runs: list[str] = field(default_factory=list)  # that it was linked to, beside the one it came from
    awaited: bool = False


def record_id(trace_id: str, life: int = 0) -> str:
    """The id of a trace's record; a trace that takes the id of a deleted one is another ``life``."""
    found = _OTEL.match(trace_id)
    if found is not None and not life:
        return found[1]
    return blake2b(f"trace {life} {trace_id}".encode(), digest_size=16).hexdigest()


def artifacts_at(location: str, trace_id: str) -> str:
    """Where the files of a trace are, as clients are told, below the ``location`` of its experiment."""
    return f"{location.rstrip('/')}/traces/{trace_id}/artifacts"


def spans_file(digest: str) -> str:
    """The path of a file of spans with this digest (``blake3:HEX``)."""
    return f"{SPANS}/{digest.partition(':')[2][:32]}.json.gz"


def exported_span(told: Mapping[str, Any]) -> dict[str, Any]:
    """A span as OpenTelemetry's exporters send it, of one in MLflow's database, where attributes are JSON texts."""
    made = {
        key: item for key, item in told.items() if key not in ("attributes", "events", "links") and item is not None
    }
    attributes = told.get("attributes")
    named = attributes if isinstance(attributes, dict) else {}
    made["attributes"] = _pairs({key: _meant(item) for key, item in named.items()})
    made["events"] = [
        {**event, "attributes": _pairs(event.get("attributes"))}
        for event in told.get("events") or ()
        if isinstance(event, dict)
    ]
    if links := told.get("links"):
        made["links"] = links
    return made


def kept_span(sent: Mapping[str, Any]) -> dict[str, Any]:
    """A span as MLflow keeps it, with attributes as JSON texts, of one as OpenTelemetry's exporters send it."""
    status = sent.get("status", {})
    code = status.get("code", 0)
    return {
        "trace_id": sent.get("trace_id", ""),
        "span_id": sent.get("span_id", ""),
        "parent_span_id": sent.get("parent_span_id") or None,
        "name": sent.get("name", ""),
        "start_time_unix_nano": int(sent.get("start_time_unix_nano", 0)),
        "end_time_unix_nano": int(sent.get("end_time_unix_nano", 0)) or None,
        "events": [
            {
                "name": event.get("name", ""),
                "time_unix_nano": int(event.get("time_unix_nano", 0)),
                "attributes": attributes_of(event.get("attributes", [])),
            }
            for event in sent.get("events", [])
        ],
        "status": {"code": _CODES.get(code, code), "message": status.get("message", "")},
        "attributes": {key: json.dumps(item) for key, item in attributes_of(sent.get("attributes", [])).items()},
    }


def _meant(item: Any) -> Any:
    try:
        return msgspec.json.decode(item) if isinstance(item, str) else item
    except (msgspec.DecodeError, RecursionError):
        return item


def _pairs(attributes: Any) -> list[dict[str, Any]]:
    if not isinstance(attributes, dict):
        return []
    return [{"key": key, "value": _typed(item)} for key, item in attributes.items()]


def _typed(item: Any) -> dict[str, Any]:
    if isinstance(item, bool):
        return {"bool_value": item}
    if isinstance(item, int) and -_INT64 <= item < _INT64:
        return {"int_value": item}
    if isinstance(item, float):
        return {"double_value": item}
    if isinstance(item, list):
        return {"array_value": {"values": [_typed(part) for part in item]}}
    if isinstance(item, dict):
        return {"kvlist_value": {"values": _pairs(item)}}
    return {} if item is None else {"string_value": str(item)}
