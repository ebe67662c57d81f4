"""A hub: segments by upload, exactly once whatever is sent twice, cut, mixed up or forged."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.conftest import ME, RUN, Place, event, make_segment

from madang.domain.access import Permission, Principal
from madang.domain.commands import CreateRun, Log, Rewind
from madang.domain.query import RunQuery
from madang.domain.runs import RunChange
from madang.errors import AccessDenied, Conflict, Diverged, InvalidInput, MadangError, NotFound
from madang.formats import segment as codec
from madang.formats.journal import Position, read_frames

A, B = "a" * 32, "b" * 32
ZERO = bytes(16).hex()
READER = Principal("읽는 이", projects={"p": Permission.READ})
WRITER = Principal("쓰는 이", projects={"p": Permission.WRITE})
OTHER = Principal("남", projects={"q": Permission.ADMIN})


def whole(folder: Path, run: str = RUN) -> bytes:
    """A finished segment of some size."""
    rows: list[Any] = [(step, {"x": step / 3, "y": step}) for step in range(1500)]
    rows.insert(700, event(codec.CONSOLE, n=1, text="줄"))
    ends = event(codec.FINISHED, status="finished")
    return make_segment(folder, [event(codec.STARTED, name="n"), *rows, ends], run=run)


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    """A finished segment of some size."""
    return whole(tmp_path)


def chain_at(data: bytes, stop: int) -> tuple[int, str]:
    """The last whole frame's end at or before ``stop``, and the chain there."""
    position = Position()
    read_frames(data[:stop], position)
    return position.offset, position.chain.hex()


_numbers = count(1)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 80_000), st.integers(1, 40_000)), max_size=8))
def test_any_retries_end_the_same(hub: Place, tmp_path: Path, sends: list[tuple[int, int]]) -> None:
    """Pieces sent twice, overlapping and cut anywhere: those that fit are taken once, the rest refused without harm."""
    run = f"{next(_numbers):032x}"
    data = whole(tmp_path, run)
    for start, length in sends:
        offset, chain = chain_at(data, start)
        refused: Conflict | None = None
        try:
            hub.tracking.append(ME, "p", run, A, offset, chain, data[offset : offset + length])
        except Conflict as error:
            refused = error
        assert not isinstance(refused, Diverged)
    position = hub.tracking.segment(ME, run, A)
    while position.offset < len(data):
        piece = data[position.offset : position.offset + 50_000]
        position = hub.tracking.append(ME, "p", run, A, position.offset, position.chain, piece)
    assert (position.chain, position.sealed) == (chain_at(data, len(data))[1], True)
    assert hub.search.history(ME, [run], ["x"])[run]["x"].values == [step / 3 for step in range(1500)]
    record = hub.search.run(ME, run)
    assert (record.status, record.metrics["x"].count, record.damage) == ("finished", 1500, [])
    stored = hub.records.runs.get(run)
    assert stored is not None
    (row,) = hub.records.segments.of_run(stored.number)
    assert hub.records.segments.pieces(row.number, 0) == data  # the bytes themselves are kept, compressed


def test_another_history_is_refused_with_both_hashes(hub: Place, data: bytes, tmp_path: Path) -> None:
    """A segment of the same id with other content is not mixed in, at the end or in an overlap."""
    stop, chain = chain_at(data, 20_000)
    hub.tracking.append(ME, "p", RUN, A, 0, ZERO, data[:stop])
    other = make_segment(tmp_path, [event(codec.STARTED, name="다른"), *((step, {"z": 1.0}) for step in range(900))])
    other_stop, other_chain = chain_at(other, 20_000)
    for offset, claimed, sent in (
        (0, ZERO, other),
        (stop, "1" * 32, data[stop:]),
        (stop, other_chain, other[other_stop:]),
    ):
        with pytest.raises(Diverged) as caught:
            hub.tracking.append(ME, "p", RUN, A, offset, claimed, sent)
        assert chain in str(caught.value)
    assert hub.tracking.segment(ME, RUN, A).offset == stop


