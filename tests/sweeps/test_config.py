"""Configurations of sweeps: W&B's distributions, nesting, conditions, grids, bands; and what is wrong with others."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madang.domain.sweeping.config import parse_config
from madang.domain.sweeping.distributions import beta_quantile, beta_share
from madang.domain.sweeping.halton import halton
from madang.domain.sweeping.importance import importances
from madang.domain.sweeping.parameters import parse_parameters
from madang.domain.sweeping.search_space import Grid
from madang.domain.sweeping.sweeps import Sweep, drawn
from madang.errors import InvalidInput
from madang.formats import sweeps as texts


def drawn_values(body: dict[str, Any], count: int = 2000) -> list[Any]:
    """Values of one parameter, drawn at random."""
    space = parse_parameters({"x": body})
    generator = random.Random(0)
    return [space.flat(space.point(lambda item: item.at(generator.random())))["x"] for _ in range(count)]


@pytest.mark.parametrize(
    ("body", "least", "most", "middle"),
    [
        ({"min": 0.0, "max": 2.0}, 0, 2, 1),
        ({"min": 1, "max": 9}, 1, 9, 5),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}, 0, 1, 0.5),
        ({"distribution": "log_uniform", "min": -2, "max": 2}, math.exp(-2), math.exp(2), 1),
        ({"distribution": "log_uniform_values", "min": 0.01, "max": 100}, 0.01, 100, 1),
        ({"distribution": "q_log_uniform", "min": 0, "max": 4, "q": 1}, 1, 55, 7),
        ({"distribution": "q_log_uniform_values", "min": 8, "max": 512, "q": 8}, 8, 512, 64),
        ({"distribution": "inv_log_uniform", "min": 0, "max": 4}, math.exp(-4), 1, math.exp(-2)),
        ({"distribution": "inv_log_uniform_values", "min": 1e-4, "max": "1e-2"}, 1e-4, 1e-2, 1e-3),
        ({"distribution": "normal", "mu": 5, "sigma": 2}, -6, 16, 5),
        ({"distribution": "q_normal", "mu": 5, "sigma": 2, "q": 0.5}, -6, 16, 5),
        ({"distribution": "log_normal", "mu": 1, "sigma": 0.5}, 0.1, 30, math.e),
        ({"distribution": "q_log_normal", "mu": 1, "sigma": 0.5, "q": 0.1}, 0.1, 30, 2.7),
        ({"distribution": "beta", "a": 2, "b": 2}, 0, 1, 0.5),
        ({"distribution": "q_beta", "a": 2, "b": 2, "q": 0.1}, 0, 1, 0.5),
    ],
)
def test_every_distribution(body: dict[str, Any], least: float, most: float, middle: float) -> None:
    """Values lie within the bounds, half of them below the median; those with a step are multiples of it."""
    found = drawn_values(body)
    assert least * (1 - 1e-9) <= min(found)
    assert max(found) <= most * (1 + 1e-9)
    assert 0.35 < sum(value < middle for value in found) / len(found) < 0.56
    if "q" in body:
        assert all(abs(value / body["q"] - round(value / body["q"])) < 1e-9 for value in found)
    space = parse_parameters({"x": body})
    for value in found[:50]:
        point = space.point_of({"x": value})
        if point is not None:  # else it was rounded beyond the bounds of the distribution
            assert space.flat(point)["x"] == pytest.approx(value)
    if isinstance(body.get("q"), int) or body == {"min": 1, "max": 9}:
        assert {type(value) for value in found} == {int}


@pytest.mark.parametrize(
    "body",
    [
        {"min": -1.7e308, "max": 1.7e308},
        {"distribution": "q_uniform", "min": 0, "max": 1e300, "q": 1e-300},
        {"distribution": "q_normal", "sigma": 1e300, "q": 1e-300},
        {"distribution": "q_log_normal", "mu": 5000, "q": 1e-300},
        {"distribution": "q_log_uniform_values", "min": 1e-300, "max": 1e300, "q": 1e-300},
        {"distribution": "q_log_uniform", "min": -600, "max": 600, "q": 1e-200},
        {"distribution": "q_beta", "q": 5e-324},
    ],
)
def test_extreme_distributions(body: dict[str, Any]) -> None:
    """Bounds and steps that floats hardly hold give values all the same, finite ones."""
    assert all(math.isfinite(value) for value in drawn_values(body, 200))


def test_categories() -> None:
    """A constant is itself; weights decide how often a value comes, and a weight of 0 never."""
    assert set(map(str, drawn_values({"value": None}, 5))) == {"None"}
    weighted = {"values": ["a", {"k": [1]}, True], "probabilities": [0.7, 0.3, 0.0]}
    counts = Counter(str(value) for value in drawn_values(weighted))
    assert set(counts) == {"a", "{'k': [1]}"}
    assert 0.65 < counts["a"] / 2000 < 0.75


@given(st.floats(0.001, 0.999), st.floats(0.3, 30), st.floats(0.3, 30))
@settings(max_examples=60, deadline=None)
def test_beta_quantiles_invert_the_share(u: float, a: float, b: float) -> None:
    """The share of a beta variable below its quantile is the probability that was asked for."""
    assert beta_share(beta_quantile(u, a, b), a, b) == pytest.approx(u, abs=1e-6)


def test_nested_parameters() -> None:
    """Groups become nested mappings; flat names join the keys by dots."""
    space = parse_parameters(
        {"optimizer": {"parameters": {"lr": {"value": 0.1}, "kind": {"value": "sgd"}}}, "n": {"value": 1}}
    )
    point = space.point(lambda item: item.at(0.5))
    assert space.parameters(point) == {"optimizer": {"lr": 0.1, "kind": "sgd"}, "n": 1}
    assert space.flat(point) == {"optimizer.lr": 0.1, "optimizer.kind": "sgd", "n": 1}


CONDITIONAL = {
    "momentum": {"values": [0.5, 0.9], "when": {"optimizer": ["sgd"]}},
    "optimizer": {"values": ["sgd", "adam", "lion"]},
    "adam": {"when": {"optimizer": "adam"}, "parameters": {"beta": {"values": [1, 2, 3]}}},
}


def test_conditions_of_a_grid() -> None:
    """A parameter whose condition does not hold is not there, and no point comes twice because of it."""
    grid = Grid(parse_parameters(CONDITIONAL))
    found, place = [], -1
    while (following := grid.after(place)) is not None:
        place, point = following
        found.append(parse_parameters(CONDITIONAL).flat(point))
    expected: list[dict[str, Any]] = [{"optimizer": "sgd", "momentum": m} for m in (0.5, 0.9)]
    expected += [{"optimizer": "adam", "adam.beta": beta} for beta in (1, 2, 3)] + [{"optimizer": "lion"}]
    assert {frozenset(point.items()) for point in found} == {frozenset(point.items()) for point in expected}
    assert len(found) == 6
    assert grid.size == 6


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_a_grid_has_each_point_once(sizes: list[int]) -> None:
    """As many points as the product of its values, all different."""
    space = parse_parameters({f"p{at}": {"values": list(range(size))} for at, size in enumerate(sizes)})
    grid, place, seen = Grid(space), -1, set()
    while (following := grid.after(place)) is not None:
        place, point = following
        seen.add(tuple(point.items()))
    assert len(seen) == grid.size == math.prod(sizes)


def test_points_depend_on_their_number_alone() -> None:
    """Point n of a random or quasi-random search is the same whoever draws it, and others are other ones."""
    for method in ("random", "qmc"):
        config = parse_config(
            {"method": method, "parameters": {"x": {"min": 0.0, "max": 1.0}, "c": {"values": [1, 2]}}}
        )
        sweep = Sweep("s", "p", {})
        assert drawn(sweep, config, 7) == drawn(sweep, config, 7)
        assert len({drawn(sweep, config, number)["x"] for number in range(1, 51)}) == 50


def test_halton_points_are_even() -> None:
    """Of 64 points each eighth of every coordinate has seven to nine."""
    points = [halton(number, 6, "seed") for number in range(1, 65)]
    for axis in range(2):
        counts = Counter(int(point[axis] * 8) for point in points)
        assert set(counts) == set(range(8))
        assert min(counts.values()) >= 6
    assert all(0 <= coordinate < 1 for point in points for coordinate in point)


def test_importance_names_what_matters() -> None:
    """The parameter behind the metric has nearly all of it, noise nearly none, a constant is left out."""
    generator = random.Random(1)
    rows = [
        ({"x": (x := generator.random()), "noise": generator.random(), "c": generator.choice("ab"), "k": 1}, -x)
        for _ in range(100)
    ]
    found = {item.name: item for item in importances(["x", "noise", "c", "k"], rows)}
    assert found["x"].importance > 0.8
    assert found["x"].correlation == pytest.approx(-1)
    assert max(found["noise"].importance, found["c"].importance) < 0.15
    assert (found["c"].correlation, "k" in found) == (None, False)
    assert importances(["x"], rows[:9]) == []


def test_bands() -> None:
    """As W&B counts them: upwards from min_iter, or downwards from max_iter."""
    base = {"method": "random", "metric": {"name": "l"}, "parameters": {"x": {"value": 1}}}
    upward = parse_config({**base, "early_terminate": {"type": "hyperband", "min_iter": 3}}).early
    downward = parse_config({**base, "early_terminate": {"type": "hyperband", "max_iter": 27, "s": 2}}).early
    assert upward is not None
    assert downward is not None
    assert (upward.bands[:4], downward.bands) == ((3, 9, 27, 81), (3, 9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("method: grid", "no `parameters`"),
        ("[1]", "not a mapping"),
        ("method: magic", "method 'magic' is unknown"),
        ("method: [grid]", "unknown"),
        ("{method: grid, parameters: {x: 3}}", "'x' is 3, not a mapping"),
        ("{method: grid, parameters: {x: {}}}", "neither `value`, `values`"),
        ("{method: grid, parameters: {x: {values: []}}}", "not a list with something"),
        ("{method: grid, parameters: {x: {min: 0.0, max: 1.0}}}", "no values that a grid could go through"),
        ("{method: grid, parameters: {x: {min: 0, max: 1.0e+300, q: 1.0e-300}}}", "no values that a grid could go"),
        ("{method: random, parameters: {x: {min: 3, max: 1}}}", "above its `max`"),
        ("{method: random, parameters: {x: {min: a, max: 1}}}", "`min` of the parameter 'x' is 'a'"),
        ("{method: random, parameters: {x: {min: .nan, max: 1}}}", "finite number"),
        ("{method: random, parameters: {x: {mean: 1}}}", "unknown keys: mean"),
        ("{method: random, parameters: {x: {distribution: zipf}}}", "unknown distribution 'zipf'"),
        ("{method: random, parameters: {x: {distribution: log_uniform_values, min: 0, max: 1}}}", "begins above 0"),
        ("{method: random, parameters: {x: {distribution: log_uniform, min: 1, max: 1000}}}", "exponents of e"),
        ("{method: random, parameters: {x: {values: [1, 2], probabilities: [0.5, 0.6]}}}", "add up to 1"),
        ("{method: random, parameters: {x: {value: 1, when: {y: 1}}}}", "names 'y', which is no parameter"),
        ("{method: random, parameters: {x: {value: 1, when: {y: 1}}, y: {value: 1, when: {x: 1}}}}", "in a circle"),
        ("{method: random, parameters: {a.b: {value: 1}, a: {parameters: {b: {value: 2}}}}}", "'a.b' is there twice"),
        ("{method: bayes, parameters: {x: {value: 1}}}", "needs a metric"),
        ("{method: random, metric: {goal: up, name: l}, parameters: {x: {value: 1}}}", "neither minimize"),
        ("{method: random, run_cap: 0, parameters: {x: {value: 1}}}", "`run_cap` is 0"),
        ("{method: random, command: python, parameters: {x: {value: 1}}}", "`command` is not a list"),
        (
            "{method: random, metric: {name: l}, early_terminate: {type: median}, parameters: {x: {value: 1}}}",
            "unknown type 'median'",
        ),
        (
            "{method: random, metric: {name: l}, early_terminate: {type: hyperband}, parameters: {x: {value: 1}}}",
            "needs `min_iter`",
        ),
        ("a: [&x [*x]]", "is not valid YAML|nested too deeply|aliases"),
    ],
)
def test_what_makes_no_sense_is_told(text: str, said: str) -> None:
    """A wrong configuration is refused with the place and the reason."""
    with pytest.raises(InvalidInput, match=said):
        parse_config(texts.read(text))


def test_unknown_keys_are_warned_of() -> None:
    """They are no error: a client of tomorrow may send more."""
    config = parse_config({"method": "grid", "parameters": {"x": {"value": 1}}, "colour": "red"})
    assert config.warnings == ("The key 'colour' is not known here.",)
