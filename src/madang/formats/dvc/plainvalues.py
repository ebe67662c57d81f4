"""Values of the plain part of YAML 1.2: scalars, and flow collections on one line."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NoReturn

_NOT_TEXT = re.compile(
    r"""[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
    |[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?
    |[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)
    |[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+
    |<<|=
    |[0-9]{4}-[0-9]{1,2}-[0-9].*""",
    re.X | re.S,
)
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None, "~": None,
}  # fmt: skip
_MAYBE = frozenset("tTfFnN~-+0123456789.<=")
_FLOW = re.compile(r" *(?:([\[\]{},])|'((?:[^']|'')*)'|\"([^\"\\]*)\"|([^\s'\"\[\]{},#&*!|>%@`?:-][^\[\]{},#:]*))")
_COLON = re.compile(r" *:(?= )")
_MANY = 1000  # tokens of one collection


class NotPlain(Exception):
    """The text holds what only the full parser can judge."""


@lru_cache(maxsize=1 << 14)
def scalar(text: str) -> Any:
    """What a plain scalar means. Raises `NotPlain` for numbers and dates of the rarer forms."""
    if text[0] not in _MAYBE:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_TEXT.fullmatch(text) is None:
        return text
    if _INT.fullmatch(text) and len(text) < 300:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    raise NotPlain


def is_text(text: str) -> bool:
    """Whether a plain scalar is a text for certain: no number, date or word with a meaning of its own."""
    return bool(text) and (text[0] not in _MAYBE or (text not in _WORDS and _NOT_TEXT.fullmatch(text) is None))


def flow(text: str) -> Any:
    """A flow collection of simple scalars that takes up the text. Raises `NotPlain`."""
    tokens: list[tuple[str, Any]] = []
    at = 0
    level = 0
    while True:
        match = _FLOW.match(text, at)
        if match is None:
            at = _colon(text, at, tokens)
            continue
        at = match.end()
        if match[1]:
            tokens.append((match[1], None))
            level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[1], 0)
            if level == 0:
                break
        elif match[2] is not None:
            tokens.append(("value", match[2].replace("''", "'")))
        elif match[3] is not None:
            tokens.append(("value", match[3]))
        else:
            tokens.append(("value", scalar(match[4].strip(" "))))
    tail = text[at:]
    if (tail.strip(" ") and not tail.lstrip(" ").startswith("#")) or tail.startswith("#"):
        raise NotPlain
    reader = _FlowReader(tokens)
    return reader.value()


def _colon(text: str, at: int, tokens: list[tuple[str, Any]]) -> int:
    match = _COLON.match(text, at)
    if match is None or not tokens or tokens[-1][0] != "value":
        raise NotPlain
    tokens.append((":", None))
    return match.end()


class _FlowReader:
    def __init__(self, tokens: list[tuple[str, Any]]) -> None:
        self.tokens = tokens
        self.at = 0

    def value(self) -> Any:
        kind, value = self._take()
        if kind == "value":
            return value
        if kind == "[":
            return self._list()
        if kind == "{":
            return self._map()
        return _not_plain()

    def _take(self) -> tuple[str, Any]:
        if self.at >= len(self.tokens) or self.at > _MANY:
            raise NotPlain
        self.at += 1
        return self.tokens[self.at - 1]

    def _list(self) -> list[Any]:
        items: list[Any] = []
        while self.tokens[self.at][0] != "]":
            items.append(self.value())
            if self.tokens[self.at][0] == ",":
                self.at += 1
            elif self.tokens[self.at][0] != "]":
                raise NotPlain
        self.at += 1
        return items

    def _map(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while self.tokens[self.at][0] != "}":
            kind, key = self._take()
            if kind != "value" or self._take()[0] != ":" or key in found:
                raise NotPlain
            found[key] = self.value()
            if self.tokens[self.at][0] == ",":
                self.at += 1
            elif self.tokens[self.at][0] != "}":
                raise NotPlain
        self.at += 1
        return found


def _not_plain() -> NoReturn:
    raise NotPlain
