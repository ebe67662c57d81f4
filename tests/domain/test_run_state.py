"""The state of a run from its events, in whichever order, and where it stands."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain import events
from madang.domain.events import Stamp
from madang.domain.run_state import RunState, apply, outcome
from madang.domain.runs import Overrides, RunChange, record

RUN = "4" * 32


def header(segment: str, writer: str, time: int, rank: int = 0) -> tuple[Stamp, events.Event]:
    return Stamp(time, segment, 0), events.Header(RUN, segment, "p", writer, host="h", user="u", rank=rank)


def finished(segment: str, time: int, status: str, of: str = "") -> tuple[Stamp, events.Event]:
    return Stamp(time, segment, time), events.Finished(status, of=of)


def state_of(pairs: list[tuple[Stamp, events.Event]]) -> RunState:
    state = RunState(RUN)
    for stamp, event in pairs:
        apply(state, stamp, event)
    return state


CASES: list[tuple[str, list[tuple[Stamp, events.Event]], str, int]] = [
    ("no writer can be read", [], "crashed", 0),
    ("a process that runs", [header("a", "process", 1)], "running", 0),
    ("a process that ended", [header("a", "process", 1), finished("a", 5, "finished")], "finished", 5),
    (
        "resumed: open again",
        [header("a", "process", 1), finished("a", 5, "failed"), header("b", "resume", 9)],
        "running",
        0,
    ),
    (
        "resumed and ended well",
        [
            header("a", "process", 1),
            finished("a", 5, "failed"),
            header("b", "resume", 9),
            finished("b", 12, "finished"),
        ],
        "finished",
        12,
    ),
    (
        "one of two ranks",
        [header("a", "rank", 1), header("b", "rank", 1, 1), finished("a", 5, "finished")],
        "running",
        0,
    ),
    (
        "the worst of two ranks",
        [header("a", "rank", 1), header("b", "rank", 1, 1), finished("a", 5, "finished"), finished("b", 7, "killed")],
        "killed",
        7,
    ),
    (
        "the follower's word",
        [header("a", "process", 1), header("f", "follower", 2), finished("f", 9, "crashed", "a")],
        "crashed",
        9,
    ),
    (
        "its own word wins over the follower's",
        [
            header("a", "process", 1),
            header("f", "follower", 2),
            finished("f", 9, "crashed", "a"),
            finished("a", 5, "finished"),
        ],
        "finished",
        5,
    ),
    (
        "a signal's word wins over the follower's",
        [
            header("a", "process", 1),
            header("f", "follower", 2),
            header("s", "signal", 3),
            finished("f", 9, "crashed", "a"),
            finished("s", 8, "killed", "a"),
        ],
        "killed",
        8,
    ),
    (
        "the launcher still runs",
        [header("l", "launcher", 1), header("a", "process", 2), finished("a", 5, "finished")],
        "running",
        0,
    ),
    (
        "the launcher saw it fail",
        [
            header("l", "launcher", 1),
            header("a", "process", 2),
            finished("a", 5, "finished"),
            finished("l", 6, "failed"),
        ],
        "failed",
        6,
    ),
    (
        "resumed after its launcher ended",
        [
            header("l", "launcher", 1),
            header("a", "process", 2),
            finished("l", 6, "failed"),
            header("b", "resume", 9),
            finished("b", 11, "finished"),
        ],
        "finished",
        11,
    ),
    ("an edge alone decides", [header("e", "edge", 1), finished("e", 4, "failed")], "failed", 4),
    (
        "an edge beside a process does not",
        [header("a", "process", 1), finished("a", 5, "finished"), header("e", "edge", 9)],
        "finished",
        5,
    ),
    (
        "a forked child does not",
        [header("a", "process", 1), finished("a", 5, "finished"), header("c", "fork", 6)],
        "finished",
        5,
    ),
    ("an unknown status is not one", [header("a", "process", 1), finished("a", 5, "odd")], "running", 0),
]


@pytest.mark.parametrize(("case", "pairs", "status", "ended"), CASES, ids=[case[0] for case in CASES])
def test_where_a_run_stands(case: str, pairs: list[tuple[Stamp, events.Event]], status: str, ended: int) -> None:
    """The outcome is that of the rules, in every order in which the events may arrive."""
    for order in itertools.permutations(pairs):
        found = outcome(state_of(list(order)))
        assert (found.status, found.ended_at) == (status, ended)


stamps = st.builds(Stamp, st.integers(0, 4), st.sampled_from("abc"), st.integers(0, 5))
some: st.SearchStrategy[events.Event] = st.one_of(
    st.builds(
        events.Header,
        st.just(RUN),
        st.sampled_from("abc"),
        st.just("p"),
        st.sampled_from(["process", "rank", "follower"]),
    ),
    st.builds(lambda v: events.Config({"k": v}), st.integers(0, 3)),
    st.builds(lambda v: events.Tags({"k": v}), st.sampled_from(["", "x"])),
    st.builds(lambda w: events.Removed(w, ["k"]), st.sampled_from(["config", "tags", "summary", "odd"])),
    st.builds(events.Described, st.sampled_from([None, "n", "m"]), st.sampled_from([None, "notes"])),
    st.builds(events.Started, st.sampled_from(["", "n"])),
    st.builds(lambda p: events.Opened([p], []), st.sampled_from("pq")),
    st.builds(lambda p: events.Opened([], [p]), st.sampled_from("pq")),
    st.builds(lambda m: events.Imports([("a.py", m)]), st.integers(0, 3)),
    st.builds(events.Rewound, st.integers(0, 3)),
    st.builds(events.Alert, st.sampled_from("ab")),
    st.builds(lambda d: events.File("f", d, 1), st.sampled_from("ab")),
    st.builds(events.Finished, st.sampled_from(["finished", "failed"]), of=st.sampled_from(["", "a", "b"])),
    st.builds(events.ForkedFrom, st.just(RUN), st.integers(0, 3)),
)


@given(st.lists(st.tuples(stamps, some), max_size=10, unique_by=lambda pair: pair[0]), st.data())
def test_order_does_not_matter(pairs: list[tuple[Stamp, Any]], data: st.DataObject) -> None:
    """Events applied in any order, a segment's header first, end in the same state; applied twice, too."""
    heads = {pair[0].segment: pair for pair in pairs if isinstance(pair[1], events.Header)}
    rest = [(stamp, event) for stamp, event in pairs if not isinstance(event, events.Header)]
    first = [(stamp, event) for stamp, event in heads.values()]
    one = state_of([*first, *rest])
    two = state_of([*data.draw(st.permutations(first)), *data.draw(st.permutations(rest))])
    assert record(one, Overrides()) == record(two, Overrides())
    assert one == two


def test_changes_lie_over_the_state() -> None:
    """A change from outside wins over what the run says, before and after; taking a tag away is remembered."""
    state = state_of([header("a", "process", 1), (Stamp(2, "a", 1), events.Tags({"x": "1", "y": "2"}))])
    overrides = Overrides()
    overrides.fold(RunChange(name="새", tags={"z": "3"}, tags_removed=("x",)), 5)
    apply(state, Stamp(9, "a", 2), events.Tags({"x": "again"}))
    apply(state, Stamp(9, "a", 3), events.Described(name="old"))
    made = record(state, overrides)
    assert (made.name, made.tags, made.revision) == ("새", {"y": "2", "z": "3"}, 1)
    overrides.fold(RunChange(tags={"x": "back"}, deleted=True), 6)
    made = record(state, overrides)
    assert (made.tags["x"], made.deleted_at, made.revision) == ("back", 6, 2)
