"""Catching up with segment files: nothing good is lost, nothing is taken twice, whatever state the files are in."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
import threading
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.conftest import ME, RUN, T0, Action, Place, event, make_segment, place

from madang.domain.query import RunQuery
from madang.domain.runs import RunChange, RunRecord
from madang.domain.series import Series
from madang.formats import segment as codec
from madang.services.ingest import UNREADABLE

STARTED = event(codec.STARTED, name="첫 실행", command=["python", "a.py"])
FINISHED = event(codec.FINISHED, status="finished", exit_code=0)
A, B, C = "a" * 32, "b" * 32, "c" * 32


def seen(at: Place, run: str = RUN) -> tuple[RunRecord, dict[str, Series], list[Any]]:
    """All that a reader can see of a run."""
    record = at.search.run(ME, run)
    metrics = dict(sorted(record.metrics.items()))
    record = replace(record, metrics=metrics, segments=sorted(record.segments, key=lambda s: s.id))
    return record, at.search.history(ME, [run], None)[run], at.search.console(ME, run, limit=10_000).lines


def canonical(value: Any) -> str:
    """A text that is the same for equal values, NaN included; the order of a dict's keys does not count."""
    if is_dataclass(value):
        return f"{type(value).__name__}{canonical(vars(value))}"
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(f"{canonical(key)}: {canonical(item)}" for key, item in value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(canonical, value)) + "]"
    return repr(value)


def test_a_run_is_read_as_it_grows(at: Place, tmp_path: Path) -> None:
    """Each look finds exactly the whole frames that are there, whichever byte the file ends at."""
    data = make_segment(
        tmp_path, [STARTED, (0, {"x": 1.0}), event(codec.CONSOLE, n=1, text="줄"), (1, {"x": 2.0}), FINISHED]
    )
    expected = None
    for stop in range(len(data) + 1):
        at.write(A, data[:stop])
        at.tracking.catch_up()
        if at.records.runs.get(RUN) is not None:
            record, series, _ = seen(at)
            assert record.damage == []
            expected = series
    assert record.status == "finished"
    assert expected is not None
    assert (expected["x"].values, expected["x"].steps) == ([1.0, 2.0], [0, 1])


def test_every_bit_may_flip(at: Place, tmp_path: Path) -> None:
    """A flipped bit costs what stands behind it, never what stands before; the damage is told with its place."""
    rows: list[Action] = [(step, {"x": float(step)}) for step in range(6)]
    data = make_segment(tmp_path, [STARTED, *rows])
    lengths = [len(make_segment(tmp_path, [STARTED, *rows[:count]])) for count in range(7)]
    for number, byte in enumerate(range(lengths[0], len(data), 7)):
        run = f"{number:032x}"
        made = bytearray(make_segment(tmp_path, [STARTED, *rows], run=run, segment=A))
        made[byte] ^= 1 << (byte % 8)
        at.write(A, bytes(made), run)
        whole = sum(length <= byte for length in lengths) - 1
        record, series, _ = seen(at, run)
        assert series.get("x", Series("x")).values == [float(step) for step in range(whole)]
        assert len(record.damage) <= 1
        if record.damage:
            assert A in record.damage[0]
            assert "byte" in record.damage[0]


@pytest.mark.parametrize(
    "junk",
    [b"", b"\0" * 4096, b"not a segment at all" * 20, bytes(range(1, 200)), b"\xff" * 100],
    ids=["empty", "zeros", "text", "noise", "ones"],
)
def test_what_is_no_segment_does_no_harm(at: Place, tmp_path: Path, junk: bytes) -> None:
    """A file of zeros, text or noise beside a good segment: the run is read; another run's segment is named."""
    at.write(A, junk)
    at.write(B, make_segment(tmp_path, [STARTED, (0, {"x": 1.0})], segment=B))
    at.write(C, make_segment(tmp_path, [(0, {"y": 1.0})], segment=C, run="7" * 32))  # it says that it is of another run
    record, series, _ = seen(at)
    assert list(series) == ["x"]
    assert any(C in item for item in record.damage)
    at.tracking.catch_up()


