"""Rows of a history, made of series: whatever client has logged them, in which order, how many of them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain.access import local
from madang.domain.commands import CreateRun, Log
from madang.domain.series import Series
from madang.edges.wandb import history as edge
from madang.edges.wandb.runs import run_node
from madang.errors import InvalidInput
from madang.formats.wandb.history import Row, evenly, history_keys, line, read_spec, rows
from madang.wiring import open_store

_logged = st.dictionaries(
    st.sampled_from(["a", "b", "c.d"]),
    st.lists(st.tuples(st.integers(-3, 6), st.integers(0, 9), st.integers(0, 99)), max_size=8).map(sorted),
    max_size=3,
)


@given(_logged)
def test_rows_hold_every_point_once(points: dict[str, list[tuple[int, int, int]]]) -> None:
    """Rows are ordered by steps, each point is in one of its step, and no row could have taken another one in."""
    series = {
        key: Series(key, "int", [p[0] for p in items], [p[1] for p in items], [p[2] for p in items])
        for key, items in points.items()
    }
    made = rows(series)
    assert [row.step for row in made] == sorted(row.step for row in made)
    found = sorted((row.step, key, value) for row in made for key, value in row.values.items())
    assert found == sorted((step, key, value) for key, items in points.items() for step, _, value in items)
    most = max([0, *(sum(p[0] == step for p in items) for items in points.values() for step in {p[0] for p in items})])
    for step in {row.step for row in made}:
        assert sum(row.step == step for row in made) <= max(most, 1)


@given(st.integers(0, 50), st.integers(1, 20))
def test_thinning_keeps_both_ends(count: int, most: int) -> None:
    """No more than asked, in order, with the first and the last where there is room for both."""
    whole = [Row(step, 0, {}) for step in range(count)]
    made = [row.step for row in evenly(whole, most)]
    assert len(made) == min(count, most)
    assert made == sorted(set(made))
    if count and most > 1:
        assert (made[0], made[-1]) == (0, count - 1)


@given(st.recursive(st.one_of(st.none(), st.booleans(), st.floats(), st.text()), st.lists), st.data())
def test_specs_are_read_as_far_as_they_make_sense(junk: Any, data: st.DataObject) -> None:
    """Whatever a client sends as a spec, keys are texts, the number of samples is in bounds, steps are whole."""
    said = data.draw(st.dictionaries(st.sampled_from(["keys", "samples", "minStep", "maxStep"]), st.just(junk)))
    for spec in (junk, said):
        made = read_spec(spec, 1000)
        assert all(isinstance(key, str) for key in made.keys)
        assert 1 <= made.samples <= 1000
        assert all(step is None or -(1 << 63) <= step < 1 << 63 for step in (made.min_step, made.max_step))


def test_a_line_has_what_clients_count_on() -> None:
    """Step, time and seconds since the run began are there whoever has logged; what was logged stays as it is."""
    made = line(Row(3, 2_500_000, {"loss": math.nan, "text": "글"}), 1_000_000)
    assert math.isnan(made.pop("loss"))
    assert made == {"text": "글", "_step": 3, "_timestamp": 2.5, "_runtime": 1.5}
    assert line(Row(3, 2_500_000, {"_runtime": 9}), 1_000_000)["_runtime"] == 9
    assert history_keys({}) is None


def test_a_history_too_large_for_memory_is_thinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in parts, the rows are those that are had from all of it at once."""
    engine, me = open_store(store=str(tmp_path / "store")), local("me")
    run = engine.tracking.create(me, "p", CreateRun(name="r")).id
    for step in range(40):
        engine.tracking.log(me, run, Log({"a": step, "b": -step, **({"c": step} if step % 3 == 0 else {})}, step))
    call: Any = SimpleNamespace(who=me, services=SimpleNamespace(search=engine.search))
    node = run_node(engine.search.run(me, run), complete=True)
    whole = edge.history(node, call, {"samples": 7})
    monkeypatch.setattr(edge, "_AT_ONCE", 50)
    monkeypatch.setattr(edge, "_WHOLE", 50)
    assert edge.history(node, call, {"samples": 7}) == whole
    assert [json.loads(text)["_step"] for text in whole] == [0, 6, 13, 19, 26, 32, 39]
    assert json.loads(whole[-1])["c"] == 39
    assert len(edge.history(node, call, {"minStep": 10, "maxStep": 20})) == 10
    for steps in ({"minStep": 0, "maxStep": 1 << 60}, {"minStep": 0}, {"maxStep": 40}):
        with pytest.raises(InvalidInput, match="page_size"):
            edge.history(node, call, steps)
    engine.close()
