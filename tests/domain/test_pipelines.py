"""A reproduction as it is told from the runs of its group."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.events import Code, Pipeline, PlannedStage, StageFound
from madang.domain.files import FileRef
from madang.domain.pipelines import OUTS_TAG, STAGE_TAG, outs_text, stage_outs, view
from madang.domain.runs import RunRecord

MINUTE = 60_000_000


def _run(name: str, at: int, status: str = "finished", news: Pipeline | None = None) -> RunRecord:
    ended = 0 if status == "running" else at + 5
    return RunRecord(
        name, "p", name, status, created_at=at, ended_at=ended, seen_at=at + 5, tags={STAGE_TAG: name}, pipeline=news,
        code=Code("c" * 40, "main"),
    )  # fmt: skip


PLAN = [PlannedStage(name, needs=needs) for name, needs in (("a", []), ("b", ["a"]), ("c", ["b"]), ("d", ["b"]))]


def test_states_come_from_runs_and_from_what_was_found() -> None:
    """A stage with a run has its state and times; one without, what was found; the runs' order does not matter."""
    runs = [
        _run("b", 10, news=Pipeline(PLAN, [StageFound("a", "unchanged", 9)])),
        _run("c", 20, "failed", Pipeline(ended_at=30, found=[StageFound("d", "skipped", 29)])),
    ]
    for order in itertools.permutations(runs):
        found = view("g", order, 31)
        assert [(stage.name, stage.status, stage.run) for stage in found.stages] == [
            ("a", "unchanged", ""), ("b", "ran", "b"), ("c", "failed", "c"), ("d", "skipped", ""),
        ]  # fmt: skip
        assert (found.status, found.began, found.ended, found.branch) == ("failed", 10, 30, "main")
        assert found.counts == {"unchanged": 1, "ran": 1, "failed": 1, "skipped": 1}


@pytest.mark.parametrize(("after", "status", "ended"), [(MINUTE // 2, "running", 0), (2 * MINUTE, "killed", 15)])
def test_silence_is_an_end(after: int, status: str, ended: int) -> None:
    """Between two stages a reproduction goes on; one that was killed is over when it has been silent for a minute."""
    found = view("g", [_run("a", 10, news=Pipeline(PLAN))], 15 + after)
    assert (found.status, found.ended) == (status, ended)
    assert {stage.status for stage in found.stages[1:]} == {"waiting" if status == "running" else "not reached"}


def test_a_running_stage_keeps_it_open() -> None:
    """However long a stage says nothing, its reproduction is not over while it runs."""
    found = view("g", [_run("a", 10, "running", Pipeline(PLAN))], 100 * MINUTE)
    assert (found.status, found.stages[0].status, found.stages[1].status) == ("running", "running", "waiting")


def test_executions_without_a_plan() -> None:
    """Runs of stages that nobody planned are boxes of their own; the newest execution of a stage counts."""
    found = view("g", [_run("a", 10, "failed"), _run("a", 20), _run("x", 30)], 100 * MINUTE)
    assert [(stage.name, stage.status, stage.began) for stage in found.stages] == [("a", "ran", 20), ("x", "ran", 30)]


@given(st.lists(st.builds(FileRef, st.text(), st.text(), st.integers())))
def test_outputs_come_back(made: list[FileRef]) -> None:
    """What a run notes of its outputs is read as it was."""
    assert stage_outs(RunRecord("r", "p", "r", "finished", tags={OUTS_TAG: outs_text(made)})) == made


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "1", "[1]", "null", '["path"]', '[{"path": "a"}]', "[" * 100_000,
        '[{"path": "a", "digest": "b", "size": 1e999}]', f'[{{"size": {"9" * 5000}}}]',
    ],
)  # fmt: skip
def test_any_text_in_the_place_of_outputs(text: str) -> None:
    """Anyone may set the tag: what is no list of outputs is none."""
    assert stage_outs(RunRecord("r", "p", "r", "finished", tags={OUTS_TAG: text})) == []
