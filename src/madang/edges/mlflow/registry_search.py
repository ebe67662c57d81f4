"""Which registered models and versions fit a filter, and in which order: there are few, so they are compared here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from madang.edges.mlflow.clauses import Clause, parse, parse_order
from madang.edges.mlflow.experiment_search import number_test, tag_test, text_test
from madang.errors import InvalidInput
from madang.formats.mlflow.words import PROMPT

T = TypeVar("T")
_ENTITIES = ("attribute", "tag", "tags")


class Fields:
    """What can be compared of a kind of things: texts, numbers and tags, each read out of its JSON form."""

    def __init__(self, texts: Mapping[str, str], numbers: Mapping[str, str], lists: Sequence[str]) -> None:
        self.texts = texts
        self.numbers = numbers
        self.lists = lists

    def test(self, clause: Clause) -> Callable[[dict[str, Any]], bool]:
        """What a clause asks of a thing."""
        if clause.entity and clause.entity not in _ENTITIES:
            raise InvalidInput(f"Invalid entity type '{clause.entity}'. Valid entity types are {_ENTITIES}")
        if clause.entity in ("tag", "tags"):
            if clause.key == PROMPT:
                return lambda thing: True  # told before, for all of them
            on_tags = tag_test(clause)
            return lambda thing: on_tags(tags_of(thing))
        if clause.key in self.numbers:
            if isinstance(clause.value, float):
                raise InvalidInput(f"Invalid value for numeric attribute '{clause.key}': {clause.value!r}")
            on_number, number = number_test(clause, f"numeric attribute: {clause.key}"), self.numbers[clause.key]
            return lambda thing: on_number(int(thing[number]))
        if clause.key not in self.texts:
            known = sorted([*self.texts, *self.numbers])
            raise InvalidInput(f"Invalid attribute key '{clause.key}' specified. Valid keys are '{known}'")
        if clause.op in ("IN", "NOT IN") and clause.key not in self.lists:
            raise InvalidInput(
                f"Only {sorted(self.lists)} attributes support comparison with a list of quoted string values."
            )
        on_text, text = text_test(clause), self.texts[clause.key]
        return lambda thing: text in thing and on_text(thing[text])


def tags_of(thing: dict[str, Any]) -> dict[str, str]:
    """The tags of a thing in its JSON form."""
    return {tag["key"]: tag["value"] for tag in thing.get("tags", [])}


def wants_prompts(clauses: Sequence[Clause]) -> bool:
    """Whether a filter asks for prompts, which are kept as models with a mark."""
    return any(
        clause.key == PROMPT
        and clause.entity in ("tag", "tags")
        and (clause.op, str(clause.value).lower()) in (("=", "true"), ("!=", "false"))
        for clause in clauses
    )


def selected(fields: Fields, things: Sequence[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The things that fit a filter; prompts only where they are asked for.

    Raises:
        InvalidInput: the filter makes no sense.
    """
    clauses = parse(text)
    tests = [fields.test(clause) for clause in clauses]
    prompts = wants_prompts(clauses)
    return [
        thing
        for thing in things
        if thing.get("is_prompt", tags_of(thing).get(PROMPT) == "true") == prompts
        and all(test(thing) for test in tests)
    ]


def ordered(
    things: Sequence[dict[str, Any]], orders: Sequence[str], keys: Mapping[str, Callable[[dict[str, Any]], Any]]
) -> list[dict[str, Any]]:
    """The things in order. Raises `InvalidInput` for a key that is unknown or comes twice."""
    made, seen = list(things), set[str]()
    parsed = [parse_order(order) for order in orders]
    for entity, key, _ in parsed:
        if key not in keys or entity not in ("", "attribute"):
            raise InvalidInput(f"Invalid order by key '{key}' specified. Valid keys are '{sorted(keys)}'")
        if key in seen:
            raise InvalidInput(f"`order_by` contains duplicate fields: {list(orders)}")
        seen.add(key)
    for _, key, descending in reversed(parsed):
        made.sort(key=keys[key], reverse=descending)
    return made
