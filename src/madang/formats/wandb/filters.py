"""W&B's filters of runs, written as MongoDB's, as the one condition that every dialect becomes.

As there, a field that a run lacks fits no comparison but ``$ne``, ``$nin``, ``$exists: false`` and null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from madang.domain.parameters import parameter_text
from madang.domain.query import AllOf, Among, AnyOf, Compare, Condition, Exists, Field, Negation, Operator, Order
from madang.errors import InvalidInput
from madang.formats.wandb.fields import Place, micros, place, state_of
from madang.formats.wandb.tags import PREEMPTING
from madang.formats.wandb.values import read_json

TRUE, FALSE = AllOf(()), AnyOf(())
_MOST = 2000  # comparisons of one filter; a list of values counts as one
_DEEPEST = 40
_SECOND = 1_000_000  # µs
_ENDED_EARLY = ("failed", "crashed", "killed")
_Rule: TypeAlias = "Callable[[_Reader, Place, Any, Mapping[str, Any]], Condition]"


def condition(text: str | None) -> Condition:
    """The condition that filters (JSON) mean.

    Raises:
        InvalidInput: they are no filters, or an operator is not known.
    """
    said = read_json(text) if text else None
    return TRUE if said is None else _Reader().all_of(said, 0)


def comparison(key: str, operator: str, value: Any) -> Condition:
    """One comparison, by MongoDB's name of its operator. Raises as `condition`."""
    return _Reader().field(key, {operator: value})


def orders(text: str | None) -> tuple[Order, ...]:
    """The sort keys of an order such as ``-summary_metrics.loss``; keys that runs do not have say nothing."""
    made: list[Order] = []
    for part in (text or "").split(","):
        key = part.strip().lstrip("+-")
        found = place(key)
        if found is not None and found.form != "labels" and all(order.field != found.field for order in made):
            made.append(Order(found.field, part.strip().startswith("-")))
    return tuple(made)


class _Reader:
    def __init__(self) -> None:
        self._left = _MOST

    def all_of(self, filters: Any, depth: int) -> Condition:
        if not isinstance(filters, dict):
            raise InvalidInput(f"A filter is an object, not {filters!r:.80}.")
        if depth > _DEEPEST:
            raise InvalidInput(f"Filters lie in each other more than {_DEEPEST} deep.")
        parts = tuple(self._entry(key, value, depth) for key, value in filters.items())
        return parts[0] if len(parts) == 1 else AllOf(parts)

    def _entry(self, key: str, value: Any, depth: int) -> Condition:
        if key == "$not":
            return Negation(self.all_of(value, depth + 1))
        if key in ("$and", "$or", "$nor"):
            if not isinstance(value, list):
                raise InvalidInput(f"{key} needs a list of filters, not {value!r:.80}.")
            parts = tuple(self.all_of(item, depth + 1) for item in value)
            if key == "$and":
                return AllOf(parts)
            if not parts:
                raise InvalidInput(f"{key} needs at least one filter.")
            return AnyOf(parts) if key == "$or" else Negation(AnyOf(parts))
        if key.startswith("$"):
            raise InvalidInput(f"The operator {key[:40]!r} is not known.")
        return self.field(key, value)

    def field(self, key: str, said: Any) -> Condition:
        """What is said of one field: a value, or an object of operators."""
        found = place(key)
        if not (isinstance(said, dict) and any(name.startswith("$") for name in said)):
            return self._objects(key, found, said) if isinstance(said, dict) else self._by("$eq", found, said, {})
        parts = tuple(self._by(name, found, value, said) for name, value in said.items())
        return parts[0] if len(parts) == 1 else AllOf(parts)

    def _objects(self, key: str, found: Place | None, said: dict[str, Any]) -> Condition:
        """An object as a value: parameters that are objects are kept by their parts."""
        if found is None or found.form != "parameter" or not said:
            return FALSE
        if key.count(".") > _DEEPEST:
            raise InvalidInput(f"The value of {key[:80]!r} lies too deep.")
        return AllOf(tuple(self.field(f"config.{found.field.key}.{name}", value) for name, value in said.items()))

    def _by(self, operator: str, found: Place | None, value: Any, said: Mapping[str, Any]) -> Condition:
        self._left -= 1
        if self._left < 0:
            raise InvalidInput(f"More than {_MOST} comparisons are too many.")
        rule = _RULES.get(operator)
        if rule is None:
            raise InvalidInput(f"The operator {operator[:40]!r} is not known.", hint="Known: " + ", ".join(_RULES))
        if found is None:  # a field that no run has
            found = Place(Field("tags", ""))
        return rule(self, found, value, said)

    def equal(self, found: Place, value: Any, _: Mapping[str, Any]) -> Condition:
        if value is None:
            return Negation(_exists(found))
        if isinstance(value, list):
            return self._equal_list(found, value)
        return self._among(found, [value])

    def _equal_list(self, found: Place, values: list[Any]) -> Condition:
        if found.form == "parameter":
            return Compare(found.field, "=", parameter_text(values))
        if found.form != "labels":
            return FALSE
        return AllOf(tuple(_label(item) for item in values)) if values else Negation(_exists(found))

    def _among(self, found: Place, values: list[Any]) -> Condition:
        """The field is one of some values, none of which is null."""
        if found.form == "labels":
            return AnyOf(tuple(_label(item) for item in values))
        if found.form == "name":
            names = tuple(item for item in values if isinstance(item, str))
            return _called(found.field, lambda field: Among(field, names))
        if found.form == "time":
            times = [at for item in values if (at := micros(item)) is not None]
            return AnyOf(tuple(_within(found.field, at) for at in times))
        if found.form == "state":
            return AnyOf(tuple(_state(item) for item in values if isinstance(item, str)))
        fitting = [made for item in values if (made := _fitting(found, item)) is not None]
        return Compare(found.field, "=", fitting[0]) if len(fitting) == 1 else Among(found.field, tuple(fitting))

    def one_of(self, found: Place, values: Any, _: Mapping[str, Any]) -> Condition:
        if not isinstance(values, list):
            raise InvalidInput(f"$in and $nin need a list, not {values!r:.80}.")
        lists = [self._equal_list(found, item) for item in values if isinstance(item, list)]
        made = self._among(found, [item for item in values if item is not None and not isinstance(item, list)])
        missing = [Negation(_exists(found))] if None in values else []
        return AnyOf((made, *lists, *missing)) if lists or missing else made

    def ordered(self, operator: Operator, found: Place, value: Any) -> Condition:
        if found.form == "time":
            at = micros(value)
            return FALSE if at is None else Compare(found.field, operator, at)
        made = _fitting(found, value)
        if made is None or isinstance(value, bool):
            return FALSE
        return _text(found, operator, made) if isinstance(made, str) else Compare(found.field, operator, made)

    def exists(self, found: Place, value: Any, _: Mapping[str, Any]) -> Condition:
        return _exists(found) if value else Negation(_exists(found))

    def regex(self, found: Place, value: Any, said: Mapping[str, Any]) -> Condition:
        if not isinstance(value, str):
            raise InvalidInput(f"A pattern is a text, not {value!r:.80}.")
        if found.form in ("time", "seconds"):
            return FALSE
        folds = "i" in str(said.get("$options", "")) and not value.startswith("(?i)")
        return _text(found, "regex", "(?i)" + value if folds else value)

    def contains(self, found: Place, value: Any, _: Mapping[str, Any]) -> Condition:
        return _text(found, "contains", value) if isinstance(value, str) else FALSE

    def negation(self, found: Place, value: Any, _: Mapping[str, Any]) -> Condition:
        said = value if isinstance(value, dict) else {"$regex": value}
        return Negation(AllOf(tuple(self._by(name, found, item, said) for name, item in said.items())))

    def every(self, found: Place, values: Any, said: Mapping[str, Any]) -> Condition:
        if not isinstance(values, list) or not values:
            return FALSE
        return AllOf(tuple(self.equal(found, item, said) for item in values))


