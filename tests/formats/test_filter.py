"""The filter language: what it means, that printing and reading fit together, and what bad input gets."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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
    Order,
)
from madang.errors import InvalidInput
from madang.formats.filter import parse_field, parse_filter, parse_order, print_filter, print_order

F1 = Field("metrics", "val/f1")
NAME = Field("attributes", "name")
C = Field("params", "C")
STATUS = Field("attributes", "status")
CONVERTED = {"status", "duration", "created_at", "started_at", "ended_at", "seen_at"}
ONE = Compare(C, "=", 1)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", AllOf(())),
        ("metrics.`val/f1` > 0.9", Compare(F1, ">", 0.9)),
        ('metrics."val/f1" >= 1', Compare(F1, ">=", 1)),
        ("metrics.val/f1 > .5e-3", Compare(F1, ">", 0.0005)),
        ("metrics.`val/f1` > 0.9 and params.C = '1.0'", AllOf((Compare(F1, ">", 0.9), Compare(C, "=", "1.0")))),
        ("METRICS.`val/f1`>0.9 AND config.C='1.0'", AllOf((Compare(F1, ">", 0.9), Compare(C, "=", "1.0")))),
        ("status = 'FAILED'", Compare(STATUS, "=", "failed")),
        ("attributes.status != 'running'", Compare(STATUS, "!=", "running")),
        ("run_id = 'Ab'", Compare(Field("attributes", "id"), "=", "Ab")),
        ("min(metrics.`val/f1`) < 1", Compare(Field("metrics", "val/f1", "min"), "<", 1)),
        ("best ( metrics.a ) < 1", Compare(Field("metrics", "a", "best"), "<", 1)),
        ("tags.`a b` is not null", Exists(Field("tags", "a b"))),
        ("tags.x IS NULL", Exists(Field("tags", "x"), negated=True)),
        ("status in ('failed', 'Killed')", Among(STATUS, ("failed", "killed"))),
        ("params.C not in (1, 2.5,)", Among(C, (1, 2.5), negated=True)),
        ("name like 'a%' or name ilike 'B_'", AnyOf((Compare(NAME, "like", "a%"), Compare(NAME, "ilike", "B_")))),
        ("name not contains 'x'", Negation(Compare(NAME, "contains", "x"))),
        ("not (params.C = 1 and status = 'failed')", Negation(AllOf((ONE, Compare(STATUS, "=", "failed"))))),
        ("params.C = 1 or params.C = 1 and name = 'a'", AnyOf((ONE, AllOf((ONE, Compare(NAME, "=", "a")))))),
        ("params.`it``s` = 'it''s'", Compare(Field("params", "it`s"), "=", "it's")),
        ("params.학습률 = true", Compare(Field("params", "학습률"), "=", True)),
        ("created_at >= '1970-01-02'", Compare(Field("attributes", "created_at"), ">=", 86_400_000_000)),
        ("start_time < '1970-01-01T09:00:00+09:00'", Compare(Field("attributes", "started_at"), "<", 0)),
        ("duration > '1.5m'", Compare(Field("attributes", "duration"), ">", 90_000_000)),
        ("metrics.a < -inf", Compare(Field("metrics", "a"), "<", -math.inf)),
        ("params.n = 12345678901234567890123", Compare(Field("params", "n"), "=", 12345678901234567890123)),
        ("metrics.min > 1", Compare(Field("metrics", "min"), ">", 1)),
        ("params.and = 1", Compare(Field("params", "and"), "=", 1)),
    ],
)  # fmt: skip
def test_meaning(text: str, meant: Condition) -> None:
    """Each text means this condition."""
    assert parse_filter(text) == meant


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("metrics.acc >", 14, "a number or a text"),
        ("metrics.acc > high", 15, "a number or a text"),
        ("acc > 1", 1, "metrics.acc"),
        ("metrics. > 1", 9, "a name was expected"),
        ("metrics.`a > 1", 9, "never closed"),
        ("metrics.a > 1 metrics.b > 2", 15, "nothing was expected"),
        ("(metrics.a > 1", 15, "')' was expected"),
        ("metrics.a ~ 1", 11, "was expected"),
        ("max(params.a) > 1", 1, "takes a metric"),
        ("max(min(metrics.a)) > 1", 1, "takes a metric"),
        ("created_at > 'yesterday'", 14, "no date"),
        ("duration > 'long'", 12, "no duration"),
        ("status in ('failed', 'finishd')", 22, "no status"),
        ("params.a like 1", 15, "quotation marks"),
        ("and", 1, "a field was expected"),
        ("params.a = 1x", 12, "a number or a text"),
        ("params.`` = 1", 8, "empty"),
        ("params.a is 1", 13, "null"),
        ("파라미터.a = 1", 1, "no attribute"),
    ],
)  # fmt: skip
def test_wrong_text(text: str, place: int, says: str) -> None:
    """A wrong filter is refused with the place and a caret below it."""
    with pytest.raises(InvalidInput) as caught:
        parse_filter(text)
    assert f"at character {place}:" in caught.value.message
    assert says in str(caught.value)
    assert caught.value.message.splitlines()[-1].strip() == "^"


@pytest.mark.parametrize(
    ("read", "text", "what", "says"),
    [
        (parse_filter, "metrics.a > 1 sideways", "filter", "`and` or `or`"),
        (parse_order, "metrics.a sideways", "order", "`asc` or `desc`"),
        (parse_field, "metrics.a desc", "column", "commas"),
        (parse_field, "a", "column", "metrics.a"),
    ],
)
def test_wrong_text_says_what_it_is(read: Callable[[str], object], text: str, what: str, says: str) -> None:
    """A filter, an order and a column are each called so, with the next step that fits them."""
    with pytest.raises(InvalidInput, match=f"^The {what} is wrong") as caught:
        read(text)
    assert says in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "not " * 4000 + "true",
        "(" * 5000 + "true" + ")" * 5000,
        " or ".join(["params.a=1"] * 1000),
        f"params.a in ({','.join(['1'] * 5000)})",
        "params.a = " + "9" * 10_000,
        "params.a = '" + "x" * 30_000 + "'",
    ],
)
def test_hostile_size(text: str) -> None:
    """Deep, long and huge texts are refused or read at once, never with a stack overflow."""
    with contextlib.suppress(InvalidInput):
        parse_filter(text)


@given(st.text(max_size=60))
@example("metrics.a>1e")
@example("'")
@example("params.\x00=1")
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in any other way than by saying so."""
    for read in (parse_filter, parse_order, parse_field):
        with contextlib.suppress(InvalidInput):
            read(text)


