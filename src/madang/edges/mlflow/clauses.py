"""MLflow's filter and order texts: comparisons joined by AND (mlflow.org/docs/latest/ml/search/search-runs)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from madang.errors import InvalidInput

Value: TypeAlias = str | int | float | tuple[str, ...] | None
MOST = 300  # comparisons of one filter
LONGEST = 100_000  # characters
MOST_ANY = 500  # signs of a pattern that stand for any one; a search takes that many steps at each place of a text

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|(?P<quoted>`[^`]*`)|(?P<op><=|>=|!=|<>|==|=|<|>)"
    r"|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))|(?P<word>[^\W\d][\w]*(?:[\-/:]\w+)*|\d\w*)"
    r"|(?P<sign>[.,()]))"
)
_NUMBER = {"=", "!=", "<", "<=", ">", ">="}
_NULLS = {"IS NULL", "IS NOT NULL"}
_TEXT = {"=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", *_NULLS}


class Clause(NamedTuple):
    """``entity.key op value``; the entity of a bare key is empty."""

    entity: str
    key: str
    op: str
    value: Value

    @property
    def shown(self) -> str:
        """The clause for an error's text."""
        return f"{self.entity + '.' if self.entity else ''}{self.key} {self.op} {self.value!r}"


class _Reader:
    def __init__(self, text: str, words: tuple[str, ...] = ("LIKE", "ILIKE")) -> None:
        self.words = words
        if len(text) > LONGEST:
            raise InvalidInput(f"A filter of {len(text)} characters is too long.")
        self.text = text
        self.at = 0

    def peek(self) -> tuple[str, str, int]:
        """(kind, text, end) of the next token; empty at the end."""
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            if self.text[self.at :].strip():
                raise self.wrong(self.text[self.at :].strip())
            return "", "", len(self.text)
        kind = found.lastgroup or ""
        return kind, found[kind], found.end()

    def take(self) -> tuple[str, str]:
        kind, text, self.at = self.peek()
        return kind, text

    def keyword(self, *words: str) -> bool:
        """Take a word, whatever its case."""
        kind, text, end = self.peek()
        if kind == "word" and text.upper() in words:
            self.at = end
            return True
        return False

    def wrong(self, part: str) -> InvalidInput:
        return InvalidInput(f"Invalid clause(s) in filter string: '{part[:200]}'")

    def name(self) -> tuple[str, str]:
        """(entity, key) of an identifier."""
        start = self.at
        kind, first = self.take()
        if kind not in ("word", "quoted", "text"):
            raise self.wrong(self.text[start:].strip())
        entity, rest = "", _unquoted(first)
        if self.text[self.at : self.at + 1] == ".":
            self.at += 1
            entity, rest = rest, self.key()
        return entity, rest

    def key(self) -> str:
        """What stands behind the dot: quoted, or plain up to a blank or an operator."""
        mark = self.text[self.at : self.at + 1]
        if mark in ("`", '"', "'"):
            end = self.text.find(mark, self.at + 1)
            if end < 0:
                raise self.wrong(self.text[self.at :])
            found, self.at = self.text[self.at + 1 : end], end + 1
            return found
        plain = re.compile(r"[^\s=<>!,()'\"`]+").match(self.text, self.at)
        if plain is None:
            raise self.wrong(self.text[self.at :])
        self.at = plain.end()
        return plain[0]

    def clause(self) -> Clause:
        start = self.at
        entity, key = self.name()
        if self.keyword("IS"):
            negated = self.keyword("NOT")
            if not self.keyword("NULL"):
                raise self.wrong(self.text[start:].strip())
            return Clause(entity, key, "IS NOT NULL" if negated else "IS NULL", None)
        if self.keyword("NOT"):
            if not self.keyword("IN"):
                raise self.wrong(self.text[start:].strip())
            return Clause(entity, key, "NOT IN", self.values(start))
        if self.keyword("IN"):
            return Clause(entity, key, "IN", self.values(start))
        kind, op = self.take()
        if kind == "word" and op.upper() in self.words:
            op = op.upper()
        elif kind != "op":
            raise self.wrong(self.text[start:].strip())
        value = self.value(start)
        if kind == "word" and isinstance(value, str) and value.count("_") > MOST_ANY:
            raise InvalidInput(f"A pattern with more than {MOST_ANY} '_' is not taken.")
        return Clause(entity, key, {"<>": "!=", "==": "="}.get(op, op), value)

    def value(self, start: int) -> Value:
        kind, text = self.take()
        if kind == "text":
            return _unquoted(text)
        if kind == "number":
            return int(text) if text.lstrip("+-").isdigit() else float(text)
        if kind == "word":
            raise InvalidInput(
                "Parameter value is either not quoted or unidentified quote types used for string value "
                f"{text[:100]}. Use either single or double quotes."
            )
        raise self.wrong(self.text[start:].strip())

    def values(self, start: int) -> tuple[str, ...]:
        found: list[str] = []
        kind, text = self.take()
        if text != "(":
            raise self.wrong(self.text[start:].strip())
        while True:
            kind, text = self.take()
            if text == ")" and found:  # behind a last comma
                return tuple(found)
            if kind != "text":
                raise InvalidInput("While parsing a list in the query, expected a non-empty list of quoted strings.")
            found.append(_unquoted(text))
            kind, text = self.take()
            if text == ")":
                return tuple(found)
            if text != ",":
                raise self.wrong(self.text[start:].strip())


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in ("'", '"', "`") else text