def test_what_is_no_segment_is_refused(hub: Place, data: bytes, tmp_path: Path) -> None:
    """Noise, a flipped bit, no header, another run's segment, a bad chain or id: a clear error, nothing stored."""
    flipped = bytearray(data)
    flipped[5000] ^= 1
    stop, chain = chain_at(data, 5000)
    hub.tracking.append(ME, "p", RUN, B, 0, ZERO, make_segment(tmp_path, [], segment=B))
    for sent in (b"\0" * 100, bytes(flipped), make_segment(tmp_path, [], run="7" * 32), data[stop:]):
        with pytest.raises(InvalidInput):
            hub.tracking.append(ME, "p", RUN, A, 0, ZERO, sent)
    for run, segment, claimed in (("../x", A, ZERO), (RUN, "A" * 32, ZERO), (RUN, A, "xyz")):
        with pytest.raises(InvalidInput):
            hub.tracking.append(ME, "p", run, segment, 0, claimed, data)
    with pytest.raises(Conflict, match="Begin at byte 0"):
        hub.tracking.append(ME, "p", RUN, A, stop, chain, data[stop:])
    assert hub.tracking.segment(ME, RUN, A).offset == 0
    assert hub.tracking.append(ME, "p", RUN, A, 0, ZERO, data[:10]).offset == 0


def test_a_run_stays_in_its_project(hub: Place, tmp_path: Path) -> None:
    """A segment that began before it and names another project is refused, by whoever may write both."""
    run = "9" * 32
    hub.tracking.append(ME, "q", run, A, 0, ZERO, make_segment(tmp_path, [], run=run, header={"project": "q"}))
    earlier = make_segment(tmp_path, [], run=run, segment=B, began=1)
    with pytest.raises(Conflict, match=f"Run {run} belongs to project 'q', not 'p'"):
        hub.tracking.append(ME, "p", run, B, 0, ZERO, earlier)
    assert hub.search.run(ME, run).project == "q"


def test_strangers_learn_and_change_nothing(hub: Place, data: bytes, tmp_path: Path) -> None:
    """Without the level in the run's project every call is refused, and a run there does not exist for a stranger."""
    hub.tracking.append(WRITER, "p", RUN, A, 0, ZERO, data)
    before = hub.search.run(ME, RUN)
    mine = make_segment(tmp_path, [], segment=B, header={"project": "q"})
    calls: list[tuple[type[MadangError], Any]] = [
        (NotFound, lambda: hub.search.run(OTHER, RUN)),
        (NotFound, lambda: hub.search.run(OTHER, "n")),
        (NotFound, lambda: hub.search.history(OTHER, [RUN], None)),
        (NotFound, lambda: hub.search.console(OTHER, RUN)),
        (NotFound, lambda: hub.search.new_points(OTHER, RUN)),
        (NotFound, lambda: hub.search.metric_keys(OTHER, "p")),
        (NotFound, lambda: hub.search.runs(OTHER, RunQuery(("p",)))),
        (NotFound, lambda: hub.search.changed(OTHER, 0, "p")),
        (NotFound, lambda: hub.tracking.segment_bytes(OTHER, RUN, A, 0, 9)),
        (NotFound, lambda: hub.tracking.change(OTHER, RUN, RunChange(name="x"))),
        (NotFound, lambda: hub.tracking.log(OTHER, RUN, Log({"x": 1}))),
        (NotFound, lambda: hub.tracking.append(OTHER, "p", RUN, B, 0, ZERO, mine)),
        (Conflict, lambda: hub.tracking.append(OTHER, "q", RUN, B, 0, ZERO, mine)),
        (Conflict, lambda: hub.tracking.create(OTHER, "q", CreateRun(id=RUN))),
        (AccessDenied, lambda: hub.tracking.change(READER, RUN, RunChange(name="x"))),
        (AccessDenied, lambda: hub.tracking.append(READER, "p", RUN, A, 0, ZERO, data)),
        (AccessDenied, lambda: hub.tracking.create(READER, "p", CreateRun())),
    ]
    for number, (kind, call) in enumerate(calls):
        with pytest.raises(kind):
            call()
        assert hub.search.run(ME, RUN) == before, number
    assert hub.tracking.segment(OTHER, RUN, A) == hub.tracking.segment(OTHER, "c" * 32, A)
    assert hub.search.runs(OTHER, RunQuery()).total == 0
    assert hub.search.projects(OTHER) == []
    assert hub.search.changed(OTHER, 0).runs == []
    assert [item.name for item in hub.search.projects(READER)] == ["p"]


def test_a_credential_for_one_run(hub: Place) -> None:
    """A token that a run was given writes to that run and its children, and to no other."""
    mine = hub.tracking.create(WRITER, "p", CreateRun(id="1" * 32))
    child = hub.tracking.create(WRITER, "p", CreateRun(id="2" * 32, parent=mine.id))
    other = hub.tracking.create(WRITER, "p", CreateRun(id="3" * 32))
    limited = Principal("실행", projects={"p": Permission.WRITE}, run=mine.id)
    hub.tracking.log(limited, mine.id, Log({"x": 1}))
    hub.tracking.log(limited, child.id, Log({"x": 1}))
    with pytest.raises(AccessDenied):
        hub.tracking.log(limited, other.id, Log({"x": 1}))