_RULES: dict[str, _Rule] = {
    "$eq": _Reader.equal,
    "$ne": lambda reader, found, value, said: Negation(reader.equal(found, value, said)),
    "$gt": lambda reader, found, value, _: reader.ordered(">", found, value),
    "$gte": lambda reader, found, value, _: reader.ordered(">=", found, value),
    "$lt": lambda reader, found, value, _: reader.ordered("<", found, value),
    "$lte": lambda reader, found, value, _: reader.ordered("<=", found, value),
    "$in": _Reader.one_of,
    "$nin": lambda reader, found, value, said: Negation(reader.one_of(found, value, said)),
    "$exists": _Reader.exists,
    "$regex": _Reader.regex,
    "$options": lambda *_: TRUE,  # read with $regex
    "$contains": _Reader.contains,
    "$not": _Reader.negation,
    "$all": _Reader.every,
}


def _state(word: str) -> Condition:
    """Where a run stands: W&B has words for runs that made way for others, which are tags here."""
    status, made_way = Field("attributes", "status"), Exists(Field("tags", PREEMPTING))
    if word.lower() == "preempting":
        return AllOf((Compare(status, "=", "running"), made_way))
    if word.lower() == "preempted":
        return AllOf((Among(status, _ENDED_EARLY), made_way))
    plain = Compare(status, "=", state_of(word))
    return AllOf((plain, Negation(made_way))) if plain.value in ("running", *_ENDED_EARLY) else plain


def _exists(found: Place) -> Condition:
    return TRUE if found.form == "name" else Exists(found.field)


def _label(name: Any) -> Condition:
    return Compare(Field("tags", name), "=", "") if isinstance(name, str) else FALSE


def _within(field: Field, at: int) -> Condition:
    """A time that is told in whole seconds is that second."""
    width = _SECOND if at % _SECOND == 0 else 1
    return AllOf((Compare(field, ">=", at), Compare(field, "<", at + width)))


def _text(found: Place, operator: Operator, text: str) -> Condition:
    if found.form == "name":
        return _called(found.field, lambda field: Compare(field, operator, text))
    return Compare(found.field, operator, text)


def _called(tag: Field, test: Callable[[Field], Condition]) -> Condition:
    """A test of what clients call a run: its tag where W&B's client has made it, else its id."""
    return AnyOf((test(tag), AllOf((Negation(Exists(tag)), test(Field("attributes", "id"))))))


def _fitting(found: Place, value: Any) -> str | int | float | bool | None:
    """A value as our field has it; None when nothing there can be equal to it."""
    if found.form == "state":
        return state_of(value) if isinstance(value, str) else None
    if found.form == "seconds":
        return value * _SECOND if isinstance(value, int | float) and not isinstance(value, bool) else None
    if found.form == "number" and isinstance(value, bool):
        return float(value)
    if isinstance(value, str | bool) or (isinstance(value, int | float) and found.form in ("number", "parameter")):
        return value
    return None
