"""Rows in columns: gathered and spread, they are the same points, and the last one at a place stays the last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from madang.domain import events
from madang.domain.columns import are_new, gathered, keys_of, spread
from madang.domain.commands import Columns, Fact, Points

_rows = st.builds(
    Points,
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), min_size=1),
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(0, 3)),
)
_facts = st.lists(st.one_of(_rows, st.just(events.Heartbeat())), max_size=12)


def points(facts: list[Fact]) -> dict[tuple[str, int, int | None], list[int]]:
    """The values at each place, in order."""
    found: dict[tuple[str, int, int | None], list[int]] = {}
    for fact in spread(facts):
        if isinstance(fact, Points):
            for key, value in fact.values.items():
                found.setdefault((key, fact.step, fact.time), []).append(value)
    return found


@given(_facts)
def test_gathered_rows_are_the_same_points(facts: list[Fact]) -> None:
    """No point is lost, doubled or moved behind another one at its place; other facts stay between what they divide."""
    made = gathered(facts)
    assert points(made) == points(facts)
    assert keys_of(made) == keys_of(facts)
    others = [place for place, fact in enumerate(facts) if isinstance(fact, events.Heartbeat)]
    assert len(others) == sum(isinstance(fact, events.Heartbeat) for fact in made)
    if others:
        assert points(gathered(facts[: others[0]])) == points(made[: made.index(events.Heartbeat())])


def test_a_loop_becomes_one_table() -> None:
    """Rows of two sets of keys that take turns become one table each."""
    facts: list[Fact] = [Points({"a": step} if step % 3 else {"b": step, "c": 1}, step, step) for step in range(9)]
    made = gathered(facts)
    assert [len(fact.steps) for fact in made if isinstance(fact, Columns)] == [3, 6]
    assert len(made) == 2


@given(_facts, st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(0, 3), st.integers(0, 3000))))
def test_what_is_new_is_behind_all_that_is_known(facts: list[Fact], ends: dict[str, tuple[int, int]]) -> None:
    """Points that are called new stand behind the end of their key, each at a place of its own; so do their columns."""
    is_new = are_new(facts, ends)
    places = [(fact.step, fact.time or 0, key) for fact in facts if isinstance(fact, Points) for key in fact.values]
    behind = all((step, at // 1000) > (ends[key][0], ends[key][1] // 1000) for step, at, key in places if key in ends)
    if is_new:
        assert behind
        assert len(places) == len(set(places))
    assert are_new(gathered(facts), ends) == is_new
