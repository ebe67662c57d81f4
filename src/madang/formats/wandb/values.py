"""Values of W&B's lines and ours: extended JSON, nested keys joined by dots, media beside numbers.

A line of history is one JSON object. Nested objects become keys joined by dots, as W&B's own tables show them. A value
that is no number, text or flag is kept whole: a pointer to media (an object with ``_type``) as our media value with
``media`` beside what it says, anything else (a list, an empty object) under ``{"media": "json", "value": …}``. An
integer of more digits than Python converts (4,300) is kept as the text of its digits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from madang.errors import InvalidInput

KINDS = {
    "image-file": "image",
    "images": "images",
    "images/separated": "images",
    "table-file": "table",
    "table": "table",
    "joined-table": "table",
    "partitioned-table": "table",
    "html-file": "html",
    "html": "html",
    "plotly-file": "plotly",
    "plotly": "plotly",
    "histogram": "histogram",
    "audio-file": "audio",
    "audio": "audio",
    "video-file": "video",
    "videos": "video",
    "molecule-file": "molecule",
    "molecule": "molecule",
    "object3D-file": "object3d",
    "object3D": "object3d",
    "bokeh-file": "bokeh",
    "graph-file": "graph",
}
"""Our kind of media for W&B's ``_type``."""
_OTHER = "other"  # a type that a newer client has
_JSON = "json"
_TYPES = {"image": "image-file", "table": "table-file", "html": "html-file", "plotly": "plotly-file"}
SYSTEM, _SYSTEM_OF_W_AND_B = "system/", "system."
_DEEPEST = 50  # levels of objects that become keys; what lies deeper is kept whole
_INT64 = 1 << 63
_FAR = 1 << 62  # µs; no time is beyond


def read_json(text: str | bytes) -> Any:
    """JSON, also with bare NaN and Infinity, and with halves of surrogate pairs (which are replaced).

    Raises:
        InvalidInput: it is none.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        return _whole(json.loads(text, parse_int=_digits))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{text[:60]!r} is no JSON: {error}.") from error


def _digits(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:  # more digits than are converted: the text has them all
        return text


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value


def read_object(text: str | bytes) -> dict[str, Any]:
    """A JSON object as `read_json` reads it.

    Raises:
        InvalidInput: it is none.
    """
    found = read_json(text)
    if not isinstance(found, dict):
        raise InvalidInput(f"{text[:60]!r} is no JSON object.")
    return found


def write_json(value: Any) -> str:
    """JSON as W&B's clients read it: NaN and Infinity stand bare."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# -- nested keys ------------------------------------------------------------------------------------------------------


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Values by key, those of nested objects under keys joined by dots."""
    return dict(_leaves(nested, "", _DEEPEST))


def _leaves(nested: Mapping[str, Any], before: str, levels: int) -> Iterator[tuple[str, Any]]:
    for key, item in nested.items():
        if isinstance(item, dict) and item and "_type" not in item and levels:
            yield from _leaves(item, f"{before}{key}.", levels - 1)
        else:
            yield f"{before}{key}", item


def objects(nested: Mapping[str, Any]) -> list[str]:
    """The joined keys of the nested objects, outer ones first: what `nest` needs to make them again."""
    return list(_objects(nested, "", _DEEPEST))


def _objects(nested: Mapping[str, Any], before: str, levels: int) -> Iterator[str]:
    for key, item in nested.items():
        if isinstance(item, dict) and "_type" not in item and levels:
            yield f"{before}{key}"
            yield from _objects(item, f"{before}{key}.", levels - 1)


def nest(flat: Mapping[str, Any], inner: Iterable[str]) -> dict[str, Any]:
    """The nested object of `flatten`, where ``inner`` says which keys are objects; other dots are part of a key."""
    made: dict[str, Any] = {}
    places: dict[str, dict[str, Any]] = {"": made}
    known = set(inner)
    for key in sorted(known, key=lambda text: text.count(".")):
        _holder(places, known, key)
    for key, item in flat.items():
        if key in known:
            continue  # an object stands there
        holder, rest = made, key
        for end in range(len(key) - 1, 0, -1):
            if key[end] == "." and key[:end] in known:
                holder, rest = places[key[:end]], key[end + 1 :]
                break
        holder[rest] = item
    return made


def _holder(places: dict[str, dict[str, Any]], known: set[str], key: str) -> None:
    parent, name = "", key
    for end in range(len(key) - 1, 0, -1):
        if key[end] == "." and key[:end] in places and key[:end] in known:
            parent, name = key[:end], key[end + 1 :]
            break
    places[key] = places[parent].setdefault(name, {})


# -- single values ----------------------------------------------------------------------------------------------------


def to_point(value: Any) -> Any:
    """A value of history as a run of ours has it; None is no value."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict) and isinstance(value.get("_type"), str):
        return {
            "media": KINDS.get(value["_type"], _OTHER),
            **{key: item for key, item in value.items() if key != "media"},
        }
    return {"media": _JSON, "value": value}


