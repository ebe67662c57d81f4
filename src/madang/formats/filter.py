"""The filter and order texts that people type, read into `madang.domain.query` and written from it (docs/filters.md).

The grammar is a superset of MLflow's search syntax (mlflow.org/docs/latest/ml/search/search-runs): adds `or`, `not`,
parentheses, `is null`, `contains`, statistics of metrics and bare names of attributes.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any, cast

from madang.domain.query import (
    ATTRIBUTES,
    AllOf,
    Among,
    AnyOf,
    Compare,
    Condition,
    Exists,
    Field,
    Negation,
    Operator,
    Order,
    Scope,
    Statistic,
)
from madang.domain.run_state import STATUSES
from madang.errors import InvalidInput

MAX_TEXT = 20_000  # characters
MAX_DEPTH = 60
MAX_TERMS = 300

_SCOPES: dict[str, Scope] = {
    "metrics": "metrics", "metric": "metrics", "params": "params", "param": "params", "parameters": "params",
    "parameter": "params", "config": "params", "tags": "tags", "tag": "tags", "data": "data",
    "attributes": "attributes", "attribute": "attributes", "attr": "attributes", "run": "attributes",
}  # fmt: skip
_SYNONYMS = {
    "run_id": "id", "run_name": "name", "start_time": "started_at", "end_time": "ended_at", "created": "created_at",
    "started": "started_at", "ended": "ended_at", "user_id": "user",
}  # fmt: skip
_STATUSES = ("scheduled", *STATUSES)
_TIMES = frozenset({"created_at", "started_at", "ended_at", "seen_at"})
_STATISTICS = frozenset({"last", "min", "max", "best", "mean"})
_WORD_OPERATORS = frozenset({"like", "ilike", "contains"})
_RESERVED = frozenset({"and", "or", "not", "in", "is", "null", "true", "false", "asc", "desc"})
_UNITS = {"ms": 10**3, "s": 10**6, "m": 60 * 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}

_BLANK = re.compile(r"\s*")
_WORD = re.compile(r"[^\W\d]\w*")
_KEY = re.compile(r"[\w./:%@\-]+")
_PLAIN_KEY = re.compile(r"[^\W\d]\w*(?:[./]\w+)*\Z")
_OPERATOR = re.compile(r"<=|>=|!=|<>|==|=|<|>")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?\b|nan\b)", re.I)
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*(ms|s|min|m|h|d)\Z")


def parse_filter(text: str) -> Condition:
    """Read a filter, such as ``metrics.`val/f1` > 0.9 and params.C = '1.0'``; an empty text lets every run pass.

    Raises:
        InvalidInput: the text is no filter; the message shows where.
    """
    parser = _Parser(text, "filter")
    if parser.at_end():
        return AllOf(())
    found = parser.either(0)
    parser.expect_end("Join comparisons with `and` or `or`.")
    return found


def parse_field(text: str) -> Field:
    """Read one field, as a column of a table names it.

    Raises:
        InvalidInput: the text is no field; the message shows where.
    """
    parser = _Parser(text, "column")
    field = parser.field()
    parser.expect_end("Separate columns with commas.")
    return field


def parse_order(text: str) -> Order:
    """Read one sort key: a field, then `asc` (the default) or `desc`.

    Raises:
        InvalidInput: the text is no sort key; the message shows where.
    """
    parser = _Parser(text, "order")
    field = parser.field()
    descending = parser.word("desc")
    if not descending:
        parser.word("asc")
    parser.expect_end("A field is followed by `asc` or `desc`, or by nothing.")
    return Order(field, descending)


def print_filter(condition: Condition) -> str:
    """The text of a condition; `parse_filter` gives the condition back."""
    match condition:
        case AllOf(parts):
            return " and ".join(_inner(part) for part in parts) if parts else "true"
        case AnyOf(parts):
            return " or ".join(_inner(part) for part in parts) if parts else "false"
        case Negation(part):
            return f"not {_inner(part)}"
        case Compare(field, op, value):
            return f"{_print_field(field)} {op} {_print_value(value)}"
        case Among(field, values, negated):
            return f"{_print_field(field)} {'not ' if negated else ''}in ({', '.join(map(_print_value, values))})"
        case Exists(field, negated):
            return f"{_print_field(field)} is {'' if negated else 'not '}null"


def print_order(order: Order) -> str:
    """The text of a sort key; `parse_order` gives it back."""
    return _print_field(order.field) + (" desc" if order.descending else " asc")


def _inner(condition: Condition) -> str:
    text = print_filter(condition)
    return f"({text})" if isinstance(condition, AllOf | AnyOf) and condition.parts else text


def _print_field(field: Field) -> str:
    if field.scope == "attributes":
        return field.key
    key = field.key if _PLAIN_KEY.match(field.key) else "`" + field.key.replace("`", "``") + "`"
    name = f"{field.scope}.{key}"
    return name if field.statistic == "last" else f"{field.statistic}({name})"


def _print_value(value: str | int | float | bool) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower() if isinstance(value, bool) else repr(value)


class _Parser:
    """Recursive descent without a token list: what may come next depends on what stands before it."""

    def __init__(self, text: str, what: str) -> None:
        self.text = text
        self.what = what
        self.at = 0
        self.terms = 0
        if len(text) > MAX_TEXT:
            raise InvalidInput(f"The {what} has {len(text)} characters; at most {MAX_TEXT} are read.")

    def wrong(self, message: str, at: int | None = None, hint: str = "") -> InvalidInput:
        """The error for a place in the text: its line, with a caret below."""
        place = self.at if at is None else at
        start = self.text.rfind("\n", 0, place) + 1
        end = self.text.find("\n", place)
        line = self.text[start : end if end >= 0 else len(self.text)]
        before = place - start
        if before > 60:  # long lines are shown from a little before the place
            line, before = "…" + line[before - 50 :], 51
        blank = "".join("  " if unicodedata.east_asian_width(sign) in "WF" else " " for sign in line[:before])
        shown = "".join(sign if sign.isprintable() else "·" for sign in line[:100])
        return InvalidInput(
            f"The {self.what} is wrong at character {place + 1}: {message}.\n  {shown}\n  {blank}^", hint=hint
        )

    # -- pieces ---------------------------------------------------------------------------------------------------

    def blank(self) -> int:
        """Pass over blanks; the place of the next sign."""
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def at_end(self) -> bool:
        return self.blank() == len(self.text)

    def expect_end(self, hint: str) -> None:
        if not self.at_end():
            raise self.wrong("nothing was expected here", hint=hint)

    def peek_word(self) -> str:
        found = _WORD.match(self.text, self.blank())
        return found[0] if found else ""

    def word(self, wanted: str) -> bool:
        """Take one certain word, in any case."""
        if self.peek_word().lower() != wanted:
            return False
        self.at += len(wanted)
        return True

    def sign(self, wanted: str) -> bool:
        if not self.text.startswith(wanted, self.blank()):
            return False
        self.at += len(wanted)
        return True

    def expect_sign(self, wanted: str) -> None:
        if not self.sign(wanted):
            raise self.wrong(f"{wanted!r} was expected")

    def quoted(self, quotes: str) -> str | None:
        """A text in one of these quotation marks; the mark itself is written twice inside."""
        mark = self.text[self.at : self.at + 1]
        if not mark or mark not in quotes:
            return None
        start, end = self.at, self.at + 1
        while True:
            end = self.text.find(mark, end)
            if end < 0:
                raise self.wrong(f"the {mark} that opens here is never closed", start)
            if self.text[end + 1 : end + 2] != mark:
                break
            end += 2
        self.at = end + 1
        return self.text[start + 1 : end].replace(mark * 2, mark)

    # -- conditions -----------------------------------------------------------------------------------------------

    def either(self, depth: int) -> Condition:
        parts = [self.both(depth)]
        while self.word("or"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def both(self, depth: int) -> Condition:
        parts = [self.single(depth)]
        while self.word("and"):
            parts.append(self.single(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def single(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise self.wrong(f"this is nested more than {MAX_DEPTH} deep")
        if self.word("not"):
            return Negation(self.single(depth + 1))
        if self.sign("("):
            found = self.either(depth + 1)
            self.expect_sign(")")
            return found
        for name, value in (("true", AllOf(())), ("false", AnyOf(()))):
            if self.word(name):
                return cast("Condition", value)
        return self.comparison()

    def comparison(self) -> Condition:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise self.wrong(f"more than {MAX_TERMS} comparisons are too many")
        field = self.field()
        if self.word("is"):
            negated = self.word("not")
            if not self.word("null"):
                raise self.wrong("`null` was expected")
            return Exists(field, negated=not negated)
        negated = self.word("not")
        if self.word("in"):
            return Among(field, self.values(field), negated)
        op = self.operator(words_only=negated)
        made = Compare(field, op, self.value(field, text=op in _WORD_OPERATORS))
        return Negation(made) if negated else made

    def operator(self, *, words_only: bool) -> Operator:
        start, name = self.blank(), self.peek_word().lower()
        if name in _WORD_OPERATORS:
            self.at += len(name)
            return cast("Operator", name)
        found = None if words_only else _OPERATOR.match(self.text, start)
        if not found:
            known = (
                "in, like, ilike or contains" if words_only else "=, !=, <, <=, >, >=, in, is, like, ilike or contains"
            )
            raise self.wrong(f"one of {known} was expected")
        self.at = found.end()
        return cast("Operator", {"<>": "!=", "==": "="}.get(found[0], found[0]))

    def values(self, field: Field) -> tuple[str | int | float, ...]:
        self.expect_sign("(")
        found: list[str | int | float] = []
        while not self.sign(")"):
            if found:
                self.expect_sign(",")
                if self.sign(")"):
                    break
            found.append(self.value(field))
            if len(found) > MAX_TERMS:
                raise self.wrong(f"more than {MAX_TERMS} values are too many")
        return tuple(found)

    def value(self, field: Field, *, text: bool = False) -> str | int | float | bool:
        start = self.blank()
        quoted = self.quoted("'\"")
        if quoted is not None:
            return quoted if text else self.converted(field, quoted, start)
        if text:
            raise self.wrong("a text in quotation marks was expected")
        for name in ("true", "false"):
            if self.word(name):
                return name == "true"
        found = _NUMBER.match(self.text, start)
        if not found or _WORD.match(self.text, found.end()):
            raise self.wrong("a number or a text was expected", hint="Put texts in quotation marks: params.C = '1.0'.")
        self.at = found.end()
        return _number(found[0])

    def converted(self, field: Field, text: str, start: int) -> str | int | float:
        """A text as the field compares it: dates and durations of attributes become µs, states are lower-case."""
        if field.scope != "attributes":
            return text
        if field.key == "status":
            if text.lower() not in _STATUSES:
                raise self.wrong(f"{text[:40]!r} is no status", start, hint=f"Write one of {', '.join(_STATUSES)}.")
            return text.lower()
        if field.key in _TIMES:
            return self.moment(text, start)
        if field.key == "duration":
            found = _DURATION.match(text.strip().lower())
            if not found:
                raise self.wrong(f"{text[:40]!r} is no duration", start, hint="Write '90s', '5m', '1.5h' or '2d'.")
            return round(float(found[1]) * _UNITS[found[2]])
        return text

    def moment(self, text: str, start: int) -> int:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            hint = "Write '2026-11-21' or '2026-11-21T05:00:00+09:00'; without a zone it is UTC."
            raise self.wrong(f"{text[:40]!r} is no date", start, hint=hint) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds

    # -- fields ---------------------------------------------------------------------------------------------------

    def field(self) -> Field:
        start, name = self.blank(), self.peek_word()
        if not name or name.lower() in _RESERVED:
            raise self.wrong(
                "a field was expected",
                start,
                hint="Fields: metrics.NAME, params.NAME, tags.NAME, data.PATH, or an attribute.",
            )
        self.at += len(name)
        if self.text.startswith("(", self.blank()) and name.lower() in _STATISTICS:
            self.at += 1
            inner = self.field()
            if inner.scope != "metrics" or inner.statistic != "last":
                raise self.wrong(f"{name.lower()}() takes a metric", start)
            self.expect_sign(")")
            return Field("metrics", inner.key, cast("Statistic", name.lower()))
        scope = _SCOPES.get(name.lower())
        if scope is not None and self.text.startswith(".", self.at):
            self.at += 1
            return self.scoped(scope)
        self.at = start + len(name)
        return self.attribute(name, start)

    def scoped(self, scope: Scope) -> Field:
        start = self.at
        key = self.quoted('`"')
        if key is None:
            found = _KEY.match(self.text, start)
            if not found:
                raise self.wrong("a name was expected after the dot", hint="Quote unusual names: metrics.`val f1`.")
            key = found[0]
            self.at = found.end()
        if not key:
            raise self.wrong("the name is empty", start)
        return self.attribute(key, start) if scope == "attributes" else Field(scope, key)

    def attribute(self, name: str, start: int) -> Field:
        key = _SYNONYMS.get(name.lower(), name.lower())
        if key not in ATTRIBUTES:
            known = ", ".join(sorted(ATTRIBUTES))
            raise self.wrong(
                f"{name[:60]!r} is no attribute of a run",
                start,
                hint=f"For a metric write metrics.{name[:60]}, for a parameter params.{name[:60]}. Known: {known}.",
            )
        return Field("attributes", key)


def _number(text: str) -> int | float:
    digits = text.lstrip("+-")
    if digits.isdigit() and digits.isascii() and len(digits) <= 400:
        return int(text)
    value: Any = float(text)
    return cast("float", value)