def parse(text: str, more: tuple[str, ...] = ()) -> list[Clause]:
    """The comparisons of a filter; ``more`` words stand for operators, beside LIKE and ILIKE.

    Raises:
        InvalidInput: it is none.
    """
    reader = _Reader(text, ("LIKE", "ILIKE", *more))
    found: list[Clause] = []
    if not reader.peek()[0]:
        return found
    while True:  # like MLflow's reader, this one misses no AND
        while reader.keyword("AND"):
            pass
        if not reader.peek()[0]:
            return found
        found.append(reader.clause())
        if len(found) > MOST:
            raise InvalidInput(f"More than {MOST} comparisons are too many.")


def parse_order(text: str) -> tuple[str, str, bool]:
    """(entity, key, whether descending) of one sort key."""
    reader = _Reader(text)
    try:
        entity, key = reader.name()
    except InvalidInput:
        raise InvalidInput(f"Invalid order_by clause '{text[:200]}'. Could not be parsed.") from None
    kind, word, end = reader.peek()
    reader.at = end
    if kind == "word" and word.lower() not in ("asc", "desc"):
        raise InvalidInput(f"Invalid ordering key in order_by clause '{text[:200]}'.")
    if kind not in ("", "word") or reader.peek()[0]:
        raise InvalidInput(f"Invalid order_by clause '{text[:200]}'. Could not be parsed.")
    return entity, key, word.lower() == "desc"


def bad_comparator(clause: Clause, allowed: Iterable[str]) -> InvalidInput:
    """The error for a comparison that a field does not know."""
    if clause.op in _NULLS:
        return InvalidInput(f"IS NULL / IS NOT NULL is only supported for tags and params, not for '{clause.key}'")
    return InvalidInput(f"Invalid comparator '{clause.op}' not one of '{sorted(allowed)}'")


def need_text(clause: Clause, what: str, allowed: set[str] = _TEXT) -> str:
    """The text that a clause compares with."""
    if clause.op not in allowed:
        raise bad_comparator(clause, allowed)
    if not isinstance(clause.value, str):
        raise InvalidInput(f"Expected a quoted string value for {what} (e.g. 'my-value'). Got value {clause.value}")
    return clause.value


def need_number(clause: Clause, what: str) -> int | float:
    """The number that a clause compares with."""
    if clause.op not in _NUMBER:
        raise bad_comparator(clause, _NUMBER)
    if isinstance(clause.value, str) or not isinstance(clause.value, int | float):
        raise InvalidInput(f"Expected numeric value type for {what}. Found {clause.value!r}")
    return clause.value
