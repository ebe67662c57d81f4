"""What people, programs and models say of a trace: feedback, expectations and issues."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from msgspec import field

from madang.domain.ids import new_id
from madang.edges.mlflow import trace_info
from madang.edges.mlflow.arguments import Arguments, missing
from madang.edges.mlflow.services import MlflowCall
from madang.edges.mlflow.trace_info import Trace, changing, need
from madang.errors import InvalidInput, NotFound

MOST = 1000  # of one trace
_LONGEST_NAME, _LONGEST_TEXT = 250, 100_000
_KINDS = ("feedback", "expectation", "issue")


class NewAssessment(Arguments):
    """POST traces/{id}/assessments."""

    assessment: dict[str, Any] = field(default_factory=dict)


class ChangedAssessment(Arguments):
    """PATCH traces/{id}/assessments/{assessment}; ``update_mask`` has names in camelCase, joined by commas."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("update_mask",)
    assessment: dict[str, Any] = field(default_factory=dict)
    update_mask: str = ""


def completed(given: Mapping[str, Any], trace_id: str) -> dict[str, Any]:
    """An assessment with all that the server adds.

    Raises:
        InvalidInput: it has no name, no value, or is too long.
    """
    name = given.get("assessment_name")
    if not isinstance(name, str) or not name:
        raise missing("assessment_name")
    if len(name) > _LONGEST_NAME:
        raise InvalidInput(f"'assessment_name' exceeds the maximum length of {_LONGEST_NAME} characters")
    if not any(isinstance(given.get(kind), Mapping) for kind in _KINDS):
        raise missing("feedback")
    if len(str(given)) > _LONGEST_TEXT:
        raise InvalidInput(f"An assessment is longer than {_LONGEST_TEXT} characters.")
    for part in ("create_time", "last_update_time"):
        trace_info.time_of(str(given.get(part) or "1970-01-01T00:00:00Z"))
    now = _now()
    expected = given.get("expectation")
    if isinstance(expected, Mapping) and isinstance(expected.get("value"), dict | list):  # as its client reads it
        text = msgspec.json.encode(expected["value"]).decode()
        given = {**given, "expectation": {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": text}}}
    return {
        "create_time": now,
        "last_update_time": now,
        "valid": True,
        **given,
        "assessment_id": given.get("assessment_id") or f"a-{new_id()}",
        "trace_id": trace_id,
    }


def _now() -> str:
    return trace_info.time_text(time.time_ns() // 1_000_000)


def _place(trace: Trace, assessment_id: str) -> int:
    for place, item in enumerate(trace.said):
        if item["assessment_id"] == assessment_id:
            return place
    raise NotFound(f"Assessment with ID '{assessment_id[:100]}' not found for trace '{trace.id}'")


def create(call: MlflowCall) -> Any:
    """POST traces/{id}/assessments."""
    body: NewAssessment = call.body
    trace_id = call.path["id"]
    made = completed(body.assessment, trace_id)
    with changing:
        trace = need(call, trace_id)
        if len(trace.said) >= MOST:
            raise InvalidInput(f"A trace has at most {MOST} assessments.")
        said = [dict(item) for item in trace.said]
        if made.get("overrides"):
            said[_place(trace, str(made["overrides"]))]["valid"] = False
        trace_info.change(call, trace, said=[*said, made])
    return {"assessment": made}


def get(call: MlflowCall) -> Any:
    """GET traces/{id}/assessments/{assessment}."""
    trace = need(call, call.path["id"])
    return {"assessment": trace.said[_place(trace, call.path["assessment"])]}


def update(call: MlflowCall) -> Any:
    """PATCH traces/{id}/assessments/{assessment}. Its kind, source and span stay."""
    body: ChangedAssessment = call.body
    fields = {_snake(name) for name in body.update_mask.split(",") if name}
    with changing:
        trace = need(call, call.path["id"])
        place = _place(trace, call.path["assessment"])
        before = trace.said[place]
        if {"feedback", "expectation"} <= fields:
            raise InvalidInput("Cannot specify both `expectation` and `feedback` parameters.")
        for kind, other in (("feedback", "an Expectation"), ("expectation", "a Feedback")):
            if kind in fields and kind not in before:
                raise InvalidInput(f"Cannot update {kind} value on {other} assessment.")
        changed = {name: body.assessment[name] for name in fields if name in body.assessment and name in _CHANGEABLE}
        if "metadata" in changed:
            changed["metadata"] = {**before.get("metadata", {}), **changed["metadata"]}
        made = completed({**before, **changed}, trace.id) | {"last_update_time": _now()}
        trace_info.change(call, trace, said=[*trace.said[:place], made, *trace.said[place + 1 :]])
    return {"assessment": made}


_CHANGEABLE = ("assessment_name", "feedback", "expectation", "rationale", "metadata")


def _snake(name: str) -> str:
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name.strip())


def delete(call: MlflowCall) -> None:
    """DELETE traces/{id}/assessments/{assessment}: one that it had taken the place of is valid again."""
    with changing:
        trace = need(call, call.path["id"])
        gone = [item for item in trace.said if item["assessment_id"] == call.path["assessment"]]
        if not gone:
            return
        valid_again = gone[0].get("overrides")
        said = [
            {**item, "valid": True} if item["assessment_id"] == valid_again else item
            for item in trace.said
            if item["assessment_id"] != call.path["assessment"]
        ]
        trace_info.change(call, trace, said=said)