@pytest.fixture(params=[True, False], ids=["workspace", "hub"])
def either(request: pytest.FixtureRequest, hub: Place, at: Place) -> Any:
    """A hub, and a workspace: runs from outside work on both."""
    return at if request.param else hub


def test_a_run_from_outside(either: Place) -> None:
    """Create, log, rewind and finish without any process of ours; then it is closed for more."""
    made = either.tracking.create(ME, "p", CreateRun(name="밖", config={"a": 1, "big": 2**80}, tags={"t": ""}))
    assert (made.status, made.user, made.config["big"]) == ("running", ME.name, 2**80)
    for step in range(3):
        either.tracking.log(
            ME, made.id, Log({"x": step / 2, "t": "글", "m": {"media": "image"}}, console=[f"줄 {step}"])
        )
    either.tracking.log(ME, made.id, Log({"x": 9.5}, step=10, summary={"best": 3}, config={"a": 2}))
    either.tracking.log(ME, made.id, Rewind(10))
    series = either.search.history(ME, [made.id], None)[made.id]
    assert (series["x"].steps, series["x"].values) == ([0, 1, 2], [0.0, 0.5, 1.0])
    assert [line.text for line in either.search.console(ME, made.id).lines] == ["줄 0", "줄 1", "줄 2"]
    ended = either.tracking.log(ME, made.id, Log(finish="failed", error="까닭"))
    assert (ended.status, ended.config["a"]) == ("failed", 2)
    assert ended.error is not None
    found = either.search.run(ME, made.id)
    assert (found.status, found.summary, found.metrics["x"].max) == ("failed", {"best": 3}, 1.0)
    for command in (Log({"x": 1}), Log(finish="finished")):
        with pytest.raises(Conflict):
            either.tracking.log(ME, made.id, command)
    with pytest.raises(Conflict):
        either.tracking.create(ME, "p", CreateRun(id=made.id))
    with pytest.raises(NotFound):
        either.tracking.log(ME, "e" * 32, Log({"x": 1}))
    for bad in (Log({"": 1}), Log({"x": 1}, step=2**64), Log(finish="running"), Log({"k" * 200_000: 1})):
        other = either.tracking.create(ME, "p", CreateRun())
        with pytest.raises(InvalidInput):
            either.tracking.log(ME, other.id, bad)


def test_changes_compare_and_swap(hub: Place) -> None:
    """A change made on an old revision is refused; each change counts one up."""
    run = hub.tracking.create(ME, "p", CreateRun()).id
    assert hub.tracking.change(ME, run, RunChange(name="하나"), 0).revision == 1
    with pytest.raises(Conflict, match="revision is 1"):
        hub.tracking.change(ME, run, RunChange(name="둘"), 0)
    assert hub.search.run(ME, "하나").id == run
    assert hub.tracking.change(ME, run, RunChange(deleted=True)).deleted_at > 0
    assert hub.search.runs(ME, RunQuery()).total == 0
    assert hub.tracking.change(ME, run, RunChange(deleted=False)).deleted_at == 0
    assert hub.search.runs(ME, RunQuery()).total == 1


def test_names_that_mean_several_runs(hub: Place) -> None:
    """An ambiguous name or beginning of an id is a conflict that lists them."""
    for number in (1, 2):
        hub.tracking.create(ME, "p", CreateRun(id=f"ab{number}" + "0" * 29, name="같은"))
    for text in ("같은", "ab"):
        with pytest.raises(Conflict, match="2 runs"):
            hub.search.run(ME, text)
    assert hub.search.run(ME, "ab1").id.startswith("ab1")


def test_what_changed_for_live_pages(hub: Place) -> None:
    """The revision moves with each piece and change; `changed` names the runs since."""
    before = hub.search.revision()
    one = hub.tracking.create(ME, "p", CreateRun()).id
    two = hub.tracking.create(ME, "q", CreateRun()).id
    page = hub.search.changed(ME, before)
    assert (page.runs, page.revision) == ([one, two], hub.search.revision())
    assert hub.search.changed(ME, page.revision).runs == []
    hub.tracking.log(ME, one, Log({"x": 1}))
    assert hub.search.changed(ME, page.revision, "p").runs == [one]
    assert hub.search.changed(ME, page.revision, "q").runs == []
    with pytest.raises(InvalidInput):
        hub.search.new_points(ME, one, "no cursor")
