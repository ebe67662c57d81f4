"""Metric summaries do not depend on the order or grouping of points."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from madang.domain.events import DefineMetric
from madang.domain.metrics import MetricSummary, definition_of, exact_sum, single

floats = st.one_of(st.floats(-1e300, 1e300), st.sampled_from([math.inf, -math.inf, math.nan, 5e-324, -0.0, 0.1, 1e16]))
values = st.one_of(floats, st.integers(-(2**80), 2**80), st.booleans(), st.text(max_size=3), st.none())
points = st.lists(st.tuples(st.integers(-5, 5), values), max_size=20)


def places(data: list[tuple[int, Any]]) -> list[tuple[Any, tuple[int, int, str, int]]]:
    return [(value, (step, 0, "s", index)) for index, (step, value) in enumerate(data)]


def view(summary: MetricSummary) -> tuple[Any, ...]:
    last = "nan" if isinstance(summary.last, float) and math.isnan(summary.last) else summary.last
    total = repr(summary.total), summary.rest, repr(summary.mean)
    return summary.count, last, type(last), summary.last_at, summary.min, summary.max, summary.numbers, total


@given(points, st.randoms(use_true_random=False), st.integers(0, 20))
def test_order_and_grouping_do_not_matter(data: list[tuple[int, Any]], random: Any, cut: int) -> None:
    """Any order of points, merged in any two groups, gives the same summary."""
    straight = MetricSummary()
    for value, at in places(data):
        straight.add(value, at)
    shuffled = places(data)
    random.shuffle(shuffled)
    parts = (MetricSummary(), MetricSummary())
    for index, (value, at) in enumerate(shuffled):
        parts[index < cut].merge(single(value, at))
    parts[0].merge(parts[1])
    assert view(parts[0]) == view(straight)


@given(st.lists(st.lists(st.floats(-1e300, 1e300), max_size=20)))
def test_sums_are_exact(groups: list[list[float]]) -> None:
    """The mean is that of the real numbers, rounded; the state says what was rounded away, to the last bit."""
    total, rest = 0.0, tuple[float, ...]()
    for group in groups:
        one, lost = exact_sum(group)
        total, rest = exact_sum((total, *rest, one, *lost))
    everything = [value for group in groups for value in group]
    assert sum(map(Fraction, (total, *rest))) == sum(map(Fraction, everything))
    assert total == math.fsum(everything)


def test_a_sum_beyond_the_floats_is_infinite() -> None:
    """It has a sign, and is no error; infinities of both signs have no sum."""
    assert exact_sum([1.7e308, 1.7e308]) == (math.inf, ())
    assert exact_sum([-1.7e308, -1.7e308]) == (-math.inf, ())
    assert exact_sum([1.7e308, 1.7e308, -math.inf]) == (-math.inf, ())
    assert exact_sum([10**400, 1]) == (math.inf, ())
    assert math.isnan(exact_sum([math.inf, 1.0, -math.inf])[0])


@given(points)
def test_extremes_pass_over_nan(data: list[tuple[int, Any]]) -> None:
    """Minimum and maximum are those of the numbers; NaN and text are counted and passed over."""
    summary = MetricSummary()
    for value, at in places(data):
        summary.add(value, at)
    numbers = [value for _, value in data if isinstance(value, int | float) and not math.isnan(value)]
    assert summary.count == len(data)
    assert summary.min == (min(numbers) if numbers else None)
    assert summary.max == (max(numbers) if numbers else None)
    assert summary.best("min") == summary.min
    assert summary.best("") is None


def test_the_last_value_is_the_one_of_the_greatest_step() -> None:
    """A step that goes back does not become the last value; of equal steps the later point counts."""
    summary = MetricSummary()
    for sequence, (step, value) in enumerate([(1, "a"), (3, "b"), (2, "c"), (3, "d")]):
        summary.add(value, (step, 0, "s", sequence))
    assert summary.last == "d"


def test_the_longest_pattern_defines() -> None:
    """A metric's own definition wins, then the longest pattern that fits it."""
    definitions = {item.key: item for item in (DefineMetric("*", goal="max"), DefineMetric("val/*", goal="min"))}
    assert definition_of("val/loss", definitions).goal == "min"
    assert definition_of("acc", definitions).goal == "max"
    assert definition_of("x", {}).goal == ""
