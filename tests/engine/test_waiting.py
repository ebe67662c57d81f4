"""What edges add to runs on a hub waits until it is read: nothing acknowledged is lost, nothing comes twice."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.conftest import ME, RUN, Place

from madang.backends.records import open_sqlite
from madang.domain import events
from madang.domain.access import Permission, Principal
from madang.domain.columns import spread
from madang.domain.commands import Columns, CreateRun, Fact, Points
from madang.domain.query import RunQuery
from madang.domain.run_state import outcome
from madang.domain.runs import RunChange
from madang.errors import AccessDenied, Conflict, Diverged, InvalidInput, NotFound
from madang.formats.frames import FrameBuilder
from madang.wiring_core import open_tracking

T0 = 1_790_000_000_000_000
OTHER = Principal("남", projects={"q": Permission.ADMIN})


@pytest.fixture
def begun(hub: Place) -> Place:
    """A hub with a run."""
    hub.tracking.create(ME, "p", CreateRun(id=RUN, time=T0))
    return hub


def row(step: int, **values: float) -> Points:
    """One row."""
    return Points(dict(values), step, T0 + 1000 * step)


def waits(hub: Place) -> bool:
    """Whether anything waits."""
    return bool(hub.records.waiting.runs())


def values(hub: Place, key: str) -> list[object]:
    """The series of a metric."""
    return list(hub.search.history(ME, [RUN], [key])[RUN][key].values)


def test_rows_wait_until_they_are_read(begun: Place) -> None:
    """A row of a run costs no change of its records; whoever reads sees it."""
    revision = begun.records.runs.revision()
    for step in range(5):
        begun.tracking.state(ME, RUN, [row(step, loss=step)])
    assert waits(begun)
    assert begun.records.runs.revision() == revision
    record = begun.search.run(ME, RUN)
    assert not waits(begun)
    assert (record.metrics["loss"].count, record.metrics["loss"].last) == (5, 4)
    assert record.seen_at == T0 + 4000
    begun.tracking.state(ME, RUN, [row(5, loss=5), events.Console(1, "줄")])
    assert waits(begun)
    assert values(begun, "loss") == [0, 1, 2, 3, 4, 5]
    assert begun.search.console(ME, RUN).lines[0].text == "줄"


def test_lists_and_searches_see_what_waits(begun: Place) -> None:
    """A search by a metric finds the run by a value that was only just logged."""
    begun.tracking.state(ME, RUN, [row(1, loss=0.5)])
    assert waits(begun)
    page = begun.search.runs(ME, RunQuery(("p",), keys=("loss",)))
    assert [run.metrics["loss"].last for run in page.runs] == [0.5]


def test_what_is_no_row_is_taken_in_behind_the_rows(begun: Place) -> None:
    """A tag or an end comes into the records at once, after all that waited."""
    begun.tracking.state(ME, RUN, [row(1, loss=1)])
    stored = begun.tracking.state(ME, RUN, [events.Tags({"a": "b"}), row(2, loss=2)])
    assert not waits(begun)
    assert stored.state.tags["a"][1] == ("b",)
    begun.tracking.state(ME, RUN, [row(3, loss=3)])
    assert waits(begun)
    begun.tracking.state(ME, RUN, [events.Status("finished")])
    assert not waits(begun)
    assert values(begun, "loss") == [1, 2, 3]


def test_points_come_once(begun: Place) -> None:
    """A request that is sent again adds nothing, whether its first half waits or not."""
    for read in (False, True):
        for _ in range(2):
            begun.tracking.state(ME, RUN, [row(1, loss=1), row(2, loss=2)])
            if read:
                assert values(begun, "loss") == [1, 2]
    begun.tracking.state(ME, RUN, [row(2, loss=2), row(3, loss=3)])
    assert values(begun, "loss") == [1, 2, 3]


def test_points_of_one_place_come_in_the_order_in_which_they_were_said(begun: Place) -> None:
    """Also when rows between them have more metrics: the last of the series is the last of the summary."""
    for place, more in enumerate(({}, {"acc": 1.0}, {})):
        begun.tracking.state(ME, RUN, [row(1, loss=place, **more)])
    assert values(begun, "loss") == [0, 1, 2]
    assert begun.search.run(ME, RUN).metrics["loss"].last == 2


def test_a_run_begins_and_ends_unread(hub: Place) -> None:
    """A run that is begun, filled and ended without a reader is one that everybody finds, whole, when they look."""
    made = hub.tracking.create(ME, "p", CreateRun(id=RUN, name="n", config={"a": 1}, time=T0), later=True)
    assert (made.id, made.project, made.name, made.created_at) == (RUN, "p", "n", T0)
    stored = hub.tracking.state(ME, RUN, [row(1, loss=1), events.Config({"b": 2}), events.Tags({"c": "d"})], later=True)
    assert stored.state.config["b"][1] == (2,)
    assert hub.records.runs.get(RUN) is None
    with pytest.raises(InvalidInput, match="not allowed"):
        hub.tracking.state(ME, RUN, [events.Config({"a": 3})], later=True)
    seen = hub.search.run(ME, RUN)
    assert (seen.metrics["loss"].last, seen.config, seen.tags) == (1, {"a": 1, "b": 2}, {"c": "d"})
    with pytest.raises(NotFound):
        hub.search.run(OTHER, RUN)
    with pytest.raises(NotFound):
        hub.search.run(ME, "5" * 32)
    ended = hub.tracking.state(ME, RUN, [events.Status("finished", T0 + 5)], later=True)
    assert outcome(ended.state).status == "finished"
    (found,) = hub.search.runs(ME, RunQuery(("p",), keys=("loss",))).runs
    assert (found.status, found.ended_at, found.config, found.tags) == (
        "finished",
        T0 + 5,
        {"a": 1, "b": 2},
        {"c": "d"},
    )
    assert found.metrics == hub.search.run(ME, RUN).metrics == seen.metrics
    assert not waits(hub)


def test_a_run_begins_once(hub: Place) -> None:
    """An id that waits is taken, for whoever begins a run or sends a segment, in this project and in others."""
    hub.tracking.create(ME, "p", CreateRun(id=RUN), later=True)
    for project in ("p", "q"):
        for later in (True, False):
            with pytest.raises(Conflict):
                hub.tracking.create(ME, project, CreateRun(id=RUN), later=later)
    with pytest.raises(NotFound):
        hub.search.run(OTHER, RUN)
    assert hub.search.run(ME, RUN).project == "p"


def test_strangers_and_deleted_runs(begun: Place) -> None:
    """Whoever may not write is refused however warm the run is; a deleted run takes nothing, a restored one does."""
    begun.tracking.state(ME, RUN, [row(1, loss=1)])
    with pytest.raises(AccessDenied):
        begun.tracking.state(Principal("leser", projects={"p": Permission.READ}), RUN, [row(2, loss=2)])
    begun.tracking.change(ME, RUN, RunChange(deleted=True))
    with pytest.raises(InvalidInput, match="deleted"):
        begun.tracking.state(ME, RUN, [row(2, loss=2)])
    begun.tracking.change(ME, RUN, RunChange(deleted=False))
    begun.tracking.state(ME, RUN, [row(3, loss=3)])
    assert values(begun, "loss") == [1, 3]


def test_much_does_not_wait(begun: Place) -> None:
    """What waits is bounded: a long series comes into the records while it is written, but for its newest piece."""
    for place in range(8):
        steps = range(place * 10_000, (place + 1) * 10_000)
        begun.tracking.state(
            ME, RUN, [Columns({"x": [step / 2 for step in steps]}, steps, [T0 + step for step in steps])]
        )
    segment = begun.records.segments.of_run(begun.records.runs.fetch([RUN])[0].number)[0]
    assert segment.offset > 400_000
    assert waits(begun)
    assert values(begun, "x") == [step / 2 for step in range(80_000)]


def test_what_a_failed_transaction_added_is_forgotten(tmp_path: Path) -> None:
    """After it another server may have written as many bytes at the same place; both go on and nothing is damaged."""
    path = str(tmp_path / "hub.db")
    one, other = _server(path), _server(path)
    one.tracking.create(ME, "p", CreateRun(id=RUN, time=T0))
    one.tracking.state(ME, RUN, [row(0, loss=0)])
    with suppress(KeyError), one.records.transaction():
        one.tracking.state(ME, RUN, [events.Tags({"a": "b"}), row(1, loss=1)])
        raise KeyError
    other.tracking.state(ME, RUN, [events.Tags({"a": "c"}), row(1, loss=5)])
    one.tracking.state(ME, RUN, [row(2, loss=2)])
    assert values(one, "loss") == [0, 5, 2]
    assert one.search.run(ME, RUN).damage == []
    for place in (one, other):
        place.records.close()


def test_who_writes_in_a_transaction_waits_for_nobody(begun: Place) -> None:
    """One who adds waits for the transactions of others, which add to the same run, or read it, meanwhile."""
    begun.tracking.state(ME, RUN, [row(0, loss=0)])
    opened = begun.tracking._open_runs.get(RUN)
    assert opened is not None
    writer = threading.Thread(target=begun.tracking.state, args=(ME, RUN, [row(3, loss=3)]))
    with begun.records.transaction():
        writer.start()
        while not opened.lock.locked():
            time.sleep(0.001)
        begun.tracking.catch_up([RUN])
        begun.tracking.state(ME, RUN, [row(1, loss=1)])
    writer.join()
    assert values(begun, "loss") == [0, 1, 3]


def test_bytes_sent_for_a_hubs_own_segment_come_behind_what_waits(
    begun: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write a run sends frames for the segment that the hub itself goes on with: what waited stays."""
    begun.tracking.state(ME, RUN, [row(0, loss=0)])
    begun.search.run(ME, RUN)
    (segment,) = begun.records.segments.of_run(begun.records.runs.fetch([RUN])[0].number)
    frames = FrameBuilder(segment.sequence, segment.chain)
    frames.add(events.Tags({"a": "b"}), T0)
    begun.tracking.state(ME, RUN, [row(1, loss=1)])
    monkeypatch.setattr(begun.tracking, "catch_up", lambda runs: None)  # it waits only since it was looked for
    with pytest.raises((Conflict, Diverged)):
        begun.tracking.append(ME, "p", RUN, segment.id, segment.offset, segment.chain.hex(), frames.data)
    monkeypatch.undo()
    assert values(begun, "loss") == [0, 1]
    assert begun.search.run(ME, RUN).damage == []


