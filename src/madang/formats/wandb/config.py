"""W&B's config: every value wrapped, and under ``_wandb`` what the client says of itself and of its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from madang.domain.events import DefineMetric
from madang.domain.values import value
from madang.formats.wandb.values import flatten, nest, objects, read_object

OWN = "_wandb"
"""The key that is the client's own."""
_MIN, _MAX, _MEAN, _BEST, _LAST, _NONE = range(1, 7)  # fields of wandb_internal.MetricSummary
_SUMMARIES = ((_BEST, "best"), (_MIN, "min"), (_MAX, "max"), (_MEAN, "mean"), (_NONE, "none"), (_LAST, "last"))
_NAME, _GLOB, _STEP, _STEP_INDEX, _SUMMARY, _GOAL = "1", "2", "4", "5", "7", "8"  # of wandb_internal.MetricRecord
_GOALS = {1: "min", 2: "max"}
_TELEMETRY, _FEATURES, _SHARED = "t", "3", 67  # of wandb_internal.TelemetryRecord and its Feature
_BY_CLIENT = "e"  # host, program, … by the id of the client


@value
class Config:
    """What a config says: ``values`` by joined key, ``inner`` the keys of nested objects, ``own`` the client's part."""

    values: dict[str, Any] = field(default_factory=dict)
    inner: list[str] = field(default_factory=list)
    own: dict[str, Any] = field(default_factory=dict)


def read_config(text: str) -> Config:
    """A config as the client sends it.

    Raises:
        InvalidInput: it is no JSON object.
    """
    plain = unwrapped(read_object(text))
    own = plain.pop(OWN, None)
    return Config(flatten(plain), objects(plain), own if isinstance(own, dict) else {})


def is_shared_by(own: Mapping[str, Any]) -> bool:
    """Whether a client says that it writes its run together with others: each of them knows its own part alone."""
    told = own.get(_TELEMETRY)
    features = told.get(_FEATURES) if isinstance(told, dict) else None
    return isinstance(features, list) and _SHARED in features


def together(known: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What several clients of a run say of themselves."""
    before, now = known.get(_BY_CLIENT), own.get(_BY_CLIENT)
    clients = {**(before if isinstance(before, dict) else {}), **(now if isinstance(now, dict) else {})}
    return {**known, **own, **({_BY_CLIENT: clients} if clients else {})}


def unwrapped(wrapped: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values: each stands as ``{"value": …, "desc": …}``."""
    return {
        key: item["value"] if isinstance(item, dict) and "value" in item else item
        for key, item in wrapped.items()
        if key
    }


def wrapped_config(values: Mapping[str, Any], inner: Iterable[str], own: Mapping[str, Any]) -> dict[str, Any]:
    """A config as the client reads it."""
    made = {key: {"value": item, "desc": None} for key, item in nest(values, inner).items()}
    return {**made, OWN: {"value": dict(own), "desc": None}} if own else made


def definitions(own: Mapping[str, Any]) -> list[DefineMetric]:
    """What ``define_metric`` has said: messages of protobuf as JSON, fields by their numbers."""
    told = own.get("m")
    if not isinstance(told, list):
        return []
    messages = [item for item in told if isinstance(item, dict)]
    return [made for item in messages if (made := _definition(item, messages)) is not None]


def _definition(item: Mapping[str, Any], messages: list[dict[str, Any]]) -> DefineMetric | None:
    key = item.get(_NAME) or item.get(_GLOB)
    if not isinstance(key, str) or not key:
        return None
    kinds = item.get(_SUMMARY)
    kinds = kinds if isinstance(kinds, list) else []
    summary = next((word for number, word in _SUMMARIES if number in kinds), "")
    goal = _GOALS.get(item.get(_GOAL) or 0, "min" if summary == "best" else "")
    return DefineMetric(key, goal=goal, summary=summary, step_metric=_step_metric(item, messages))


def _step_metric(item: Mapping[str, Any], messages: list[dict[str, Any]]) -> str:
    named, place = item.get(_STEP), item.get(_STEP_INDEX)
    if isinstance(named, str):
        return named
    if type(place) is int and 0 < place <= len(messages):
        found = messages[place - 1].get(_NAME)
        return found if isinstance(found, str) else ""
    return ""
