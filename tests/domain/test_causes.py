"""How a change of a metric is divided among its causes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.causes import PARTS, UNKNOWN, Change, Part, is_seed, left_behind, literals_explain
from madang.domain.command_lines import mixed, options
from madang.domain.compare import compare
from madang.domain.events import Code
from madang.domain.files import FileRef
from madang.domain.programs import changed_seeds, runs_the_same
from madang.domain.runs import RunRecord
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


_NOT = float("nan")


def _mix(names: str) -> Mix:
    return frozenset(part for part in PARTS if part in names.split())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"": [1.0], "code": [1.0], "data": [_NOT], "code data": [_NOT]}, "data"),
        ({"": [_NOT], "code": [1.0], "data": [_NOT], "code data": [2.0]}, "code"),
        ({"": [_NOT], "code": [_NOT], "data": [_NOT], "code data": [_NOT]}, UNKNOWN),
        ({"": [1.0], "code": [_NOT], "data": [2.0], "code data": [3.0]}, UNKNOWN),
        ({"": [1.0], "code": [float("inf")], "data": [1.0], "code data": [float("inf")]}, "code"),
        ({"": [0.0, 1.0], "code": [0.4, 1.6], "data": [0.2, 0.9], "code data": [0.9, 1.9]}, UNKNOWN),
        ({"": [0.0, 0.1] * 3, "code": [9.0, 9.1] * 3, "data": [0.1, 0.0] * 3, "code data": [9.1, 9.0] * 3}, "code"),
    ],
)
def test_chance_and_what_is_no_number(values: dict[str, list[float]], expected: str) -> None:
    """What chance may have done has no cause; turning into no number, or back, has one."""
    found = {_mix(key): Measured(tuple(item)) for key, item in values.items()}
    assert named(share(["code", "data"], lambda mix: found[mix])) == expected


def test_chance_alone_is_seldom_a_cause() -> None:
    """Where repeated runs differ and no part matters, a part is named but once in a hundred times."""
    random = Random(1)

    def measure(mix: Mix) -> Measured:
        return Measured(tuple(random.gauss(0, 1) for _ in range(6)))

    assert sum(named(share(["code", "data"], measure)) != UNKNOWN for _ in range(2000)) <= 20


def test_parts_that_run_together() -> None:
    """Parts that fail without each other are one; it is said when they matter, and no hindrance when they do not."""
    sums: dict[Mix, float] = {
        _mix(key): value
        for key, value in {"": 0, "params": 5, "code data": 0, "code data params": 5}.items()
    }  # fmt: skip
    parts: list[Part] = ["code", "data", "params"]

    def measure(mix: Mix) -> Measured | None:
        return Measured((sums[mix],)) if mix in sums else None

    assert named(share(parts, measure)) == "params"
    sums[frozenset(parts)] = sums[frozenset(("code", "data"))] = 7
    sums[frozenset(("params",))] = 0
    assert (named(share(parts, measure)), share(parts, measure).unknown) == (
        UNKNOWN,
        "code and data fail without each other",
    )


@pytest.mark.parametrize(
    ("old", "new", "made"),
    [
        (["a", "--lr", "1", "--seed", "1"], ["a", "--lr", "2", "--seed", "2"], ["a", "--lr", "1", "--seed", "2"]),
        (["a", "--lr", "1"], ["a", "--lr", "2", "--seed=2", "-v"], ["a", "--lr", "1", "--seed=2"]),
        (["a", "--seed", "1", "--lr", "1"], ["a", "--lr", "2"], ["a", "--lr", "1"]),
        (["a", "seed=1", "lr=1"], ["a", "seed=2", "lr=2"], ["a", "seed=2", "lr=1"]),
        (
            ["/bin/bash", "--norc", "-c", "a --seed 1"],
            ["/bin/bash", "--norc", "-c", "a --seed 2 -v"],
            ["/bin/bash", "--norc", "-c", "a --seed 2"],
        ),
        (["sh", "-c", "a --lr 1 --seed 1"], ["sh", "-c", "a --lr 2 --seed 2"], ["sh", "-c", "a --lr 1 --seed 2"]),
    ],
)
def test_command_lines_of_two_runs(old: list[str], new: list[str], made: list[str]) -> None:
    """A command line can have the seed of one run and the rest of the other, also where one has none."""
    assert mixed(old, new, is_seed) == made
    assert mixed(old, new, lambda name: False) == old
    assert mixed(old, new, lambda name: True) == new


@pytest.mark.parametrize(
    ("old", "new", "path", "same", "seeds"),
    [
        ("x = 1  # a", "# b\nx = (1)", "a.py", True, []),
        ('def f():\n    """A."""', 'def f():\n    """B."""', "a.py", True, []),
        ("x = 1", "x = 2", "a.py", False, []),
        ("random.seed(1); y = 2", "random.seed(3); y = 2", "a.py", False, ["seed()"]),
        ("SEED = 1; f(random_state=1)", "SEED = 2; f(random_state=3)", "a.py", False, ["SEED", "random_state"]),
        ("SEED = 1; y = 2", "SEED = 2; y = 3", "a.py", False, []),
        ("#!/bin/sh\n# a\nls", "#!/bin/sh\nls\n", "a.sh", True, []),
        ("cat <<E\n# a\nE", "cat <<E\nE", "a.sh", False, []),
        ("x = (", "x = [", "a.py", False, []),
    ],
)
def test_programs(old: str, new: str, path: str, same: bool, seeds: list[str]) -> None:
    """Comments and layout change nothing that runs; seeds that stand in a program are told from the rest."""
    assert runs_the_same(old, new, path) == same
    assert sorted(changed_seeds(old, new)) == sorted(seeds)


def test_what_an_earlier_run_has_left_is_no_code() -> None:
    """A file that runs write and none reads is not compared as code, whichever of them found it there."""
    names = ("metrics.json", "notes.py", "read.json")
    code = Code("c", untracked=[FileRef(name, name, 1) for name in names])
    runs = [
        RunRecord("a", "p", code=Code("c"), opened={"read.json": "w"}),
        RunRecord("b", "p", code=code, opened={"read.json": "r"}),
    ]
    assert left_behind(runs) == {"metrics.json"}
    keys = [row.key for row in compare(runs, without=left_behind(runs)).code]
    assert keys == ["untracked notes.py", "untracked read.json"]