def test_a_tail_of_zeros_after_power_loss(at: Place, tmp_path: Path) -> None:
    """Zeros behind the last frame are damage that is told, and all before them is used."""
    data = make_segment(tmp_path, [STARTED, (0, {"x": 1.0})])
    at.write(A, data + bytes(5000))
    record, series, _ = seen(at)
    assert series["x"].values == [1.0]
    assert len(record.damage) == 1


values = st.one_of(
    st.floats(),
    st.integers(-(2**70), 2**70),
    st.booleans(),
    st.text(max_size=5),
    st.none(),
    st.just({"media": "image"}),
)
actions: st.SearchStrategy[Action] = st.one_of(
    st.tuples(
        st.integers(-3, 6), st.dictionaries(st.sampled_from(["x", "y", "한글/🐕"]), values, min_size=1, max_size=3)
    ),
    st.builds(
        lambda k, v: event(codec.CONFIG, set={k: v}), st.sampled_from("pq"), st.one_of(st.floats(), st.integers())
    ),
    st.builds(lambda k, v: event(codec.TAGS, set={k: v}), st.sampled_from("tu"), st.text(max_size=3)),
    st.builds(lambda k: event(codec.REMOVED, what="tags", keys=[k]), st.sampled_from("tu")),
    st.builds(lambda s: event(codec.REWOUND, step=s), st.integers(0, 6)),
    st.builds(lambda n, t: event(codec.CONSOLE, n=n, text=t), st.integers(1, 4), st.text(max_size=5)),
    st.builds(lambda s: event(codec.FINISHED, status=s), st.sampled_from(["finished", "failed", "odd"])),
    st.builds(lambda p: event(codec.USE, ref=p), st.text(max_size=3)),
    st.just(event(codec.ALERT, title=2)),
    st.just(event(99, anything={"$f": 1})),
)
writers = st.sampled_from(["process", "resume", "rank", "signal", "follower", "edge", "new kind"])
runs = st.lists(st.tuples(st.lists(actions, max_size=8), writers, st.integers(0, 20_000)), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs, st.data())
def test_order_and_pieces_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, run: list[tuple[list[Action], str, int]], data: st.DataObject
) -> None:
    """Any order of the segments, cut anywhere, ends in the same record, history and console."""
    folder = tmp_path_factory.mktemp("order")
    names = [A, B, C]
    whole = {
        name: make_segment(folder, made, segment=name, header={"writer": writer, "host": "x"}, began=T0 + began)
        for name, (made, writer, began) in zip(names, run, strict=False)
    }
    one = place(folder / "one")
    for name, content in whole.items():
        one.write(name, content)
    first = seen(one)
    two = place(folder / "two")
    pieces = [(name, data.draw(st.integers(0, len(content)))) for name, content in whole.items() for _ in range(2)]
    for name, stop in data.draw(st.permutations(pieces)):
        path = two.path(name)
        if not path.exists() or path.stat().st_size < stop:
            two.write(name, whole[name][:stop])
        two.tracking.catch_up()
    for name, content in whole.items():
        two.write(name, content)
    second = seen(two)
    assert canonical(first) == canonical(second)
    (Path(two.store) / "records.db").unlink()
    two.records.close()
    again = place(folder / "two")
    assert canonical(seen(again)) == canonical(first)
    again.records.close()
    one.records.close()


