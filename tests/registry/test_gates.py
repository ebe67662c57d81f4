"""Gates: which versions fulfil them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.gates import (
    Bound,
    Repetition,
    Reproduced,
    judge_bound,
    judge_reproduced,
    number_of,
    parse_gate,
)
from madang.domain.promotion import Rule, parse_rules
from madang.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("val/f1 >= 0.9", Bound("val/f1", ">=", 0.9)),
        ("  val/f1>=current+0.01 ", Bound("val/f1", ">=", 0.01, 1.0)),
        ("`val f1` > production - 1e-3", Bound("val f1", ">", -1e-3, 1.0)),
        ("손실 <= current * 0.98", Bound("손실", "<=", 0.0, 0.98)),
        ("reproduced", Reproduced("WITHIN TOLERANCE")),
        ("Reproduced identical signed", Reproduced("IDENTICAL", True)),
        (
            "reproduced within tolerance signed by sha256:0123abcd",
            Reproduced("WITHIN TOLERANCE", True, "sha256:0123abcd"),
        ),
    ],
)
def test_gates_are_read(text: str, gate: object) -> None:
    """Each form means what it says."""
    assert parse_gate(text) == gate


@pytest.mark.parametrize(
    "text", ["", "f1", "f1 >= ", "f1 == 1", "f1 >= nan", "f1 >= 1e999", ">= 1", "f1 >= current / 2"]
)
def test_what_is_no_gate_is_refused(text: str) -> None:
    """A gate that makes no sense is refused with an example."""
    with pytest.raises(InvalidInput):
        parse_gate(text)


@given(st.floats(allow_nan=True), st.floats(allow_nan=True), st.sampled_from([">=", ">", "<=", "<"]))
def test_nan_never_passes(own: float, current: float, op: str) -> None:
    """A NaN on either side of a comparison with the present version fails, whatever is asked for."""
    gate = Bound("m", op, 0.0, 1.0)
    found = judge_bound(gate, "m", number_of(own), number_of(current), is_first=False)
    if math.isnan(own) or math.isnan(current):
        assert not found.passed
    else:
        assert found.passed == {">=": own >= current, ">": own > current, "<=": own <= current, "<": own < current}[op]


def test_the_first_has_nothing_to_beat() -> None:
    """A margin over the present version is no hurdle while there is none; having no number is."""
    gate = Bound("m", ">=", 0.1, 1.0)
    assert judge_bound(gate, "m", 0.0, None, is_first=True).passed
    assert not judge_bound(gate, "m", None, None, is_first=True).passed


def test_signatures_count_only_where_they_are_asked_for() -> None:
    """A verdict without a signature, or of an unknown key, fulfils no gate that asks for a trusted one."""
    known = [Repetition("1" * 32, "IDENTICAL", "sha256:aa", ""), Repetition("2" * 32, "DIFFERS (metric)")]
    assert judge_reproduced(Reproduced("WITHIN TOLERANCE"), "", known).passed
    assert not judge_reproduced(Reproduced("IDENTICAL", True), "", known).passed
    assert judge_reproduced(Reproduced("IDENTICAL", True, "sha256:aa"), "", known).passed
    assert not judge_reproduced(Reproduced("IDENTICAL", True, "sha256:bb"), "", known).passed
    assert not judge_reproduced(Reproduced("IDENTICAL"), "", known[1:]).passed
    assert not judge_reproduced(Reproduced("IDENTICAL"), "", []).passed


@given(st.floats(), st.none() | st.floats(), st.sampled_from(["max", "min"]))
def test_the_best_is_strictly_better(own: float, current: float | None, mode: str) -> None:
    """Ties keep the present version, NaN never wins, and any number beats none."""
    rule = parse_rules({"metric": "m", "mode": mode}, "test")[0]
    present = number_of(current)
    is_better = rule.is_better(number_of(own), present)
    if math.isnan(own):
        assert not is_better
    elif present is None:
        assert is_better
    else:
        assert is_better == (own > present if mode == "max" else own < present)


@pytest.mark.parametrize(
    "found",
    [
        {}, {"metric": ""}, {"metric": "m", "mode": "best"}, {"metric": "m", "losers": "burn"}, {"metric": "m", "x": 1},
        {"metric": "m", "alias": "latest"}, {"metric": "m", "require": ["?"]}, "text", 5,
    ],
)  # fmt: skip
def test_rules_that_make_no_sense_are_refused(found: object) -> None:
    """The message says which file is meant."""
    with pytest.raises(InvalidInput):
        parse_rules(found, "madang.yaml")


def test_losers() -> None:
    """They stay, go at once, or go after a while."""
    assert Rule("m").expiry(5) == 0
    assert 0 < Rule("m", losers="drop").expiry(5) < 5
    assert Rule("m", losers="expire after 7d").expiry(5) == 5 + 7 * 86_400_000_000
