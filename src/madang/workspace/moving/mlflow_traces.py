"""Traces of MLflow as records of ours: what is asked for as a whole, assessments, links, a file of spans."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from madang.domain.foreign import Experiment, LeftOut, Run, StoredFile
from madang.domain.runs import TRACE
from madang.errors import CorruptData
from madang.formats.mlflow.metafile import text_of
from madang.formats.mlflow.traces import ABOUT, ARTIFACTS, NAME, SAID, About, exported_span, record_id, spans_file
from madang.formats.packed_json import packed_json
from madang.workspace.moving.hashing import hashed

TABLES = ("trace_info", "trace_tags", "trace_request_metadata", "spans", "assessments", "entity_associations")
_INFO = ("timestamp_ms", "execution_time_ms", "status", "client_request_id", "request_preview", "response_preview",
         "trace_name", "session_id")  # fmt: skip
_TOKENS = ("input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_COSTS = ("input_cost", "output_cost", "total_cost")
_SESSION, _USAGE, _COST = "mlflow.trace.session", "mlflow.trace.tokenUsage", "mlflow.trace.cost"
_ASSESSMENT = ("assessment_id", "name", "assessment_type", "value", "error", "created_timestamp",
               "last_updated_timestamp", "source_type", "source_id", "run_id", "span_id", "rationale", "overrides",
               "valid", "assessment_metadata")  # fmt: skip
_STATES = {"TRACE_STATUS_UNSPECIFIED": "STATE_UNSPECIFIED", "": "STATE_UNSPECIFIED"}
_UNFINISHED = "IN_PROGRESS"


class Tables(Protocol):
    """A database whose rows can be asked for by a key."""

    problems: list[LeftOut]

    def grouped(self, table: str, columns: Sequence[str], key: str, ids: Sequence[Any]) -> dict[Any, list[Any]]:
        """Rows whose ``key`` is one of some ids, by it."""
        ...


def traces(tables: Tables, ids: Sequence[str], experiment: Experiment) -> Iterator[Run]:
    """Some traces of an experiment."""
    tags = tables.grouped("trace_tags", ("key", "value"), "request_id", ids)
    metadata = tables.grouped("trace_request_metadata", ("key", "value"), "request_id", ids)
    said = tables.grouped("assessments", _ASSESSMENT, "trace_id", ids)
    links = tables.grouped(
        "entity_associations", ("source_type", "destination_type", "destination_id"), "source_id", ids
    )
    columns = (*_INFO, *_TOKENS, *_COSTS)
    for id_, [row] in tables.grouped("trace_info", columns, "request_id", ids).items():
        began, took, status, client, asked, answered, name, session = row[: len(_INFO)]
        state = _STATES.get(status or "", status)
        about = About(
            began or 0, took, state, client, asked, answered,
            {**_beside(session, row[len(_INFO) :]), **{key: text or "" for key, text in metadata.get(id_, [])}},
            final=state != _UNFINISHED,
            runs=[to for kind, other, to in links.get(id_, []) if (kind, other) == ("trace", "run")],
        )  # fmt: skip
        named = {key: text or "" for key, text in tags.get(id_, [])}
        if name:  # newer releases keep it beside the tags
            named.setdefault(NAME, name)
        judged = [_assessment(id_, item) for item in sorted(said.get(id_, []), key=lambda item: item[5])]
        yield _record(id_, about, named, judged, experiment)


def trace_of_files(
    name: str, info: dict[str, Any], texts: tuple[dict[str, str], dict[str, str]], said: Sequence[bytes],
    experiment: Experiment,
) -> Run:  # fmt: skip
    """A trace of a file store: its ``info``, as plain texts; its tags and metadata; and what was said of it, as YAML.

    Raises:
        CorruptData: something is no YAML, or no time.
    """
    tags, metadata = texts
    id_ = text_of(info, "trace_id", "request_id") or name
    state = _STATES.get(text_of(info, "state", "status"), text_of(info, "state", "status"))
    took = text_of(info, "execution_duration_ms", "execution_time_ms")
    about = About(
        _millis(info), int(took) if took.isdigit() else None, state, text_of(info, "client_request_id") or None,
        text_of(info, "request_preview") or None, text_of(info, "response_preview") or None, metadata,
        final=state != _UNFINISHED,
    )  # fmt: skip
    judged = sorted((_yaml(text) for text in said), key=lambda item: str(item.get("create_time")))
    return _record(id_, about, tags, judged, experiment)


def trace_of_answer(info: Mapping[str, Any], experiment: Experiment) -> Run:
    """A trace of a server, as version 3 of its API tells it. Raises `CorruptData`."""
    plain = {key: item for key, item in info.items() if isinstance(item, str)}
    state, took = _STATES.get(plain.get("state", ""), plain.get("state", "")), plain.get("execution_duration", "")
    try:
        duration = round(float(took.removesuffix("s")) * 1000) if took else None
        metadata = msgspec.convert(info.get("trace_metadata") or {}, dict[str, str])
        tags = msgspec.convert(info.get("tags") or {}, dict[str, str])
        said = msgspec.convert(info.get("assessments") or [], list[dict[str, Any]])
    except (ValueError, OverflowError, msgspec.ValidationError):
        raise CorruptData(f"The trace {plain.get('trace_id', '')[:80]!r} is told in an unknown form.") from None
    about = About(
        _millis(plain), duration, state, plain.get("client_request_id"), plain.get("request_preview"),
        plain.get("response_preview"), metadata, final=state != _UNFINISHED,
    )  # fmt: skip
    return _record(plain.get("trace_id", ""), about, tags, said, experiment)


def spans_of_answer(bodies: Sequence[Any]) -> tuple[StoredFile, bytes]:
    """Spans as a server tells them, as a file."""
    data = packed_json(bodies)
    digest, size = hashed([data])
    return StoredFile(spans_file(digest), size, digest), data


def _record(
    id: str, about: About, tags: dict[str, str], said: Sequence[Mapping[str, Any]], experiment: Experiment
) -> Run:
    location = tags.pop(ARTIFACTS, "")
    tags[ABOUT] = msgspec.json.encode(about).decode()
    if said:
        tags[SAID] = msgspec.json.encode(said).decode()
    return Run(
        record_id(id),
        experiment.id,
        name=id,
        status="finished" if about.final else "running",
        started_at=about.requested_at * 1000,
        ended_at=(about.requested_at + (about.took or 0)) * 1000,
        job_type=TRACE,
        tags=tags,
        location=location,
    )


def _millis(info: dict[str, Any]) -> int:
    """When a trace began: as ISO 8601, or in older releases a number."""
    text = text_of(info, "request_time", "timestamp_ms")
    try:
        return int(text) if text.isdigit() else round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise CorruptData(f"{text[:80]!r} is no time.") from None


def _yaml(text: bytes) -> dict[str, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - only for traces that somebody has judged
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - as above

    try:
        found = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise CorruptData("An assessment is no YAML.") from error
    if not isinstance(found, dict):
        raise CorruptData("An assessment is no YAML of a mapping.")
    return {str(key): item for key, item in found.items()}


def _beside(session: str | None, numbers: Sequence[Any]) -> dict[str, str]:
    """Metadata that newer releases keep in columns of their own."""
    made = {_SESSION: session} if session else {}
    for key, names, values in ((_USAGE, _TOKENS, numbers), (_COST, _COSTS, numbers[len(_TOKENS) :])):
        told = {name: item for name, item in zip(names, values, strict=False) if item is not None}
        if told:
            made[key] = json.dumps(told)
    return made


def spans(tables: Tables, trace: Run) -> tuple[StoredFile, bytes] | None:
    """The spans of a trace as a file, where the database has them."""
    found = tables.grouped("spans", ("start_time_unix_nano", "content"), "trace_id", [trace.name]).get(trace.name, [])
    bodies = []
    for _, content in sorted(found, key=lambda row: row[0] or 0):
        body = _object(content)
        if body:
            bodies.append(exported_span(body))
        else:
            tables.problems.append(LeftOut("spans", trace.name, "it is no JSON object"))
    return spans_of_answer(bodies) if bodies else None


def _assessment(trace: str, row: Sequence[Any]) -> dict[str, Any]:
    """An assessment as MLflow's server tells it."""
    told = dict(zip(_ASSESSMENT, row, strict=True))
    value = _json(told["value"])
    made: dict[str, Any] = {
        "assessment_id": told["assessment_id"],
        "assessment_name": told["name"],
        "trace_id": trace,
        "source": {"source_type": told["source_type"], "source_id": told["source_id"]},
        "create_time": _time(told["created_timestamp"]),
        "last_update_time": _time(told["last_updated_timestamp"]),
        "valid": bool(told["valid"]),
        "span_id": told["span_id"],
        "rationale": told["rationale"],
        "overrides": told["overrides"],
        "metadata": _object(told["assessment_metadata"]) or None,
    }
    kind = told["assessment_type"]
    if kind == "feedback":
        error = _object(told["error"])
        made["feedback"] = {"value": value, **({"error": error} if error else {})}
    elif kind == "expectation" and isinstance(value, dict | list):
        text = msgspec.json.encode(value).decode()
        made["expectation"] = {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": text}}
    elif kind == "expectation":
        made["expectation"] = {"value": value}
    else:
        made[str(kind)] = {"issue_name": told["name"]} if kind == "issue" else {"value": value}
    return {name: item for name, item in made.items() if item is not None}


def _time(millis: Any) -> str:
    found = datetime.fromtimestamp((millis or 0) / 1000, UTC)
    return f"{found:%Y-%m-%dT%H:%M:%S}.{(millis or 0) % 1000:03d}Z"


def _json(text: Any) -> Any:
    try:
        return msgspec.json.decode(text) if isinstance(text, str | bytes) else text
    except (msgspec.DecodeError, RecursionError):
        return text


def _object(text: Any) -> Mapping[str, Any]:
    found = _json(text)
    return found if isinstance(found, dict) else {}