_keys = st.text(min_size=1, max_size=20) | st.sampled_from(["val/f1", "a.b", "and", "a b", "`", "loss"])
_scoped = st.builds(Field, st.sampled_from(["params", "tags", "metrics"]), _keys)
_fields: st.SearchStrategy[Field] = (
    _scoped
    | st.builds(Field, st.just("metrics"), _keys, st.sampled_from(["last", "min", "max", "best", "mean"]))
    | st.builds(Field, st.just("attributes"), st.sampled_from(sorted(ATTRIBUTES - CONVERTED)))
)
_values = st.text(max_size=20) | st.integers() | st.floats(allow_nan=False) | st.booleans()
_simple: st.SearchStrategy[Condition] = (
    st.builds(Compare, _fields, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), _values)
    | st.builds(Compare, _fields, st.sampled_from(["like", "ilike", "contains"]), st.text(max_size=20))
    | st.builds(Among, _fields, st.lists(st.text(max_size=9) | st.integers(), max_size=4).map(tuple), st.booleans())
    | st.builds(Exists, _fields, st.booleans())
    | st.just(AllOf(()))
    | st.just(AnyOf(()))
)


def _joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Any]:
    several = st.lists(parts, min_size=2, max_size=4).map(tuple)
    return st.builds(AllOf, several) | st.builds(AnyOf, several) | st.builds(Negation, parts)


@given(st.recursive(_simple, _joined, max_leaves=12))
def test_print_then_parse(condition: Condition) -> None:
    """What is printed reads back as the same condition."""
    assert parse_filter(print_filter(condition)) == condition


@given(st.builds(Order, _fields, st.booleans()))
def test_print_then_parse_order(order: Order) -> None:
    """A printed sort key reads back as the same."""
    assert parse_order(print_order(order)) == order
