"""MLflow's search of logged models as a query value."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from madang.domain.query import AllOf, Among, Condition, Field, Order
from madang.edges.mlflow.arguments import Arguments
from madang.edges.mlflow.clauses import Clause, Value, parse
from madang.edges.mlflow.run_search import compare_number, compare_text, compare_time
from madang.errors import InvalidInput

_TEXTS = {"name": "name", "model_id": "id", "model_type": "group", "status": "status", "source_run_id": "parent"}
_TIMES = {"creation_timestamp", "creation_time", "creation_timestamp_ms"}
_UPDATED = {"last_updated_timestamp", "last_updated_timestamp_ms", "last_updated_time"}
_NUMBER_OPERATORS = ("<", "<=", ">", ">=", "=", "!=")
_TEXT_OPERATORS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN")
_STATES = {"PENDING": "running", "READY": "finished", "UPLOAD_FAILED": "failed"}


class OrderBy(Arguments):
    """A sort key."""

    field_name: str = ""
    ascending: bool = True
    dataset_name: str = ""
    dataset_digest: str = ""


def condition(text: str) -> Condition:
    """The condition that a filter means.

    Raises:
        InvalidInput: it is no filter.
    """
    try:
        clauses = parse(text)
        made = [_condition(clause) for clause in clauses if _operator_fits(clause)]
    except InvalidInput as error:
        raise InvalidInput(f"Invalid filter string: {text[:1000]!r}. {error.message}") from None
    for clause in clauses:
        if not _operator_fits(clause):
            raise InvalidInput(
                f"Invalid comparison operator for {clause.entity or 'attributes'}.{clause.key}: {clause.op!r}. "
                f"Expected one of {_NUMBER_OPERATORS if _is_number(clause) else _TEXT_OPERATORS}."
            )
    return AllOf(tuple(made))


def _is_number(clause: Clause) -> bool:
    return clause.entity == "metrics" or (clause.entity in ("", "attributes") and clause.key in _TIMES | _UPDATED)


def _operator_fits(clause: Clause) -> bool:
    if _is_number(clause):
        return clause.op in _NUMBER_OPERATORS
    return clause.op in (*_TEXT_OPERATORS, "IS NULL", "IS NOT NULL")


def _condition(clause: Clause) -> Condition:
    if clause.entity == "metrics":
        return compare_number(Field("metrics", clause.key), clause, "metric")
    if clause.entity == "params":
        return compare_text(Field("params", clause.key), clause, "parameter")
    if clause.entity == "tags":
        return compare_text(Field("tags", clause.key), clause, "tag")
    if clause.entity not in ("", "attributes"):
        raise InvalidInput(
            f"Invalid entity type: {clause.entity!r}. Expected one of ['attributes', 'metrics', 'params', 'tags']."
        )
    if clause.key in _TIMES | _UPDATED:
        return compare_time("started_at", clause)
    if clause.key not in _TEXTS:
        raise InvalidInput(f"Invalid attribute: {clause.key!r}. Expected one of {sorted([*_TEXTS, *_TIMES])}.")
    field = Field("attributes", _TEXTS[clause.key])
    if clause.key == "status":
        clause = clause._replace(value=_mapped(clause.value, _state))
    elif clause.key == "model_id":
        clause = clause._replace(value=_mapped(clause.value, lambda text: text.removeprefix("m-")))
    if clause.key == "status" and isinstance(clause.value, tuple):
        return Among(field, clause.value, clause.op == "NOT IN")
    return compare_text(field, clause, "attributes")


def _mapped(value: Value, change: Callable[[str], str]) -> Value:
    if isinstance(value, tuple):
        return tuple(change(item) for item in value)
    if isinstance(value, str):
        return change(value)
    return value


def _state(text: str) -> str:
    return _STATES.get(text.upper().removeprefix("LOGGED_MODEL_"), text.lower())


def orders(given: Sequence[OrderBy]) -> tuple[Order, ...]:
    """The sort keys; newest first when there is none.

    Raises:
        InvalidInput: a field is not known.
    """
    made = []
    for item in given:
        entity, dot, key = item.field_name.partition(".")
        if dot and entity == "metrics":
            field = Field("metrics", key.strip("`"))
        else:
            name = key if dot and entity == "attributes" else item.field_name
            if name in _TIMES | _UPDATED:
                field = Field("attributes", "started_at")
            elif name in _TEXTS:
                field = Field("attributes", _TEXTS[name])
            else:
                raise InvalidInput(f"Invalid order by field name: {item.field_name}")
        made.append(Order(field, not item.ascending))
    return tuple(made)
