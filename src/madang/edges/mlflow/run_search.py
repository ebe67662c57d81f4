"""MLflow's search of runs as the one query value that every dialect becomes."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from typing import cast

from madang.domain.projects import RegisteredProject
from madang.domain.query import (
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
)
from madang.edges.mlflow.clauses import Clause, bad_comparator, need_number, need_text, parse, parse_order
from madang.edges.mlflow.shapes import NAME, NOTE, PARENT, USER, uri_of
from madang.errors import InvalidInput

_ENTITIES: dict[str, str] = {
    "metric": "metrics", "metrics": "metrics", "parameter": "params", "parameters": "params", "param": "params",
    "params": "params", "tag": "tags", "tags": "tags", "attribute": "attributes", "attr": "attributes",
    "attributes": "attributes", "run": "attributes", "": "attributes", "dataset": "datasets", "datasets": "datasets",
}  # fmt: skip
_KINDS = ["metric", "parameter", "tag", "attribute", "dataset"]
_TEXTS = {"run_id": "id", "run_name": "name", "status": "status", "user_id": "user", "artifact_uri": "id"}
_TIMES = {"start_time": "started_at", "end_time": "ended_at"}
_ALIASES = {"created": "start_time", "Created": "start_time", "run name": "run_name", "Run name": "run_name",
            "Run Name": "run_name"}  # fmt: skip
_ELSEWHERE = {PARENT: "parent", NOTE: "notes", USER: "user"}  # tags that runs of other clients have as attributes
_ATTRIBUTE_OPERATORS = {"=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"}
_DATASET_KEYS = ("name", "digest", "context")
_TAG_OPERATORS = {"=", "!=", "LIKE", "ILIKE"}
_URI = re.compile(r".*/([0-9a-f]{32})/artifacts(?:[?#].*)?\Z")


def condition(text: str, homes: Collection[RegisteredProject] = ()) -> Condition:
    """The condition that a filter means; the ``homes`` are the experiments that are searched.

    Raises:
        InvalidInput: it is no filter.
    """
    return AllOf(tuple(_by_uri(clause, homes) if _is_uri(clause) else _condition(clause) for clause in parse(text)))


def _entity(name: str) -> str:
    found = _ENTITIES.get(name)
    if found is None:
        raise InvalidInput(f"Invalid entity type '{name}'. Valid values are {_KINDS}")
    return found


def _condition(clause: Clause) -> Condition:
    scope = _entity(clause.entity)
    if scope == "metrics":
        return compare_number(Field("metrics", clause.key), clause, "metric")
    if scope == "params":
        return compare_text(Field("params", clause.key), _no_list(clause), "parameter")
    if scope == "tags":
        return _tag(clause)
    if scope == "datasets":
        return _dataset(clause)
    return _attribute(clause)


def compare_number(field: Field, clause: Clause, what: str) -> Condition:
    """A comparison of a number."""
    return Compare(field, _operator(clause), need_number(clause, what))


def _operator(clause: Clause) -> Operator:
    return cast("Operator", clause.op.lower())  # `need_text` and `need_number` check it


def compare_text(field: Field, clause: Clause, what: str) -> Condition:
    """A comparison of a text."""
    if clause.op in ("IS NULL", "IS NOT NULL"):
        return Exists(field, negated=clause.op == "IS NULL")
    if clause.op in ("IN", "NOT IN") and isinstance(clause.value, tuple):
        return Among(field, clause.value, clause.op == "NOT IN")
    value = need_text(clause, what, _TAG_OPERATORS)
    if clause.op in ("LIKE", "ILIKE"):
        value = value.replace("\\", "\\\\")  # MLflow's patterns have no escape
    return Compare(field, _operator(clause), value)


def _tag(clause: Clause) -> Condition:
    own = Field("tags", clause.key)
    made = compare_text(own, _no_list(clause), "tag")
    if clause.key == NAME:
        return _named(clause, "tag")
    if clause.key not in _ELSEWHERE:
        return made
    other = Field("attributes", _ELSEWHERE[clause.key])
    if clause.op == "IS NULL":
        return AllOf((made, Exists(other, negated=True)))
    foreign = (Exists(own, negated=True), Exists(Field("tags", NAME), negated=True), Exists(other))
    return AnyOf((made, AllOf((*foreign, compare_text(other, clause, "tag")))))


def _named(clause: Clause, what: str) -> Condition:
    """A comparison of the name of a run; one whose tag for it was deleted, and so is empty, has none to be found by."""
    made, gone = compare_text(Field("attributes", "name"), clause, what), Compare(Field("tags", NAME), "=", "")
    return AnyOf((made, gone)) if clause.op == "IS NULL" else AllOf((made, Negation(gone)))


def _no_list(clause: Clause) -> Clause:
    if clause.op in ("IN", "NOT IN"):
        raise bad_comparator(clause, _TAG_OPERATORS)
    return clause


def _dataset(clause: Clause) -> Condition:
    if clause.key not in _DATASET_KEYS:
        raise InvalidInput(f"Invalid dataset key '{clause.key}' specified. Valid keys are {_DATASET_KEYS}")
    if clause.op in ("IS NULL", "IS NOT NULL"):
        raise bad_comparator(clause, _ATTRIBUTE_OPERATORS)
    return compare_text(Field("datasets", clause.key), clause, "dataset attributes")


def _attribute(clause: Clause) -> Condition:
    key = _ALIASES.get(clause.key, clause.key)
    if key in _TIMES:
        made = compare_time(_TIMES[key], clause)
        return AllOf((Compare(Field("attributes", "ended_at"), ">", 0), made)) if key == "end_time" else made
    if key not in _TEXTS:
        raise _bad_attribute(key)
    if clause.op not in _ATTRIBUTE_OPERATORS:
        raise bad_comparator(clause, _ATTRIBUTE_OPERATORS)
    if clause.op in ("IN", "NOT IN") and key != "run_id":
        raise InvalidInput("Only ['run_id'] attributes support comparison with a list of quoted string values.")
    if key == "status":
        return _status(clause)
    if key == "run_name":
        return _named(clause, "attributes")
    return compare_text(Field("attributes", _TEXTS[key]), clause, "attributes")


def _bad_attribute(key: str) -> InvalidInput:
    known = sorted([*_TEXTS, *_TIMES])
    return InvalidInput(f"Invalid attribute key '{key}' specified. Valid keys are '{known}'")


def _status(clause: Clause) -> Condition:
    given = need_text(clause, "attributes")
    if clause.op in ("=", "!=") and given != given.upper():  # no status is written so
        return AnyOf(()) if clause.op == "=" else AllOf(())
    value = given.lower()
    field = Field("attributes", "status")
    made = compare_text(field, clause._replace(value=value), "attributes")
    if value != "failed":
        return made
    both = ("failed", "crashed")  # MLflow has one word for them
    return Among(field, both, negated=clause.op == "!=")


def _is_uri(clause: Clause) -> bool:
    return clause.key == "artifact_uri" and _entity(clause.entity) == "attributes" and clause.op in _TAG_OPERATORS


def _by_uri(clause: Clause, homes: Collection[RegisteredProject]) -> Condition:
    """An address of a run's files is that of its experiment and the run's id: what is asked of it is asked of them."""
    value, run = need_text(clause, "attributes"), Field("attributes", "id")
    if clause.op in ("LIKE", "ILIKE"):
        return compare_text(run, clause._replace(value=value.removesuffix("/artifacts")), "attributes")
    found = _URI.match(value)
    named = found[1] if found else "-"
    at = [Compare(Field("attributes", "project"), "=", home.name) for home in homes if uri_of(named, home) == value]
    made = AllOf((Compare(run, "=", named), AnyOf(tuple(at))))
    return made if clause.op == "=" else Negation(made)


def compare_time(attribute: str, clause: Clause) -> Condition:
    """A comparison of whole milliseconds with microseconds."""
    value = need_number(clause, f"numeric attribute: {clause.key}")
    field = Field("attributes", attribute)
    low, high = math.ceil(value) * 1000, (math.floor(value) + 1) * 1000
    at_least, below = Compare(field, ">=", low), Compare(field, "<", high)
    options: dict[str, Condition] = {
        "=": AllOf((at_least, below)),
        "!=": Negation(AllOf((at_least, below))),
        ">": Compare(field, ">=", high),
        ">=": at_least,
        "<": Compare(field, "<", low),
        "<=": below,
    }
    return options[clause.op]


def orders(texts: Sequence[str]) -> tuple[Order, ...]:
    """The sort keys that order texts mean.

    Raises:
        InvalidInput: one makes no sense, or comes twice.
    """
    made: list[Order] = []
    for text in texts:
        entity, key, descending = parse_order(text)
        scope = _entity(entity)
        if scope == "attributes":
            name = _ALIASES.get(key, key)
            if name not in _TEXTS | _TIMES:
                raise _bad_attribute(key)
            field = Field("attributes", (_TEXTS | _TIMES)[name])
        elif scope == "datasets":
            raise InvalidInput("Invalid identifier type 'dataset'")
        else:
            field = Field(_scope(scope), key)
        made.append(Order(field, descending, as_text=scope == "params"))
    if len({order.field for order in made}) < len(made):
        raise InvalidInput(f"`order_by` contains duplicate fields: {list(texts)}")
    return tuple(made)


def _scope(name: str) -> Scope:
    return cast("Scope", name)