def from_point(value: Any) -> Any:
    """A value of a run of ours as W&B's clients have it."""
    if not isinstance(value, dict) or "media" not in value:
        return value
    kind = value["media"]
    if kind == _JSON and "value" in value:
        return value["value"]
    rest = {key: item for key, item in value.items() if key != "media"}
    if "_type" in rest:
        return rest
    if kind == "histogram" and "counts" in rest:
        return {"_type": "histogram", "values": rest["counts"], "bins": rest.get("edges", [])}
    return {"_type": _TYPES.get(str(kind), str(kind)), **rest}


# -- lines ------------------------------------------------------------------------------------------------------------


def row_of_line(line: Mapping[str, Any], number: int, now: int) -> tuple[dict[str, Any], int, int]:
    """(values, step, time in µs UTC) of a line of history; ``number`` and ``now`` stand in for what it does not say."""
    values: dict[str, Any] = {}
    for key, item in line.items():
        kind = type(item)
        if kind is float or kind is int or kind is str or kind is bool:
            values[key] = item
        elif kind is dict and item and "_type" not in item:
            values.update((inner, to_point(leaf)) for inner, leaf in _leaves({key: item}, "", _DEEPEST))
        elif item is not None:
            values[key] = to_point(item)
    values.pop("", None)
    step = _integer(values.pop("_step", None), number)
    at = moment(values.pop("_timestamp", None), now)
    if None in values.values():
        values = {key: item for key, item in values.items() if item is not None}
    return values, step, at


def line_of_row(values: Mapping[str, Any], step: int, time: int) -> dict[str, Any]:
    """A line of history from what a run of ours has at a step; ``time`` is µs UTC."""
    line = {key: from_point(item) if type(item) is dict else item for key, item in values.items() if item is not None}
    line["_step"], line["_timestamp"] = step, time / 1_000_000
    return line


def sample_of_line(line: Mapping[str, Any], now: int) -> tuple[dict[str, Any], int]:
    """(values, time in µs UTC) of a line of system metrics."""
    values = {
        SYSTEM + key.removeprefix(_SYSTEM_OF_W_AND_B): item
        for key, item in flatten(line).items()
        if key.startswith(_SYSTEM_OF_W_AND_B) and isinstance(item, bool | int | float | str)
    }
    return values, moment(line.get("_timestamp"), now)


def line_of_sample(values: Mapping[str, Any], time: int, began: int) -> dict[str, Any]:
    """A line of system metrics; times are µs UTC, ``began`` that of the run."""
    line = {_SYSTEM_OF_W_AND_B + key.removeprefix(SYSTEM): item for key, item in values.items() if item is not None}
    return {**line, "_timestamp": time / 1_000_000, "_runtime": (time - began) / 1_000_000, "_wandb": True}


def moment(seconds: Any, otherwise: int) -> int:
    """Seconds since 1970 as µs UTC."""
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds):
        at = round(seconds * 1_000_000)
        if 0 < at < _FAR:
            return at
    return otherwise


def _integer(value: Any, otherwise: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and -_INT64 <= value < _INT64 else otherwise
