"""The value rules of the native API's two encodings (docs/formats/native-api.md).

JSON has no NaN and its readers disagree on big integers, so there a non-finite number is the text "NaN", "Infinity" or
"-Infinity" and an integer beyond ±2^53 is a text of digits. MessagePack carries both exactly; an integer beyond 64 bits
is an extension of type 1 holding its digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from madang.errors import InvalidInput
from madang.formats.learning import learnt

JSON = "application/json"
MSGPACK = "application/x-msgpack"

BIG_INTEGER = 1  # MessagePack extension type
EXACT = 1 << 53
MAX_DIGITS = 4300  # Python's own bound for turning text into an integer

T = TypeVar("T")
Plain = Callable[[Any], Any]
"""What a value goes through on its way out: `json_value` for JSON, `exact` for MessagePack."""


def exact(value: Any) -> Any:
    """The value itself: MessagePack holds every number."""
    return value


def json_value(value: Any) -> Any:
    """A value as this API's JSON holds it. Containers are copied only where something in them changes."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is float:
        return value if value - value == 0 else _named(value)
    if kind is int:
        return value if -EXACT <= value <= EXACT else str(value)
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(item) for item in value]
    return value


def _named(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def json_numbers(values: Sequence[Any], kind: str) -> Sequence[Any]:
    """The values of a series as JSON holds them; a list of ordinary numbers is passed on as it is, without a copy."""
    if not values:
        return values
    if kind == "float":
        if set(map(type, values)) == {float} and math.isfinite(sum(values)):
            return values
    elif kind == "int":
        if max(values) <= EXACT and min(values) >= -EXACT:
            return values
    elif kind in ("bool", "text"):
        return values
    return [json_value(item) for item in values]


def encode(value: Any, binary: bool = False) -> bytes:
    """One answer's bytes: MessagePack when ``binary``, else JSON. Structs and dataclasses go by their fields."""
    encoder = _msgpack if binary else _json
    try:
        return encoder(value)
    except (OverflowError, UnicodeEncodeError):  # an integer beyond 64 bits, or half a surrogate pair in a file name
        return encoder(_careful(msgspec.to_builtins(value, builtin_types=(bytes,)), binary))


_json = msgspec.json.Encoder().encode
_msgpack = msgspec.msgpack.Encoder().encode


def _careful(value: Any, binary: bool) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return msgspec.msgpack.Ext(BIG_INTEGER, str(value).encode()) if binary else str(value)
    if isinstance(value, dict):
        return {_careful(key, binary): _careful(item, binary) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_careful(item, binary) for item in value]
    return value


def decode(data: bytes, kind: type[T], binary: bool = False) -> T:
    """Read what `encode` wrote, or what a stranger claims is that.

    Raises:
        InvalidInput: not JSON (or MessagePack), or not of the expected shape; the message names the place.
    """
    try:
        if binary:
            return msgspec.msgpack.decode(data, type=learnt(kind), ext_hook=_extension)
        return msgspec.json.decode(data, type=learnt(kind))
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError, RecursionError, ValueError) as error:
        what = "MessagePack" if binary else "JSON"
        raise InvalidInput(f"The {what} body cannot be read: {error}.") from error


def _extension(code: int, data: memoryview) -> Any:
    digits = bytes(data)
    if code != BIG_INTEGER or len(digits) > MAX_DIGITS or not digits.removeprefix(b"-").isdigit():
        raise ValueError(f"unknown MessagePack extension {code}")
    return int(digits)
