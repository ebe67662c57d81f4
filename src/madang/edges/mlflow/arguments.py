"""Arguments of a request, from its query string or its JSON body, into one struct; errors in MLflow's words."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any, ClassVar, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from madang.errors import InvalidInput
from madang.formats.learning import learnt
from madang.http.calls import MAX_FIELDS

_PLACE = re.compile(r" - at `\$\.?(.*)`\Z")
_SEE = " See the API docs for more information about request parameters."


class Arguments(msgspec.Struct):
    """The arguments of one call. Numbers may come as texts; what is not known is passed over.

    ``PLAIN`` is a form that nearly all bodies have and that costs less to decode; it knows what it does not hold.
    """

    REQUIRED: ClassVar[tuple[str, ...]] = ()
    PLAIN: ClassVar[type[Any] | None] = None


class _Shape:
    """How the arguments of one kind are read."""

    def __init__(self, kind: type[Any]) -> None:
        hints = get_type_hints(kind)
        self.lists = frozenset(name for name in hints if get_origin(hints[name]) is list)
        self._decode = msgspec.json.Decoder(kind, strict=False).decode
        self._plain = msgspec.json.Decoder(kind.PLAIN, strict=False).decode if kind.PLAIN else None

    def decode(self, body: bytes) -> Any:
        """The arguments in a JSON body."""
        if self._plain is not None:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                return self._plain(body)
        return self._decode(body)


_shapes: dict[type[Any], _Shape] = {}


def _shape(kind: type[Any]) -> _Shape:
    found = _shapes.get(kind)
    if found is None:
        found = _shapes[kind] = _Shape(kind)
    return found


def from_body(body: bytes, kind: type[Any]) -> Any:
    """The arguments in a JSON body; an empty one has none.

    Raises:
        InvalidInput: one of the wrong type, or a required one is missing.
    """
    try:
        return checked(_shape(kind).decode(body or b"{}"))
    except (msgspec.DecodeError, UnicodeDecodeError):  # a null, a bare NaN, or something wrong: look closer
        return converted(_plain(body), kind)


def from_query(raw: bytes, kind: type[Any]) -> Any:
    """The arguments in a query string; a repeated one is a list."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise InvalidInput("The query string is not well formed.") from error
    lists = _shape(kind).lists
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return converted(found, kind)


def _plain(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
        if isinstance(value, str):  # old clients encode twice
            value = json.loads(value)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidInput("The body holds half of a surrogate pair, which is no character.") from None
    except (ValueError, RecursionError):
        value = None
    return _without_nulls(value) if isinstance(value, dict) else {}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def converted(given: dict[str, Any], kind: type[Any]) -> Any:
    """Plain values as the arguments of a call. Raises as `from_body`."""
    try:
        return checked(msgspec.convert(given, learnt(kind), strict=False))
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        path = place[1] if place else ""
        value = _at(given, path)
        shown = json.dumps(value, sort_keys=True, separators=(",", ":"))[:1000]
        hint = f" Hint: Value was of type '{type(value).__name__}'."
        raise InvalidInput(f"Invalid value {shown} for parameter '{path}' supplied: {hint}{_SEE}") from error


def _at(value: Any, path: str) -> Any:
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            value = value[int(index)] if index else value[name]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def checked(made: Any) -> Any:
    """The arguments, when no required one is missing."""
    for name in made.REQUIRED:
        value = getattr(made, name)
        if value is None or value == "":
            raise missing(name)
    return made


def missing(name: str) -> InvalidInput:
    """The error for a required argument that is missing or empty."""
    return InvalidInput(f"Missing value for required parameter '{name}'.{_SEE}")
