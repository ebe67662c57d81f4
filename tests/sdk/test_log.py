"""What log() keeps: every value that people pass, exactly, at the step that they said."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import madang
from madang.domain import events
from madang.testing.programs import Place

VALUES = st.one_of(
    st.floats(), st.integers(), st.booleans(), st.text(max_size=20), st.none(),
    st.integers(-(2**62), 2**62).map(np.int64), st.floats(width=32).map(np.float32), st.booleans().map(np.bool_),
)  # fmt: skip
METRICS = st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda key: "/" not in key), VALUES, max_size=5)


def same(left: Any, right: Any) -> bool:
    """Equal, NaN included, and of one kind: True is not 1."""
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool) and type(left) is type(right)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.tuples(METRICS, st.none() | st.integers(-(2**63), 2**62)), max_size=8))
def test_whatever_is_logged_is_read_back(place: Place, calls: list[tuple[dict[str, Any], int | None]]) -> None:
    """Numbers, booleans, texts and NumPy scalars come back equal and of the same kind, at their steps."""
    run = madang.init(project="p")
    expected: list[tuple[str, int, Any]] = []
    last = -1
    for metrics, step in calls:
        run.log(metrics, step)
        last = last + 1 if step is None else step
        expected += [
            (key, last, value.item() if isinstance(value, np.generic) else value) for key, value in metrics.items()
        ]
    run.finish()
    found = place.points(run.id)
    assert len(found) == len(expected)
    for (key, step, value), (key_found, step_found, value_found) in zip(expected, found, strict=True):
        assert (key, step) == (key_found, step_found)
        assert same(value, value_found), (value, value_found)


def test_nested_mappings_and_odd_keys_are_flattened(place: Place) -> None:
    """Nested keys are joined with a slash; keys that are no texts become texts."""
    with madang.init() as run:
        odd: dict[Any, Any] = {"train": {"loss": 1.0, "acc": {"top1": 2}}, 3: 4, (1, 2): 5, None: 6}
        run.log(odd)
    assert place.points() == [
        ("train/loss", 0, 1.0), ("train/acc/top1", 0, 2), ("3", 0, 4), ("(1, 2)", 0, 5), ("None", 0, 6)
    ]  # fmt: skip


def test_numbers_beyond_floats_stay_exact(place: Place) -> None:
    """Integers beyond 2^53 and 2^63, infinities and NaN are kept."""
    with madang.init() as run:
        for _ in range(2):  # the second call takes the quick path
            run.log({"a": 2**53 + 1, "b": -(2**63), "c": 2**63, "d": 10**400, "e": float("-inf"), "f": float("nan")})
    values = {key: value for key, _, value in place.points()}
    assert {key: values[key] for key in "abcde"} == {
        "a": 2**53 + 1, "b": -(2**63), "c": 2**63, "d": 10**400, "e": float("-inf")
    }  # fmt: skip
    assert math.isnan(values["f"])


def test_steps_may_go_back_and_count_on(place: Place) -> None:
    """Explicit steps are kept as they are; without one it is the last plus one."""
    with madang.init() as run:
        for step in (None, None, 10, None, 3, None, np.int64(7), 8.0):
            run.log({"x": 1.0}, step=step)  # type: ignore[arg-type]
    assert [step for _, step, _ in place.points()] == [0, 1, 10, 11, 3, 4, 7, 8]


@pytest.mark.parametrize("value", [[1, 2], (1,), {1, 2}, np.zeros(3), np.zeros((2, 2))])
def test_a_list_or_array_is_refused_by_name(place: Place, value: Any) -> None:
    """What is not one value is refused by its name, with what to use instead; nothing of the call is kept."""
    with madang.init() as run:
        with pytest.raises(madang.InvalidInput, match=r"'bad/key'.*log_histogram"):
            run.log({"good": 1, "bad": {"key": value}})
        run.log({"good": 2})
    assert place.points() == [("good", 0, 2)]


@pytest.mark.parametrize("step", [1.5, "3", 2**63, [1]])
def test_a_step_that_is_no_integer_is_refused(place: Place, step: Any) -> None:
    """A wrong step names itself, and the run goes on."""
    with madang.init() as run:
        with pytest.raises(madang.InvalidInput, match="not a 64-bit integer"):
            run.log({"x": 1}, step=step)
        run.log({"x": 2}, step=0)
    assert place.points() == [("x", 0, 2)]


@pytest.mark.parametrize("call", ["log", "config", "summary", "metadata"])
@pytest.mark.parametrize("kind", ["without end", "huge"])
def test_what_nothing_can_hold_is_refused(place: Place, call: str, kind: str) -> None:
    """A value that holds itself, or an integer that Python cannot turn into text, is refused, and the run goes on."""
    value: Any = 10**5000
    if kind == "without end":
        value = {}
        value["again"] = value
    with madang.init() as run:
        calls: dict[str, Callable[[dict[str, Any]], object]] = {
            "log": run.log, "config": run.config.update, "summary": run.summary.update,
            "metadata": lambda given: run.log_artifact(__file__, "a", "file", metadata=given),
        }  # fmt: skip
        with pytest.raises(madang.InvalidInput):
            calls[call]({"a": value})
        run.log({"b": 1})
    assert place.status() == "finished"


def test_log_takes_a_mapping(place: Place) -> None:
    """Anything but a mapping is refused."""
    with madang.init() as run, pytest.raises(madang.InvalidInput, match="takes a mapping"):
        run.log(3)  # type: ignore[arg-type]


def test_single_element_arrays_are_numbers(place: Place) -> None:
    """0-d and one-element arrays, and numbers of other libraries, are taken as their value."""
    from decimal import Decimal
    from fractions import Fraction

    with madang.init() as run:
        run.log(
            {"a": np.array(1.5), "b": np.array([2]), "c": Decimal("0.25"), "d": Fraction(1, 2), "e": np.float16(0.5)}
        )
    assert {key: value for key, _, value in place.points()} == {"a": 1.5, "b": 2, "c": 0.25, "d": 0.5, "e": 0.5}


def test_names_may_be_long_and_odd(place: Place) -> None:
    """Names of 10,000 characters, emoji, blanks, line ends, lone surrogates and both Korean forms are kept apart."""
    names = ["긴" * 10_000, "🔥/loss 손실", "a\nb", "\ud800", "각", unicodedata.normalize("NFD", "각"), "$f", ""]
    with madang.init() as run:
        run.log(dict.fromkeys(names, 1.0))
    found = [key for key, _, _ in place.points()]
    assert found[:3] == names[:3]
    assert found[4:] == names[4:]


def test_a_million_keys_in_one_call(place: Place) -> None:
    """A million metric names are accepted at once, and in calls of one each."""
    with madang.init() as run:
        run.log({f"layer/{number}/weight": float(number) for number in range(1_000_000)}, step=5)
        for number in range(5000):
            run.log({f"single/{number}": number}, step=6)
    found = place.points()
    assert len(found) == 1_005_000
    assert {step for _, step, _ in found} == {5, 6}
    assert found[999_999] == ("layer/999999/weight", 5, 999_999.0)


def test_after_the_end_nothing_is_swallowed(place: Place) -> None:
    """A call after finish() is refused and says how to go on."""
    run = madang.init()
    run.finish()
    run.finish()
    with pytest.raises(madang.Conflict, match=r"has finished.*resume='must'"):
        run.log({"x": 1})
    with pytest.raises(madang.Conflict, match="has finished"):
        run.set_tags(["late"])


@pytest.mark.parametrize("step", ["x", 1.5, None, 1 << 63], ids=str)
def test_rewinding_to_nowhere_writes_nothing(place: Place, step: Any) -> None:
    """A step that is none is refused before it is in the journal."""
    with madang.init() as run:
        run.log({"a": 1})
        with pytest.raises(madang.InvalidInput):
            run.rewind(step)
        with pytest.raises(madang.InvalidInput):
            run.describe(name=5)  # type: ignore[arg-type]
    assert not place.events(events.Rewound)
    assert not place.events(events.Described)


def test_a_value_that_is_no_real_number_is_kept_as_text(place: Place) -> None:
    """A complex tensor's float() raises RuntimeError: the value is kept as text."""

    class Complex:
        def item(self) -> complex:
            return 1 + 2j

        def __float__(self) -> float:
            raise RuntimeError("value cannot be converted to type double without overflow")

        def __str__(self) -> str:
            return "tensor(1.+2.j)"

    with madang.init() as run:
        run.log({"z": Complex()})
    assert place.points() == [("z", 0, "tensor(1.+2.j)")]
