"""Spans of OpenTelemetry as their exporters send them (OTLP/HTTP), as Protocol Buffers or JSON.

Both become the JSON that Protocol Buffers have for a span (names as in the messages, bytes in Base64, 64-bit
integers as texts), which is how traces are kept and handed out. The messages: opentelemetry-proto,
trace/v1/trace.proto.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from madang.errors import InvalidInput

_CAPITAL = re.compile(r"([A-Z])")
_DEEPEST = 60  # messages inside messages
_IDS = ("trace_id", "span_id", "parent_span_id")


class _Field(NamedTuple):
    name: str
    kind: str  # text, bytes, bool, int, number (a 32-bit integer), fixed64, fixed32, double, or the name of a message
    repeated: bool = False


_ATTRIBUTES = _Field("attributes", "KeyValue", repeated=True)
_DROPPED = _Field("dropped_attributes_count", "number")
_MESSAGES: Mapping[str, Mapping[int, _Field]] = {
    "Request": {1: _Field("resource_spans", "ResourceSpans", repeated=True)},
    "ResourceSpans": {
        1: _Field("resource", "Resource"),
        2: _Field("scope_spans", "ScopeSpans", repeated=True),
    },
    "Resource": {1: _ATTRIBUTES},
    "ScopeSpans": {2: _Field("spans", "Span", repeated=True)},
    "Span": {
        1: _Field("trace_id", "bytes"),
        2: _Field("span_id", "bytes"),
        3: _Field("trace_state", "text"),
        4: _Field("parent_span_id", "bytes"),
        5: _Field("name", "text"),
        6: _Field("kind", "number"),
        7: _Field("start_time_unix_nano", "fixed64"),
        8: _Field("end_time_unix_nano", "fixed64"),
        9: _ATTRIBUTES,
        10: _DROPPED,
        11: _Field("events", "Event", repeated=True),
        12: _Field("dropped_events_count", "number"),
        13: _Field("links", "Link", repeated=True),
        14: _Field("dropped_links_count", "number"),
        15: _Field("status", "Status"),
        16: _Field("flags", "fixed32"),
    },
    "Event": {1: _Field("time_unix_nano", "fixed64"), 2: _Field("name", "text"), 3: _ATTRIBUTES, 4: _DROPPED},
    "Link": {
        1: _Field("trace_id", "bytes"),
        2: _Field("span_id", "bytes"),
        3: _Field("trace_state", "text"),
        4: _ATTRIBUTES,
        5: _DROPPED,
        6: _Field("flags", "fixed32"),
    },
    "Status": {2: _Field("message", "text"), 3: _Field("code", "number")},
    "KeyValue": {1: _Field("key", "text"), 2: _Field("value", "AnyValue")},
    "AnyValue": {
        1: _Field("string_value", "text"),
        2: _Field("bool_value", "bool"),
        3: _Field("int_value", "int"),
        4: _Field("double_value", "double"),
        5: _Field("array_value", "ArrayValue"),
        6: _Field("kvlist_value", "KeyValueList"),
        7: _Field("bytes_value", "bytes"),
    },
    "ArrayValue": {1: _Field("values", "AnyValue", repeated=True)},
    "KeyValueList": {1: _Field("values", "KeyValue", repeated=True)},
}


def spans_of(body: bytes, *, json: bool) -> list[dict[str, Any]]:
    """The spans of one export request.

    Raises:
        InvalidInput: it is none, or a span has no ids.
    """
    try:
        request = _from_json(body) if json else _message(memoryview(body), "Request", 0)
        spans = [
            span
            for resource in request.get("resource_spans", [])
            for scope in resource.get("scope_spans", [])
            for span in scope.get("spans", [])
        ]
    except (msgspec.DecodeError, ValueError, TypeError, AttributeError, IndexError, struct.error) as error:
        raise InvalidInput("Invalid OpenTelemetry format") from error
    if not spans:
        raise InvalidInput("Invalid OpenTelemetry format - no spans found")
    for span in spans:
        if hex_id(span.get("trace_id", ""), 16) is None or hex_id(span.get("span_id", ""), 8) is None:
            raise InvalidInput("Cannot convert OpenTelemetry span to MLflow span")
    return spans


def hex_id(text: Any, size: int) -> str | None:
    """An id of so many bytes in hex digits; None when it is no such id."""
    try:
        plain = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        return None
    return plain.hex() if len(plain) == size and any(plain) else None


def value_of(value: Mapping[str, Any]) -> Any:
    """An attribute's value as plain Python."""
    for kind, item in value.items():
        if kind == "int_value":
            return int(item)
        if kind == "array_value":
            return [value_of(part) for part in item.get("values", [])]
        if kind == "kvlist_value":
            return attributes_of(item.get("values", []))
        return item
    return None


def attributes_of(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes as a mapping."""
    return {pair.get("key", ""): value_of(pair.get("value", {})) for pair in pairs}


def _from_json(body: bytes) -> dict[str, Any]:
    """OTLP's own JSON: as that of Protocol Buffers, but its ids are hex digits."""
    request: dict[str, Any] = _snake(msgspec.json.decode(body, type=dict[str, Any]))
    for resource in request.get("resource_spans", []):
        for scope in resource.get("scope_spans", []):
            for span in scope.get("spans", []):
                for owner in (span, *span.get("links", [])):
                    for name in _IDS:
                        if owner.get(name):
                            owner[name] = base64.b64encode(bytes.fromhex(owner[name])).decode()
    return request


def _snake(value: Any) -> Any:
    if isinstance(value, dict):
        return {_CAPITAL.sub(r"_\1", key).lower(): _snake(item) for key, item in value.items()}
    return [_snake(item) for item in value] if isinstance(value, list) else value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, raw value) of each field."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        raw: Any
        if wire == 0:
            raw, at = _varint(data, at)
        else:
            if wire == 2:
                size, at = _varint(data, at)
            else:
                size = {1: 8, 5: 4}[wire] if wire in (1, 5) else -1
            if size < 0 or at + size > len(data):
                raise ValueError("a field is longer than its message")
            raw, at = data[at : at + size], at + size
        yield tag >> 3, wire, raw


_WIRES = {"bool": 0, "int": 0, "number": 0, "fixed64": 1, "double": 1, "fixed32": 5}


def _message(data: memoryview, kind: str, depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise ValueError("messages inside messages without end")
    known = _MESSAGES[kind]
    made: dict[str, Any] = {}
    for number, wire, raw in _fields(data):
        field = known.get(number)
        if field is None:
            continue
        if wire != _WIRES.get(field.kind, 2):
            raise ValueError(f"{field.name} has another type")
        value = _value(raw, field.kind, depth)
        if field.repeated:
            made.setdefault(field.name, []).append(value)
        else:
            made[field.name] = value
    return made


def _value(raw: Any, kind: str, depth: int) -> Any:
    match kind:
        case "text":
            return str(raw, "utf-8", "replace")
        case "bytes":
            return base64.b64encode(raw).decode()
        case "bool":
            return bool(raw)
        case "int":
            return str(raw - (1 << 64) if raw >= 1 << 63 else raw)
        case "number":
            return raw & 0x7FFFFFFF
        case "fixed64":
            return str(int.from_bytes(raw, "little"))
        case "fixed32":
            return int.from_bytes(raw, "little")
        case "double":
            number = struct.unpack("<d", raw)[0]
            return number if number - number == 0 else {"nan": "NaN", "inf": "Infinity"}.get(str(number), "-Infinity")
        case _:
            return _message(raw, kind, depth + 1)
