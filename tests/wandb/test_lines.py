"""Many lines of history at once are what each of them is alone; long histories are thinned without being held."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from madang.domain.columns import spread
from madang.domain.commands import Points
from madang.domain.line_streams import Line, compare
from madang.domain.metrics import MetricSummary
from madang.domain.steps import Spread, SpreadSteps
from madang.errors import InvalidInput
from madang.formats.rows import Rows
from madang.formats.wandb.lines import columns_of_lines
from madang.formats.wandb.values import read_object, row_of_line
from madang.services.thinning import thinned

_values = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(1 << 70), 1 << 70), st.booleans(),
    st.text(max_size=3),
    st.just({"_type": "histogram", "values": [1], "bins": [0, 1]}), st.just([1, 2]), st.none(), st.just({"deep": 1}),
    st.just({}),
)  # fmt: skip
_keys = st.sampled_from(["a", "b", "c.d", "", "_runtime", "é"])
_times = st.one_of(st.floats(1, 2e9), st.integers(1, 1 << 31), st.just(-1), st.just(1e300), st.just("x"))
_rows = st.dictionaries(_keys, _values, max_size=4).flatmap(
    lambda row: st.fixed_dictionaries({}, optional={"_step": st.integers(0, 9), "_timestamp": _times}).map(
        lambda place: row | place
    )
)
_odd = st.sampled_from(["", "{", "[]", "1", '{"_step": NaN}', '{"a": 1}\n{"a": 2}', '{"a": 1, "a": 2, "_step": 3}'])


def _alone(lines: list[str]) -> list[tuple[Any, ...]]:
    made = []
    for number, line in enumerate(lines):
        try:
            values, step, at = row_of_line(read_object(line), number, 7)
        except InvalidInput:
            continue
        if values:
            made.append((step, at, values))
    return sorted(made, key=repr)


@given(
    lines=st.lists(st.one_of(_rows.map(json.dumps), _odd), max_size=6), numbered=st.booleans(), ends_odd=st.booleans()
)
def test_rows_of_lines(lines: list[str], *, numbered: bool, ends_odd: bool) -> None:
    """Whatever stands in the lines, each is read in columns as it is alone, or not in columns at all."""
    if numbered:
        usual = {"_timestamp": 1.5, "a": 1.0, "_runtime": 2}
        lines = [json.dumps({"_step": place, **usual, "b" if place % 3 else "a": place}) for place in range(9)] + (
            ["{"] if ends_odd else []
        )
    found = columns_of_lines(lines)
    assert found is not None or not numbered or ends_odd
    if found is not None:
        rows = [(row.step, row.time, row.values) for row in spread(found) if isinstance(row, Points)]
        assert sorted(rows, key=repr) == _alone(lines)


@given(st.lists(st.text(max_size=2), min_size=1, max_size=5), st.integers(0, 3), st.integers(0, 3))
def test_lines_of_which_none_is_held(texts: list[str], count: int, gap: int) -> None:
    """They have the numbers and texts that they came with, and are all known the next time."""
    first = compare(texts, count + gap, count, {})
    assert list(first.fresh) == [Line(count + gap + place, text, False) for place, text in enumerate(texts)]
    assert first.fresh[-1:] == [first.fresh[len(texts) - 1]]
    assert first.missing == gap
    assert not compare(texts, count + gap, count + gap + len(texts), first.blocks).fresh


@given(st.lists(st.lists(st.integers(-50, 200), max_size=30), max_size=8), st.integers(1, 12))
def test_steps_are_spread_over_all(parts: list[list[int]], most: int) -> None:
    """No more than are wanted, of those that came, with the first and the last; all where they are few."""
    made = SpreadSteps(most)
    for part in parts:
        made.add(part)
    whole = sorted(step for part in parts for step in part)
    found = made.chosen()
    assert found <= set(whole)
    assert len(found) <= most
    assert made.total == len(whole)
    if whole:
        assert max(whole) in found
        assert most == 1 or min(whole) in found
        assert found == set(whole) or len(whole) > most


def test_what_is_kept_of_a_long_history_is_bounded() -> None:
    """Very many steps lie in a bounded number of stretches, and what is chosen is spread evenly over them."""
    made = SpreadSteps(11)
    for start in range(0, 300_000, 1000):
        made.add(range(start, start + 1000))
    assert len(made._stretches) <= 2 << 16
    gaps = [later - step for step, later in zip(sorted(made.chosen()), sorted(made.chosen())[1:], strict=False)]
    assert len(gaps) == 10
    assert max(gaps) - min(gaps) < 100


def test_rows_of_some_keys_are_found_where_each_was_logged_by_itself() -> None:
    """A few rows that have all of the keys do not hide the many steps at which the keys have a row each."""

    def rows(names: str, first: int, stop: int) -> tuple[str, Rows]:
        steps = list(range(first, stop))
        return "s", Rows(tuple(names), "q" * len(names), steps, steps, steps, [steps for _ in names])

    parts = [rows("ab", 0, 10), rows("a", 10, 1000), rows("b", 10, 1000)]
    metrics = {key: MetricSummary(1000, 999, (999, 999, "s", 999)) for key in "ab"}
    found = thinned(lambda keys, steps: iter(parts), metrics, Spread("ab", 50, "ab"))
    for item in found.values():
        assert 50 <= len(item.steps) <= 100
        assert (item.steps[0], item.steps[-1]) == (0, 999)
