"""Which experiments fit a filter, and in which order: there are few, so they are compared one by one."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from madang.domain.projects import RegisteredProject
from madang.edges.mlflow.clauses import Clause, need_number, need_text, parse, parse_order
from madang.edges.mlflow.shapes import millis
from madang.errors import InvalidInput

_TEXTS: dict[str, Callable[[RegisteredProject], Any]] = {
    "name": lambda item: item.title,
    "experiment_id": lambda item: str(item.number),
}
_NUMBERS: dict[str, Callable[[RegisteredProject], Any]] = {
    "creation_time": lambda item: millis(item.created_at),
    "last_update_time": lambda item: millis(item.updated_at),
}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ENTITIES = ("attribute", "tag", "tags")


def like(text: str, pattern: str, *, fold: bool = False) -> bool:
    """SQL's LIKE, in Python: piece after piece, as one expression with many ``.*`` may take for ever."""
    flags = re.DOTALL | (re.IGNORECASE if fold else 0)
    first, *pieces = (
        re.compile("".join("." if sign == "_" else re.escape(sign) for sign in piece), flags)
        for piece in pattern.split("%")
    )
    if not pieces:
        return first.fullmatch(text) is not None
    found = first.match(text)
    for piece in pieces[:-1]:
        found = piece.search(text, found.end()) if found is not None else None
    length = len(pattern) - pattern.rindex("%") - 1
    end = len(text) - length
    return found is not None and found.end() <= end and pieces[-1].match(text, end) is not None


def text_test(clause: Clause) -> Callable[[str], bool]:
    """What a clause asks of a text."""
    if clause.op in ("IN", "NOT IN"):
        wanted = clause.value if isinstance(clause.value, tuple) else ()
        return lambda text: (text in wanted) == (clause.op == "IN")
    value = need_text(clause, "attributes", {"=", "!=", "LIKE", "ILIKE"})
    if clause.op in ("LIKE", "ILIKE"):
        return lambda text: like(text, value, fold=clause.op == "ILIKE")
    return lambda text: _OPERATORS[clause.op](text, value)


def number_test(clause: Clause, what: str) -> Callable[[float], bool]:
    """What a clause asks of a number."""
    value = need_number(clause, what)
    return lambda number: _OPERATORS[clause.op](number, value)


def tag_test(clause: Clause) -> Callable[[dict[str, str]], bool]:
    """What a clause asks of tags."""
    if clause.op in ("IS NULL", "IS NOT NULL"):
        return lambda tags: (clause.key in tags) == (clause.op == "IS NOT NULL")
    test = text_test(clause)
    return lambda tags: clause.key in tags and test(tags[clause.key])


def _test(clause: Clause) -> Callable[[RegisteredProject], bool]:
    if clause.entity and clause.entity not in _ENTITIES:
        raise InvalidInput(f"Invalid entity type '{clause.entity}'. Valid entity types are {_ENTITIES}")
    if clause.entity in ("tag", "tags"):
        on_tags = tag_test(clause)
        return lambda item: on_tags(item.tags)
    if clause.key in _NUMBERS:
        value_of, on_number = _NUMBERS[clause.key], number_test(clause, f"numeric attribute: {clause.key}")
        return lambda item: on_number(value_of(item))
    if clause.key not in _TEXTS:
        raise InvalidInput(f"Invalid attribute key '{clause.key}' specified. Valid keys are {_known()}")
    if clause.op in ("IN", "NOT IN") and clause.key != "experiment_id":
        raise InvalidInput("Only ['experiment_id'] attributes support comparison with a list of quoted string values.")
    text_of, on_text = _TEXTS[clause.key], text_test(clause)
    return lambda item: on_text(text_of(item))


def _known() -> list[str]:
    return sorted(_TEXTS | _NUMBERS)


def selected(projects: Sequence[RegisteredProject], text: str) -> list[RegisteredProject]:
    """The projects that fit a filter.

    Raises:
        InvalidInput: the filter makes no sense.
    """
    tests = [_test(clause) for clause in parse(text)]
    return [item for item in projects if all(test(item) for test in tests)]


def ordered(projects: Sequence[RegisteredProject], orders: Sequence[str]) -> list[RegisteredProject]:
    """The projects in order: newest first when nothing is asked for, ties by the greatest number.

    Raises:
        InvalidInput: a sort key makes no sense.
    """
    made = sorted(projects, key=lambda item: -item.number)
    for order in reversed(orders or ["creation_time DESC"]):
        entity, key, descending = parse_order(order)
        if entity not in ("", "attribute"):
            raise InvalidInput(f"Invalid order_by entity: {entity}")
        if key == "experiment_id":
            made.sort(key=lambda item: item.number, reverse=descending)
        elif key in _TEXTS | _NUMBERS:
            made.sort(key=(_TEXTS | _NUMBERS)[key], reverse=descending)
        else:
            raise InvalidInput(f"Invalid attribute key '{key}' specified. Valid keys are {_known()}")
    return made