def test_long_runs_are_sealed_while_they_grow(at: Place, tmp_path: Path) -> None:
    """Thousands of rows read in pieces: chunks and tail together are what was logged, NaN and all."""
    rows: list[Action] = []
    for step in range(5000):
        row: dict[str, Any] = {"loss": 1 / (step + 1) if step % 700 else math.nan, "n": step}
        if step % 3 == 0:
            row["text"] = f"단계 {step}"
        rows.append((step, row))
        if step % 10 == 0:
            rows.append(event(codec.CONSOLE, n=step // 20 + 1, text=f"line {step}"))
    data = make_segment(tmp_path, [STARTED, *rows])
    for stop in (*range(20_000, len(data), 37_001), len(data)):
        at.write(A, data[:stop])
        at.tracking.catch_up([RUN])
    (kept,) = [item for item in at.records.segments.of_run(1) if item.id == A]
    assert 0 < kept.sealed_offset <= kept.offset
    _, series, lines = seen(at)
    assert series["n"].values == series["n"].steps == list(range(5000))
    assert series["n"].kind == "int"
    assert repr(series["loss"].values) == repr([1 / (s + 1) if s % 700 else math.nan for s in range(5000)])
    assert series["text"].steps == list(range(0, 5000, 3))
    assert [line.text for line in lines] == [f"line {20 * n + 10}" for n in range(250)]
    part = at.search.history(ME, [RUN], ["n"], min_step=1000, max_step=1010)[RUN]["n"]
    assert part.values == list(range(1000, 1011))
    thin = at.search.history(ME, [RUN], ["n"], samples=100)[RUN]["n"]
    assert thin.sampled
    assert thin.total == 5000
    assert {0, 4999} <= set(thin.values)
    page = at.search.console(ME, RUN, after=100, limit=3)
    assert [line.n for line in page.lines] == [101, 102, 103]
    assert (page.last, page.total) == (250, 250)
    assert at.search.console(ME, RUN, tail=True, limit=2).lines[-1].n == 250


def test_only_what_is_new(at: Place, tmp_path: Path) -> None:
    """A cursor gives each point once, over the border between tail and chunk."""
    rows: list[Action] = [(step, {"x": float(step)}) for step in range(3000)]
    whole = make_segment(tmp_path, [STARTED, *rows], segment=A)
    cursor, found = "", []
    for stop in (*range(1000, len(whole), 30_011), len(whole), len(whole)):
        at.write(A, whole[:stop])
        news = at.search.new_points(ME, RUN, cursor)
        cursor = news.cursor
        found += news.series["x"].values if "x" in news.series else []
    assert found == [float(step) for step in range(3000)]


def test_a_rewind_hides_and_a_late_segment_stays_hidden(at: Place, tmp_path: Path) -> None:
    """Points logged before a rewind, at its step or later, are gone from series and summaries, however late."""
    at.write(B, make_segment(tmp_path, [event(codec.REWOUND, step=2), (2, {"x": 20.0})], segment=B, began=T0 + 10**7))
    seen(at)
    at.write(A, make_segment(tmp_path, [(step, {"x": float(step), "gone": 1.0}) for step in (2, 0, 1, 3)], segment=A))
    record, series, _ = seen(at)
    assert (series["x"].steps, series["x"].values) == ([0, 1, 2], [0.0, 1.0, 20.0])
    assert (record.metrics["x"].max, record.metrics["x"].count, record.metrics["gone"].count) == (20.0, 3, 2)


_CHILD = """
import sys
from madang.formats import store, segment as codec
store_, run, segment, host = sys.argv[1:]
import os
os.makedirs(store.run_dir(store_, run), exist_ok=True)
store.hold(store.lock_path(store_, run, segment))
writer = codec.SegmentWriter(store.segment_path(store_, run, segment), segment,
    {"run": run, "project": "p", "writer": "process", "host": host})
for step in range(10):
    writer.metrics({"x": float(step)}, step)
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_killed_run_is_crashed_at_once(at: Place) -> None:
    """A run whose process lives is running; killed, it is crashed for the next reader, without any follower, once."""
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, at.store, RUN, A, os.uname().nodename],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    record, series, _ = seen(at)
    assert (record.status, len(series["x"].values)) == ("running", 10)
    child.kill()
    child.communicate()
    record, series, _ = seen(at)
    assert (record.status, len(series["x"].values)) == ("crashed", 10)
    assert [item.writer for item in record.segments].count("follower") == 1
    assert seen(at)[0] == record
    again = place(Path(at.store))
    assert seen(again)[0] == record
    again.records.close()


def test_many_readers_at_once(at: Place, tmp_path: Path) -> None:
    """Four readers with connections of their own catch up with the same growing files: every point is taken once."""
    whole = {
        f"{number:032x}": make_segment(
            tmp_path, [STARTED, *((step, {"x": 1.0}) for step in range(300)), FINISHED], run=f"{number:032x}", segment=A
        )
        for number in range(6)
    }
    errors: list[BaseException] = []

    def read() -> None:
        mine = place(Path(at.store))
        try:
            for _ in range(6):
                mine.tracking.catch_up()
        except BaseException as error:
            errors.append(error)
        finally:
            mine.records.close()

    for share in (0.3, 0.7, 1):
        for run, data in whole.items():
            at.write(A, data[: int(len(data) * share)], run)
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not errors
    for run in whole:
        record, series, _ = seen(at, run)
        assert (record.metrics["x"].count, len(series["x"].values), record.status) == (300, 300, "finished")


def test_idle_looks_read_nothing(at: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing changed, no run's folder is listed; a new segment of an old run is found by its announcement."""
    for number in range(20):
        run = f"{number:032x}"
        at.write(A, make_segment(tmp_path, [STARTED, FINISHED], run=run, segment=A), run)
        os.utime(Path(at.store) / "segments" / run[:2], ns=(0, 0))
    at.tracking.catch_up()
    listed: list[str] = []
    monkeypatch.setattr(at.files, "of_run", listed.append)
    at.tracking.catch_up()
    assert listed == []
    monkeypatch.undo()
    run = f"{3:032x}"
    at.write(B, make_segment(tmp_path, [(0, {"x": 1.0})], run=run, segment=B), run)
    assert "x" in [key.name for key in at.search.metric_keys(ME, "p")]


def test_packed_segments_read_the_same(at: Place, tmp_path: Path) -> None:
    """A finished segment can be compressed; a store that is read anew from it shows the same run."""
    at.write(A, make_segment(tmp_path, [STARTED, *((s, {"x": s / 7}) for s in range(50)), FINISHED], segment=A))
    before = seen(at)
    assert at.files.pack(RUN, A)
    assert not at.files.pack(RUN, A)
    assert not at.path(A).exists()
    assert seen(at) == before
    at.records.close()
    (Path(at.store) / "records.db").unlink()
    again = place(Path(at.store))
    assert seen(again) == before
    again.records.close()


def test_tens_of_thousands_of_keys(at: Place, tmp_path: Path) -> None:
    """50,000 keys in one call, with names of 10,000 signs among them, are stored and read one by one."""
    keys = {f"key/{number}": float(number) for number in range(50_000)} | {"🐕" * 10_000: 1.0}
    at.write(A, make_segment(tmp_path, [STARTED, (0, keys), (1, keys), FINISHED], segment=A))
    record = at.search.run(ME, RUN)
    assert len(record.metrics) == 50_001
    series = at.search.history(ME, [RUN], ["key/49999", "🐕" * 10_000])[RUN]
    assert series["key/49999"].values == [49999.0] * 2


def test_hostile_numbers(at: Place, tmp_path: Path) -> None:
    """Times, sizes, line and step numbers beyond 64 bits are passed over or kept, never an error."""
    far = 10**40
    bodies: list[Action] = [
        event(codec.CONSOLE, n=far, text="x"),
        event(codec.REWOUND, step=far),
        event(codec.KEYS, id=far, names=["a"], types="d"),
        event(codec.KEYS, id=1, names=["a"], types="zz"),
        event(codec.CAPTURED, began=far, ended=-far),
        event(codec.FILE, path="p", digest="blake3:0", size=far),
        event(codec.VERSION, name="m", type="model", entries=[["a", "blake3:0", far]]),
        event(codec.VERSION, name="../m", type="model", entries=[]),
        event(codec.CONFIG, set={"k\x00ey": "v\x00alue", "n": far, "deep": {"a": [1, {"b": far}]}}),
        event(codec.TAGS, set={"t\x00": "\x00"}),
        event(codec.STARTED, name="n\x00ame"),
    ]
    at.write(A, make_segment(tmp_path, [*bodies, (0, {"k\x00": 1.0})], segment=A))
    record, series, _ = seen(at)
    assert record.config["n"] == far
    assert list(series) == ["k\x00"]
    assert at.search.runs(ME, replace(_query(), text="ame")).total == 1


def _query() -> Any:
    from madang.domain.query import RunQuery

    return RunQuery()


def test_changes_from_outside_outlive_replays(at: Place, tmp_path: Path) -> None:
    """A new name or tag given from outside stays when later segments say otherwise."""
    at.write(A, make_segment(tmp_path, [STARTED, event(codec.TAGS, set={"a": "1", "b": "1"})], segment=A))
    changed = at.tracking.change(ME, RUN, RunChange(name="새 이름", tags={"c": ""}, tags_removed=("a",)))
    assert changed.revision == 1
    later = [event(codec.DESCRIBED, name="옛 이름"), event(codec.TAGS, set={"a": "2"})]
    at.write(B, make_segment(tmp_path, later, segment=B, began=T0 * 2))
    record, *_ = seen(at)
    assert (record.name, record.tags) == ("새 이름", {"b": "1", "c": ""})
    assert [run.name for run in at.search.runs(ME, replace(_query(), text="새 이름")).runs] == ["새 이름"]


def test_runs_of_all_segments_orders(at: Place, tmp_path: Path) -> None:
    """Three writers in every order: the record is the same, down to who won each field."""
    made = {
        name: make_segment(
            tmp_path,
            [event(codec.CONFIG, set={"who": name, name: 1}), (0, {"x": float(number)}), FINISHED],
            segment=name,
            header={"rank": number, "writer": "rank"},
        )
        for number, name in enumerate((A, B, C))
    }
    found = set()
    for number, order in enumerate(itertools.permutations(made)):
        one = place(tmp_path / str(number))
        for name in order:
            one.write(name, made[name])
            one.tracking.catch_up()
        found.add(canonical(seen(one)))
        one.records.close()
    assert len(found) == 1


@pytest.mark.parametrize("place", [26, 60])
def test_a_run_whose_first_record_is_damaged_is_shown(at: Place, tmp_path: Path, place: int) -> None:
    """A run that cannot be read at all is listed with its damage: nobody should have to miss it."""
    data = bytearray(make_segment(tmp_path, [STARTED, (0, {"x": 1.0}), FINISHED]))
    data[place] ^= 1
    at.write(A, bytes(data))
    (record,) = at.search.runs(ME, RunQuery()).runs
    assert (record.id, record.project, record.status) == (RUN, UNREADABLE, "crashed")
    assert record.damage[0].startswith(A)
    at.tracking.catch_up()
    assert at.search.runs(ME, RunQuery()).total == 1


def test_versions_of_runs_that_are_read_together_count_by_time(at: Place, tmp_path: Path) -> None:
    """Whatever the runs are called and in whichever order they lie, the earlier run has the lower number."""
    runs = [f"{number * 7 % 60:02x}" * 16 for number in range(1, 60)]
    for place_, run in enumerate(runs):
        body = {"name": "m", "type": "model", "entries": [["a", "blake3:" + "0" * 64, place_]], "aliases": ["best"]}
        data = make_segment(tmp_path, [event(codec.VERSION, **body)], run=run, began=T0 + 1_000_000 * place_)
        at.write(A, data, run)
    at.tracking.catch_up()
    made = at.records.versions.versions("p", "m")
    assert [item.run for item in reversed(made)] == runs
    history = at.records.versions.pointer_history("p", "m")
    assert [(item.before, item.number) for item in reversed(history)] == [
        (number - 1 or None, number) for number in range(1, 60)
    ]