_requests = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from(["row", "table", "tag", "parameter", "console", "end", "again", "read"]),
        st.sampled_from(["a", "b", "ab"]),
        st.integers(1, 40),
    ),
    max_size=14,
)


def _facts(kind: str, keys: str, step: int, place: int) -> list[Fact]:
    if kind == "row":
        return [Points({key: float(place) for key in keys}, step, T0 + step)]
    if kind == "table":
        steps = [step, step + 1, step + 2]
        return [Columns({key: [place, 0.5, place] for key in keys}, steps, [T0 + 1000 * item for item in steps])]
    if kind == "console":
        return [events.Console(step, f"line {place}")]
    if kind == "end":
        return [events.Status(("finished", "running")[place % 2])]
    return [events.Tags({keys: str(place)}) if kind == "tag" else events.Config({keys: place % 3})]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(_requests)
def test_two_processes_and_readers_end_the_same(
    tmp_path_factory: pytest.TempPathFactory, requests: list[tuple[int, str, str, int]]
) -> None:
    """Two servers over one store that take turns, read in between and repeat requests: each point is there, once."""
    path = str(tmp_path_factory.mktemp("hub") / "hub.db")
    servers = [_server(path) for _ in range(2)]
    servers[0].tracking.create(ME, "p", CreateRun(id=RUN, time=T0), later=True)
    wanted: dict[tuple[str, int, int | None, str], None] = {}
    tags: dict[str, str] = {}
    parameters: dict[str, object] = {}
    status = "running"
    last: list[Fact] = []
    for place, (which, kind, keys, step) in enumerate(requests):
        server = servers[which]
        if kind == "read":
            server.search.run(ME, RUN)
            continue
        last = last if kind == "again" else _facts(kind, keys, step, place)
        fact = last[0] if last else None
        if (
            isinstance(fact, events.Config)
            and parameters.items() | fact.set.items() != {**parameters, **fact.set}.items()
        ):
            with pytest.raises(InvalidInput, match="not allowed"):
                server.tracking.state(ME, RUN, last, later=True)
            continue
        if fact is not None:
            server.tracking.state(ME, RUN, last, later=True)
        tags |= fact.set if isinstance(fact, events.Tags) else {}
        parameters |= fact.set if isinstance(fact, events.Config) else {}
        status = fact.status if isinstance(fact, events.Status) else status
        for item in spread(last):
            if isinstance(item, Points):
                wanted.update(((key, item.step, item.time, repr(one)), None) for key, one in item.values.items())
    for server in servers:
        found = [
            (key, step, at, repr(item))
            for key, series in server.search.history(ME, [RUN], ["a", "b"]).get(RUN, {}).items()
            for step, at, item in zip(series.steps, series.times, series.values, strict=True)
        ]
        assert set(wanted) <= set(found)
        assert len(found) == len(set(found))
        # A greater value of the same millisecond is said again, 1 µs later.
        assert all(item in wanted or (item[2] or 0) % 1000 for item in found)
        record = server.search.run(ME, RUN)
        assert (record.tags, record.config, record.status) == (tags, parameters, status)
        for key in {item[0] for item in found}:
            assert record.metrics[key].count == sum(item[0] == key for item in found)
        server.records.close()


