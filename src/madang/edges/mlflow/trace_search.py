"""Which traces fit a filter, and in which order (mlflow.org/docs/latest/genai/tracing/search-traces)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from madang.edges.mlflow.clauses import Clause, parse, parse_order
from madang.edges.mlflow.experiment_search import like
from madang.edges.mlflow.patterns import checked_pattern
from madang.edges.mlflow.trace_info import PROMPTS, SOURCE_RUN, TRACE_NAME, Trace
from madang.edges.mlflow.trace_spans import Span
from madang.errors import InvalidInput

_ENTITIES = {
    "": "attribute", "attribute": "attribute", "attributes": "attribute", "trace": "attribute", "tag": "tag",
    "tags": "tag", "metadata": "metadata", "request_metadata": "metadata", "span": "span", "feedback": "feedback",
    "expectation": "expectation", "issue": "issue",
}  # fmt: skip
_TEXTS = {"request_id": "id", "trace_id": "id", "status": "state", "state": "state",
          "client_request_id": "client_request_id"}  # fmt: skip
_NUMBERS = {"timestamp": "began", "timestamp_ms": "began", "execution_time": "took", "execution_time_ms": "took",
            "end_time": "ended", "end_time_ms": "ended"}  # fmt: skip
_KNOWN = sorted({*_TEXTS, *_NUMBERS, "name", "run_id", "prompt", "text"})
_ORDERED = sorted({*_TEXTS, *_NUMBERS, "experiment_id", "name", "run_id"})
_EQUALITY, _ORDER = {"=", "!="}, {"<", "<=", ">", ">="}
_PATTERNS, _NULLS = {"LIKE", "ILIKE", "RLIKE"}, {"IS NULL", "IS NOT NULL"}
_LISTS = {"IN", "NOT IN"}
_AT_ONCE = 1000
_SPAN_FIELDS = ("name", "type", "status")


class SearchedTrace:
    """A trace as a filter sees it; its spans are read when one is asked for, at most once."""

    def __init__(self, trace: Trace, read: Callable[[Trace], Sequence[Span]]) -> None:
        self.trace = trace
        self._read = read

    @cached_property
    def spans(self) -> Sequence[Span]:
        """The spans of the trace."""
        return self._read(self.trace)


Test = Callable[[SearchedTrace], bool]


def _text_of(trace: Trace, name: str) -> str | None:
    match name:
        case "id":
            return trace.id
        case "state":
            return trace.about.state
        case _:
            return trace.about.client_request_id


def _number_of(trace: Trace, name: str) -> int | None:
    about = trace.about
    match name:
        case "began":
            return about.requested_at
        case "took":
            return about.took
        case _:
            return about.requested_at + (about.took or 0)


def _need(clause: Clause, allowed: set[str]) -> None:
    if clause.op not in allowed:
        of_part = {"span": f"span.{clause.key}", "feedback": f"assessment.{clause.key}",
                   "expectation": f"assessment.{clause.key}"}.get(clause.entity, "Invalid")  # fmt: skip
        raise InvalidInput(f"{of_part} comparator '{clause.op}' not one of '{sorted(allowed)}'")


def text_test(clause: Clause, allowed: set[str]) -> Callable[[str | None], bool]:
    """What a clause asks of a text that may be missing."""
    _need(clause, allowed)
    value = clause.value
    if clause.op in _NULLS:
        return lambda text: (text is None) == (clause.op == "IS NULL")
    if isinstance(value, tuple):
        return lambda text: text is not None and (text in value) == (clause.op == "IN")
    if not isinstance(value, str):
        raise InvalidInput(f"Expected a quoted string value for {clause.key} (e.g. 'my-value'). Got value {value}")
    match clause.op:
        case "=":
            return lambda text: text == value
        case "!=":
            return lambda text: text is not None and text != value
        case "RLIKE":
            pattern = checked_pattern(value)
            return lambda text: text is not None and pattern(text)
        case _:
            fold = clause.op == "ILIKE"
            return lambda text: text is not None and like(text, value, fold=fold)


def number_test(clause: Clause) -> Callable[[float | None], bool]:
    """What a clause asks of a number that may be missing."""
    _need(clause, _EQUALITY | _ORDER)
    wanted = clause.value
    if isinstance(wanted, str) or not isinstance(wanted, int | float):
        raise InvalidInput(f"Expected numeric value type for numeric attribute: {clause.key}. Found {wanted!r}")
    tests: dict[str, Callable[[float], bool]] = {
        "=": lambda number: number == wanted,
        "!=": lambda number: number != wanted,
        "<": lambda number: number < wanted,
        "<=": lambda number: number <= wanted,
        ">": lambda number: number > wanted,
        ">=": lambda number: number >= wanted,
    }
    return lambda number: number is not None and tests[clause.op](number)


def tests_of(text: str) -> list[Test]:
    """What a filter asks of a trace.

    Raises:
        InvalidInput: it makes no sense.
    """
    tests: list[Test] = []
    of_spans: list[Callable[[Span], bool]] = []
    for clause in parse(text, more=("RLIKE",)):
        entity = _ENTITIES.get(clause.entity)
        if entity is None:
            raise InvalidInput(f"Invalid entity type '{clause.entity}'. Valid values are {sorted(_ENTITIES)}")
        if entity == "span":
            of_spans.append(_span_test(clause))
        elif entity == "attribute" and clause.key == "text":
            of_spans.append(_span_test(clause._replace(key="content")))
        else:
            tests.append(_TESTS[entity](clause))
    if of_spans:  # one span must fit all of them
        tests.append(lambda seen: any(all(test(span) for test in of_spans) for span in seen.spans))
    return tests


def _attribute(clause: Clause) -> Test:
    key = clause.key.lower()
    if key in _NUMBERS:
        on_number = number_test(clause)
        return lambda seen: on_number(_number_of(seen.trace, _NUMBERS[key]))
    if key == "name":
        on_name = text_test(clause, _EQUALITY | _PATTERNS | _NULLS)
        return lambda seen: on_name(seen.trace.tags.get(TRACE_NAME))
    if key == "run_id":
        return _metadata(clause._replace(key=SOURCE_RUN))
    if key == "prompt":
        return _prompt(clause)
    if key not in _TEXTS:
        raise InvalidInput(f"Invalid attribute key '{clause.key}' specified. Valid keys are '{_KNOWN}'")
    on_text = text_test(clause, _EQUALITY | _PATTERNS | _LISTS)
    return lambda seen: on_text(_text_of(seen.trace, _TEXTS[key]))


def _prompt(clause: Clause) -> Test:
    if clause.op != "=":
        raise InvalidInput(
            f"Invalid comparator '{clause.op}' for prompts filter. Only '=' is supported with format: "
            'prompt = "name/version"'
        )
    name, slash, version = str(clause.value).partition("/")
    if not slash or "/" in version:
        raise InvalidInput(f"Invalid prompts filter value '{clause.value}'. Expected format: prompt = \"name/version\"")
    return lambda seen: {"name": name, "version": version} in linked_prompts(seen.trace.tags)


def linked_prompts(tags: dict[str, str]) -> list[Any]:
    """The prompts that a trace says it used."""
    try:
        found = json.loads(tags.get(PROMPTS, "[]"))
    except ValueError:  # anyone may set a tag
        found = []
    return found if isinstance(found, list) else []


def _tag(clause: Clause) -> Test:
    test = text_test(clause, _EQUALITY | _PATTERNS | _NULLS)
    return lambda seen: test(seen.trace.tags.get(clause.key))


def _metadata(clause: Clause) -> Test:
    test = text_test(clause, _EQUALITY | _PATTERNS | _NULLS)
    if clause.key == SOURCE_RUN and clause.op == "=":
        return lambda seen: test(seen.trace.about.metadata.get(SOURCE_RUN)) or clause.value in seen.trace.about.runs
    return lambda seen: test(seen.trace.about.metadata.get(clause.key))


def _span_test(clause: Clause) -> Callable[[Span], bool]:
    if clause.key == "content":
        on_text = text_test(clause, {"LIKE", "ILIKE"})
        return lambda span: on_text(span.text)
    if clause.key.startswith("attributes."):
        name = clause.key.removeprefix("attributes.").strip("`")
        on_attribute = text_test(clause, _EQUALITY | _PATTERNS | _LISTS)
        return lambda span: on_attribute(_shown(span.attributes.get(name)))
    if clause.key not in _SPAN_FIELDS:
        raise InvalidInput(
            f"Invalid span attribute '{clause.key}'. Supported attributes: {', '.join(sorted(_SPAN_FIELDS))}, "
            "attributes.<attribute_name>."
        )
    test = text_test(clause, _EQUALITY | _PATTERNS | _LISTS)
    fields: dict[str, Callable[[Span], str]] = {
        "name": lambda span: span.name,
        "type": lambda span: span.kind,
        "status": lambda span: span.status,
    }
    return lambda span: test(fields[clause.key](span))


def _shown(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _assessment(clause: Clause) -> Test:
    allowed = _EQUALITY | _ORDER | _PATTERNS | _NULLS
    if clause.op in _ORDER:
        on_number = number_test(clause._replace(value=_numeric(clause.value)))
        return lambda seen: any(
            type(value) in (int, float) and on_number(value) for value in _values(seen.trace, clause)
        )
    if clause.op in _NULLS:
        _need(clause, allowed)
        return lambda seen: (not _values(seen.trace, clause)) == (clause.op == "IS NULL")
    test = text_test(clause._replace(value=str(clause.value)), allowed)
    return lambda seen: any(test(_shown(value)) for value in _values(seen.trace, clause))


def _numeric(value: Any) -> Any:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return number if math.isfinite(number) else value


def _values(trace: Trace, clause: Clause) -> list[Any]:
    found = []
    for item in trace.said:
        part = item.get(clause.entity)
        if isinstance(part, dict) and item.get("assessment_name") == clause.key and item.get("valid", True):
            serialized = part.get("serialized_value")
            found.append(part.get("value") if serialized is None else serialized.get("value"))
    return found


def _issue(clause: Clause) -> Test:
    if clause.key != "id":
        raise InvalidInput(f"Invalid issue attribute '{clause.key}'. Supported attributes: id")
    _need(clause, {"="})
    return lambda seen: any("issue" in item and item.get("assessment_name") == clause.value for item in seen.trace.said)


_TESTS: dict[str, Callable[[Clause], Test]] = {
    "attribute": _attribute,
    "tag": _tag,
    "metadata": _metadata,
    "feedback": _assessment,
    "expectation": _assessment,
    "issue": _issue,
}


def firsts(traces: Iterable[Trace], orders: Sequence[str], most: int) -> list[Trace]:
    """The first ones in order. Not many more than asked for are held at a time, however many there are.

    Raises:
        InvalidInput: a sort key makes no sense.
    """
    found: list[Trace] = ordered((), orders)
    left = iter(traces)
    while batch := list(islice(left, _AT_ONCE)):
        found = ordered([*found, *batch], orders)[:most]
    return found


def ordered(traces: Sequence[Trace], orders: Sequence[str]) -> list[Trace]:
    """The traces in order: newest first when nothing is asked for, ties by id; those without a value last.

    Raises:
        InvalidInput: a sort key makes no sense.
    """
    made = sorted(traces, key=lambda trace: trace.id)
    keys = [parse_order(order) for order in orders]
    if not any(key in ("timestamp", "timestamp_ms") for _, key, _ in keys):
        keys.append(("", "timestamp_ms", True))
    for entity, key, descending in reversed(keys):
        value = _key_of(entity, key)
        known = [trace for trace in made if value(trace) is not None]
        known.sort(key=value, reverse=descending)
        made = known + [trace for trace in made if value(trace) is None]
    return made


def _key_of(entity: str, key: str) -> Callable[[Trace], Any]:
    kind = _ENTITIES.get(entity)
    if kind == "tag":
        return lambda trace: trace.tags.get(key)
    if kind == "metadata":
        return lambda trace: trace.about.metadata.get(key)
    if kind != "attribute":
        raise InvalidInput(f"Invalid order_by entity `{entity}` with key `{key}`")
    if key in _NUMBERS:
        return lambda trace: _number_of(trace, _NUMBERS[key])
    if key in _TEXTS:
        return lambda trace: _text_of(trace, _TEXTS[key])
    if key == "name":
        return lambda trace: trace.tags.get(TRACE_NAME)
    if key == "run_id":
        return lambda trace: trace.about.metadata.get(SOURCE_RUN)
    if key == "experiment_id":
        return lambda trace: trace.project.number
    raise InvalidInput(f"Invalid order_by key '{key}' specified. Valid keys are {_ORDERED}")
