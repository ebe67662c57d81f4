"""Thinning for charts keeps every spike."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from madang.domain.series import Series, common_kind, sample


def made(values: list[Any], kind: Any = "float") -> Series:
    return Series("k", kind, list(range(len(values))), [10 * n for n in range(len(values))], values, len(values))


@given(st.lists(st.floats(), max_size=400), st.integers(1, 120))
def test_extremes_and_ends_stay(values: list[float], samples: int) -> None:
    """A sample is a part of the series in its order, not much longer than asked, with both ends and both extremes."""
    thin = sample(made(values), samples)
    assert thin.total == len(values)
    assert all(repr(value) == repr(values[step]) for step, value in zip(thin.steps, thin.values, strict=True))
    assert thin.steps == sorted(set(thin.steps))
    assert thin.times == [10 * step for step in thin.steps]
    if len(values) <= samples:
        assert not thin.sampled
        assert thin.steps == list(range(len(values)))
        return
    assert len(thin.values) <= samples * 5 / 4 + 5
    assert thin.steps[-1] == len(values) - 1
    if samples >= 5:
        assert thin.steps[0] == 0
        numbers = [value for value in values if not math.isnan(value)]
        if numbers:
            assert {min(numbers), max(numbers)} <= set(thin.values)
        assert any(map(math.isnan, values)) == any(map(math.isnan, thin.values))


@given(st.lists(st.floats(-1, 1), min_size=200, max_size=400), st.data())
def test_no_spike_is_lost(values: list[float], data: st.DataObject) -> None:
    """A single spike anywhere, up or down, is in the sample."""
    place = data.draw(st.integers(0, len(values) - 1))
    values[place] = data.draw(st.sampled_from([5.0, -5.0, math.inf, -math.inf]))
    assert values[place] in sample(made(values), 40).values


def test_texts_are_thinned_evenly() -> None:
    """What is not a number is thinned to exactly the number asked, ends kept; integers of any size work."""
    thin = sample(made([str(n) for n in range(100)], "text"), 10)
    assert (len(thin.values), thin.values[0], thin.values[-1]) == (10, "0", "99")
    assert 2**90 in sample(made([1] * 50 + [2**90] + [1] * 50, "int"), 10).values


def test_kinds_join() -> None:
    """Ints among floats are floats; anything else together is mixed."""
    assert common_kind({"int"}) == "int"
    assert common_kind({"int", "float"}) == "float"
    assert common_kind({"int", "text"}) == common_kind({"bool", "float"}) == "mixed"
