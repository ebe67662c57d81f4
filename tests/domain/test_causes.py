"""How a change of a metric is divided among its causes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.causes import PARTS, UNKNOWN, Change, Part, is_seed, literals_explain
from madang.domain.command_lines import mixed, options
from madang.domain.shares import Measured, Mix, Shares, named, share

_effects = st.dictionaries(st.sampled_from(PARTS), st.integers(-50, 50), min_size=1, max_size=4)


@given(_effects, st.integers(-5, 5))
def test_effects_that_add_up_are_the_shares(effects: dict[Part, int], start: int) -> None:
    """Where parts do not touch each other, each one's share is its own effect, and few variants are run."""
    ran: list[Mix] = []

    def measure(mix: Mix) -> Measured:
        ran.append(mix)
        return Measured((start + sum(effects[part] for part in mix),))

    whole = sum(effects.values())
    found = share(list(effects), measure)
    if whole == 0:
        assert named(found) == UNKNOWN
        return
    assert found.shares == pytest.approx({part: effect / whole for part, effect in effects.items()})
    assert len(ran) <= 2 + len(effects)


@given(st.lists(st.integers(-20, 20), min_size=8, max_size=8).filter(lambda values: values[0] != values[7]))
def test_shares_add_up_whatever_the_parts_do_together(values: list[int]) -> None:
    """However parts work on each other, their shares are the whole change together."""
    parts: list[Part] = ["code", "data", "params"]

    def measure(mix: Mix) -> Measured:
        return Measured((values[sum(1 << place for place, part in enumerate(parts) if part in mix)],))

    assert sum(share(parts, measure).shares.values()) == pytest.approx(1)


def test_a_change_within_the_spread_has_no_cause() -> None:
    """What repeated runs differ by explains nothing, and a failing end or variant is said."""
    found = share(["code"], lambda mix: Measured((0.94 + 0.1 * len(mix), 1.06 + 0.1 * len(mix))))
    assert (named(found), bool(found.unknown)) == (UNKNOWN, True)
    assert "fails" in share(["code"], lambda mix: None).unknown
    both: dict[Mix, Measured] = {frozenset(): Measured((0.0,)), frozenset(("code", "data")): Measured((1.0,))}
    assert named(share(["code", "data"], both.get)) == UNKNOWN


def test_parts_with_a_decisive_share_are_named() -> None:
    """One decisive part stands alone, several are listed by their share, a large spread names none."""
    assert named(Shares({"code": 0.95, "data": 0.05})) == "code"
    assert named(Shares({"code": 0.3, "data": 0.7})) == ["data", "code"]
    assert named(Shares({"code": 1.0}, {"code": 1.2})) == UNKNOWN


def test_seeds_and_options() -> None:
    """Seeds are known by their names, options by their two ways of writing."""
    assert all(map(is_seed, ("seed", "random_state", "model.seed", "--np-seed", "PYTHONHASHSEED", "RANDOM_SEED")))
    assert not any(map(is_seed, ("seeds_per_plant", "linseed", "lr", "reseed_every")))
    assert options(["a.py", "--lr", "0.1", "-v", "--x=1", "--t", "-3"]) == options(
        ["a.py", "--lr=0.1", "-v", "--x", "1", "--t=-3"]
    )
    assert options(["a.py", "-m", "model.lr=0.1", "+train.seed=2", "a=b=c", "/x=1"]) == {
        "argument 0": "a.py", "-m": "true", "model.lr": "0.1", "+train.seed": "2", "a": "b=c", "argument 1": "/x=1",
    }  # fmt: skip
    assert is_seed("+train.seed")


def test_literals() -> None:
    """Two texts that differ in nothing but the values of parameters are explained by them, others are not."""
    changes = [Change("lr", 0.1, 0.3), Change("name", "a", "b")]
    assert literals_explain("lr = 0.1; n = 'a'", "lr = 0.3; n = 'b'", changes)
    assert not literals_explain("lr = 0.1; m = 10.1", "lr = 0.3; m = 10.3", changes)
    assert not literals_explain("lr = 0.1", "lr = 0.3 * 2", changes)
