"""Limits of names and values, refused in MLflow's words (its tests and its users' scripts match them)."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sized
from urllib.parse import unquote

from madang.errors import InvalidInput

LONGEST_KEY = 250
LONGEST_PARAM, LONGEST_TAG = 6000, 8000  # characters; what is longer is cut off, as MLflow does
LONGEST_EXPERIMENT, LONGEST_EXPERIMENT_TAG = 500, 20_000
MOST_READINGS = 10
MOST_METRICS, MOST_PARAMS, MOST_ENTITIES = 1000, 100, 1000

_KEY = re.compile(r"[/\w.\- :]*\Z")
_SIGNS = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and "
    "slashes (/)."
)


def invalid(path: str, value: object, message: str = "") -> InvalidInput:
    """The error for a value that cannot be accepted."""
    shown = json.dumps(value, sort_keys=True, separators=(",", ":"))[:1000]
    return InvalidInput(f"Invalid value {shown} for parameter '{path}' supplied" + (f": {message}" if message else "."))


def check_key(key: str, path: str = "key") -> str:
    """A key of a metric, parameter or tag: plain signs, and no other path than it spells."""
    if not _KEY.match(key):
        raise invalid(path, key, _SIGNS)
    plain = posixpath.normpath(key)
    if plain != key or plain == "." or plain.startswith(("..", "/")):
        raise invalid(
            path,
            key,
            "Names may be treated as files in certain cases, and must not resolve to other names when treated as "
            f"such. This name would resolve to {plain!r}",
        )
    return key


def readings(path: str) -> Iterator[str]:
    """A path as it is, and as it reads once, twice and so on decoded, until that changes nothing.

    Raises:
        InvalidInput: there is no end of it.
    """
    for _ in range(MOST_READINGS):
        yield path
        before, path = path, unquote(path)
        if path == before:
            return
    raise InvalidInput("Invalid path")


def check_length(what: str, most: int, text: str) -> str:
    """A text that is not too long."""
    if len(text) > most:
        raise InvalidInput(f"'{what}' exceeds the maximum length of {most} characters")
    return text


def check_count(what: str, most: int, items: Sized | int) -> None:
    """Not more things in a batch than MLflow takes."""
    count = items if isinstance(items, int) else len(items)
    if count > most:
        raise InvalidInput(
            f"A batch logging request can contain at most {most} {what}. Got {count} {what}. Please split up {what} "
            "across multiple requests and try again."
        )
