"""W&B's filters of things that are at hand: conditions written as MongoDB's, looked at one thing after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from madang.errors import InvalidInput
from madang.formats.regex import compiled
from madang.formats.wandb.values import read_object

_DEEPEST = 40


def matcher(text: str | None) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a thing, given by its fields, fits filters (JSON). A list as a field fits when one of its items does.

    Raises:
        InvalidInput: they are no filters, or an operator is not known.
    """
    return _all_of(read_object(text), 0) if text else lambda _: True


def _all_of(filters: Any, depth: int) -> Callable[[Mapping[str, Any]], bool]:
    if not isinstance(filters, dict) or depth > _DEEPEST:
        raise InvalidInput(f"{str(filters)[:80]!r} is no filter.")
    tests = [_test(key, value, depth) for key, value in filters.items()]
    return lambda thing: all(test(thing) for test in tests)


def _test(key: str, value: Any, depth: int) -> Callable[[Mapping[str, Any]], bool]:
    if key in ("$and", "$or", "$nor"):
        if not isinstance(value, list):
            raise InvalidInput(f"{key} takes a list of filters.")
        parts = [_all_of(item, depth + 1) for item in value]
        if key == "$and":
            return lambda thing: all(part(thing) for part in parts)
        return lambda thing: any(part(thing) for part in parts) is (key == "$or")
    if key == "$not":
        inner = _all_of(value, depth + 1)
        return lambda thing: not inner(thing)
    if key.startswith("$"):
        raise InvalidInput(f"The operator {key[:40]!r} is not known here.")
    return _compare(key, value, depth)


def _compare(key: str, value: Any, depth: int) -> Callable[[Mapping[str, Any]], bool]:
    if not isinstance(value, dict):
        return lambda thing: any(item == value for item in _values(thing, key))
    tests = []
    for operator, operand in value.items():
        if operator == "$not":
            inner = _compare(key, operand, depth + 1) if depth < _DEEPEST else None
            if inner is None:
                raise InvalidInput("The filter is too deep.")
            tests.append(_negation(inner))
        elif operator in ("$ne", "$nin"):
            tests.append(_negation(_holds(key, "$eq" if operator == "$ne" else "$in", operand)))
        else:
            tests.append(_holds(key, operator, operand))
    return lambda thing: all(test(thing) for test in tests)


def _negation(test: Callable[[Mapping[str, Any]], bool]) -> Callable[[Mapping[str, Any]], bool]:
    return lambda thing: not test(thing)


def _holds(key: str, operator: str, operand: Any) -> Callable[[Mapping[str, Any]], bool]:
    if operator == "$exists":
        return lambda thing: bool(_values(thing, key)) is bool(operand)
    if operator not in _OPERATORS:
        raise InvalidInput(f"The operator {operator[:40]!r} is not known here.")
    if operator == "$regex":
        operand = compiled(str(operand))
    if operator == "$in" and not isinstance(operand, list):
        raise InvalidInput("$in takes a list.")
    test = _OPERATORS[operator]
    return lambda thing: any(test(item, operand) for item in _values(thing, key))


def _values(thing: Mapping[str, Any], key: str) -> list[Any]:
    """The values of a field; ``metadata.acc`` leads into an object."""
    found: Any = thing.get(key)
    if found is None and "." in key:
        found = thing
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        return []
    return list(found) if isinstance(found, list | tuple) else [found]


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(item: Any, operand: Any) -> bool:
        try:
            return test(item, operand)
        except TypeError:  # of kinds that have no order
            return False

    return compare


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda item, operand: bool(item == operand),
    "$in": lambda item, operand: item in operand,
    "$gt": _ordered(lambda item, operand: item > operand),
    "$gte": _ordered(lambda item, operand: item >= operand),
    "$lt": _ordered(lambda item, operand: item < operand),
    "$lte": _ordered(lambda item, operand: item <= operand),
    "$regex": lambda item, operand: isinstance(item, str) and operand.found(item),
    "$contains": lambda item, operand: isinstance(item, str) and str(operand) in item,
}
