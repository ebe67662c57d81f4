"""A workspace that loses its index loses nothing of its sweeps."""

from __future__ import annotations

from pathlib import Path

from tests.sweeps.conftest import P, given, joined, logged

from madang.formats import store as layout
from madang.wiring import Engine, local_user, open_store


def known(engine: Engine) -> list[object]:
    """All that there is of sweeps."""
    records = engine.records.sweeps
    found: list[object] = []
    for sweep in records.of_project(P):
        agents = [(agent.id, agent.host, agent.is_done) for agent in records.agents(sweep.id)]
        found += [sweep, agents, records.trials(sweep.id)[0]]
    return found


def test_sweeps_outlive_the_index(tmp_path: Path) -> None:
    """Sweeps, agents and trials are read again from the log, and the search goes on where it was."""
    place = str(tmp_path / "store")
    layout.ensure(place)
    text = "{method: grid, metric: {name: loss}, parameters: {배치: {values: [1, .5, x]}}}"
    engine = open_store(store=place)
    sweep = engine.sweeping.sweeps.create(local_user(), P, text, name="이름")
    agent = joined(engine, sweep)
    trial = given(engine, agent)
    logged(engine, trial, 0.1)
    second = given(engine, agent)
    before = known(engine)
    engine.close()
    for file in Path(place).glob("records.db*"):
        file.unlink()
    engine = open_store(store=place)
    assert known(engine) == before
    assert second.number == 2
    assert given(engine, agent) == second
    engine.sweeping.sweeps.change(local_user(), P, sweep.id, {"state": "paused"})
    engine.close()
    engine = open_store(store=place)
    assert engine.sweeping.sweeps.get(local_user(), P, sweep.id).state == "paused"
    engine.close()