def _server(path: str) -> Place:
    from madang.backends.segments import LocalSegments
    from madang.services.search import Search

    records = open_sqlite(path, durable=True)
    tracking = open_tracking(records, None)
    return Place("", records, LocalSegments(path + ".none"), tracking, Search(records, tracking))


_WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from tests.engine.test_waiting import ME, RUN, _server, row
hub = _server(sys.argv[1])
step = int(sys.argv[3])
while True:
    hub.tracking.state(ME, RUN, [row(step, loss=step)])
    print(step, flush=True)
    step += 1
    if step % 50 == 0:
        hub.search.run(ME, RUN)
"""


def test_a_server_killed_at_any_time(tmp_path: Path) -> None:
    """What was acknowledged before a SIGKILL is there afterwards, once, and the next server goes on behind it."""
    path = str(tmp_path / "hub.db")
    hub = _server(path)
    hub.tracking.create(ME, "p", CreateRun(id=RUN, time=T0))
    chance, acknowledged = random.Random(7), 0
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, path, str(Path(__file__).parents[2]), str(acknowledged)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        acknowledged = int(writer.stdout.readline()) + 1  # on a busy machine the first row takes its time
        time.sleep(0.05 + chance.random() / 10)
        writer.kill()
        said = writer.communicate()[0].split("\n")[:-1]
        acknowledged = int(said[-1]) + 1 if said else acknowledged
        found = values(hub, "loss")
        assert found == list(range(len(found)))
        assert acknowledged <= len(found) <= acknowledged + 1
    assert hub.search.run(ME, RUN).metrics["loss"].count == len(found)
    hub.records.close()


def test_segments_are_sent_with_what_waits(begun: Place) -> None:
    """Who asks for the bytes of a hub's own segment gets those that waited, too."""
    begun.tracking.state(ME, RUN, [row(1, loss=1)])
    begun.tracking.state(ME, RUN, [row(2, loss=2)])
    number = begun.records.runs.fetch([RUN])[0].number
    (segment,) = begun.records.segments.of_run(number)
    assert waits(begun)
    position = begun.tracking.segment(ME, RUN, segment.id)
    assert position.offset > segment.offset
    assert len(begun.tracking.segment_bytes(ME, RUN, segment.id, 0, 1 << 20)) == position.offset
