"""Regular expressions that a client sends: only such as can be matched in a time that its text bounds."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from madang.errors import InvalidInput

LONGEST_PATTERN, LONGEST_TEXT = 500, 10_000  # characters
_MOST_REPEATS, _SMALL = 3, 10
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def checked_pattern(text: str) -> Callable[[str], bool]:
    """What tells whether a pattern is found somewhere in a text.

    Raises:
        InvalidInput: it is none, or one that may be matched for ever: repetitions inside repetitions, alternatives
            that are repeated, references back.
    """
    if len(text) > LONGEST_PATTERN:
        raise InvalidInput(f"A regular expression of {len(text)} characters is too long.")
    try:
        parsed = _parser.parse(text)
        pattern = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise InvalidInput(f"Invalid regular expression {text[:100]!r}: {error}") from None
    if _repeats(parsed, inside=False) > _MOST_REPEATS:
        raise InvalidInput(f"The regular expression {text[:100]!r} has too many repetitions.")
    return lambda given: pattern.search(given[:LONGEST_TEXT]) is not None


def _repeats(parsed: Any, *, inside: bool) -> int:
    """How many repetitions without a small bound there are."""
    count = 0
    for kind, told in parsed:
        name = str(kind)
        if name in ("GROUPREF", "GROUPREF_EXISTS") or (name == "BRANCH" and inside):
            raise InvalidInput("References back and repeated alternatives are not taken in a regular expression.")
        if name in _REPEATS:
            _, most, body = told
            if inside and int(most) > 1:
                raise InvalidInput("Repetitions inside repetitions are not taken in a regular expression.")
            count += (int(most) > _SMALL) + _repeats(body, inside=inside or int(most) > 1)
        else:
            count += sum(_repeats(part, inside=inside) for part in _parts(name, told))
    return count


def _parts(name: str, told: Any) -> list[Any]:
    if name == "SUBPATTERN":
        return [told[-1]]
    if name == "BRANCH":
        return list(told[1])
    if name in ("ASSERT", "ASSERT_NOT"):
        return [told[1]]
    return [told] if name == "ATOMIC_GROUP" else []
