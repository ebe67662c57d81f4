"""What agents are told, over each database: each trial once, nothing lost with who carries it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from tests.sweeps.conftest import ME, P, asked, begun, carried_out, given, joined, logged

from madang.domain.access import Permission, Principal
from madang.domain.commands import CreateRun, Log
from madang.domain.sweeping.sweeps import CANCELLED, FAILED, FINISHED, PAUSED, RUNNING, STOPPED, WAITING, Sweep, Trial
from madang.errors import AccessDenied, Conflict, NotFound
from madang.services.changes import now
from madang.wiring import Engine

GRID = {"x": {"values": [1, 2, 3]}, "y": {"values": ["a", "b"]}}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass for sweeps and their agents."""
    passed = [0]
    for module in ("agents", "sweeps"):
        monkeypatch.setattr(f"madang.services.sweeping.{module}.now", lambda: now() + passed[0])

    def pass_seconds(seconds: float) -> None:
        passed[0] += int(seconds * 1e6)

    return pass_seconds


def state(engine: Engine, sweep: Sweep) -> str:
    """The state of a sweep now."""
    return engine.sweeping.sweeps.get(ME, P, sweep.id).state


def trials(engine: Engine, sweep: Sweep) -> list[Trial]:
    """Its trials now."""
    return engine.sweeping.sweeps.trials(sweep)


def test_a_grid_comes_once_each_and_ends(engine: Engine) -> None:
    """Two agents by turns get every point once; then both are sent away and the sweep has ended."""
    sweep = begun(engine, method="grid", parameters=GRID)
    agents = [joined(engine, sweep), joined(engine, sweep)]
    for turn in range(6):
        carried_out(engine, agents[turn % 2], lambda trial: trial.params["x"])
    assert [asked(engine, agent, wants=False) for agent in agents] == [[], []]
    assert [[order.do for order in asked(engine, agent)] for agent in agents] == [["exit"], ["exit"]]
    points = Counter((trial.params["x"], trial.params["y"]) for trial in trials(engine, sweep))
    assert points == Counter({(x, y): 1 for x in (1, 2, 3) for y in "ab"})
    assert {trial.state for trial in trials(engine, sweep)} == {FINISHED}
    assert state(engine, sweep) == FINISHED
    view = engine.sweeping.sweeps.view(ME, P, sweep.id)
    assert (view.best and view.best.value, view.expected, len(view.curve)) == (1, 6, 6)
    assert [point.best for point in view.curve] == [1.0] * 6
    assert [agent.state for agent in view.agents] == ["done", "done"]


def test_a_lost_answer_is_given_again(engine: Engine) -> None:
    """Who asks again without having begun its trial gets the same one, not another."""
    sweep = begun(engine, method="grid", parameters=GRID)
    agent = joined(engine, sweep)
    assert given(engine, agent).run == given(engine, agent).run
    assert len(trials(engine, sweep)) == 1


def test_a_silent_agents_trial_goes_to_another(engine: Engine, clock: Callable[[float], None]) -> None:
    """As a new attempt with a run of its own; the agent that comes back is told to stop what it runs."""
    sweep = begun(engine, method="grid", parameters={"x": {"values": [1]}})
    first, second = joined(engine, sweep), joined(engine, sweep)
    lost = given(engine, first)
    asked(engine, first, (lost.name,))
    assert asked(engine, second) == []
    clock(2000)
    again = given(engine, second)
    assert (again.number, again.attempt, again.earlier, again.params) == (1, 2, (lost.run,), lost.params)
    assert again.run != lost.run
    (stop,) = asked(engine, first, (lost.name,), wants=False)
    assert (stop.do, stop.trial and stop.trial.name) == ("stop", lost.name)
    logged(engine, again, 0.5)
    assert asked(engine, second)[0].do == "exit"
    assert [(trial.state, trial.attempt, trial.value) for trial in trials(engine, sweep)] == [(FINISHED, 2, 0.5)]


def test_the_last_agent_leaves_nothing_open(engine: Engine, clock: Callable[[float], None]) -> None:
    """An agent that has carried out as many trials as it wanted says no good-bye: the last run is counted."""
    sweep = begun(engine, method="grid", parameters={"x": {"values": [1]}})
    agent = joined(engine, sweep)
    trial = given(engine, agent)
    asked(engine, agent, (trial.run,))
    logged(engine, trial, 0.5)
    engine.sweeping.agents.settle_lost()
    assert [one.state for one in trials(engine, sweep)] == [RUNNING]
    clock(2000)
    engine.sweeping.agents.settle_lost()
    assert [(one.state, one.value) for one in trials(engine, sweep)] == [(FINISHED, 0.5)]
    assert engine.sweeping.sweeps.get(ME, P, sweep.id).state == FINISHED


def test_who_is_silent_but_logs_keeps_its_trial(engine: Engine, clock: Callable[[float], None]) -> None:
    """A run that still writes is not begun a second time, and its end is the trial's."""
    sweep = begun(engine, method="grid", agent_timeout=10_000, parameters={"x": {"values": [1]}})
    first, second = joined(engine, sweep), joined(engine, sweep)
    trial = given(engine, first)
    asked(engine, first, (trial.name,))
    clock(11_000)
    logged(engine, trial, 1.0, finish="")
    assert asked(engine, second) == []
    logged(engine, trial, 0.25)
    clock(1500)
    assert asked(engine, second)[0].do == "exit"
    assert [(one.state, one.attempt, one.value) for one in trials(engine, sweep)] == [(FINISHED, 1, 0.25)]


def test_a_trial_that_is_always_killed_fails(engine: Engine) -> None:
    """After as many attempts as the configuration allows; the sweep goes on without it."""
    sweep = begun(engine, method="grid", attempts=2, parameters={"x": {"values": [1]}})
    agent = joined(engine, sweep)
    for attempt in (1, 2):
        trial = given(engine, agent)
        assert trial.attempt == attempt
        asked(engine, agent, (trial.run,))
        logged(engine, trial, 1.0, finish="killed")
    assert asked(engine, agent)[0].do == "exit"
    assert [(trial.state, trial.value) for trial in trials(engine, sweep)] == [(FAILED, None)]


def test_a_program_that_fails_is_not_repeated(engine: Engine) -> None:
    """Its trial has failed, until somebody asks for another chance."""
    sweep = begun(engine, method="grid", parameters={"x": {"values": [1, 2]}})
    agent = joined(engine, sweep)
    trial = given(engine, agent)
    asked(engine, agent, (trial.run,))
    logged(engine, trial, 1.0, finish="failed")
    carried_out(engine, agent, lambda _: 2.0)
    assert asked(engine, agent)[0].do == "exit"
    assert [trial.state for trial in trials(engine, sweep)] == [FAILED, FINISHED]
    engine.sweeping.sweeps.change(ME, P, sweep.id, {"state": RUNNING, "again": True})
    again = carried_out(engine, joined(engine, sweep), lambda _: 3.0)
    assert (again.number, again.attempt, again.params) == (1, 1, trial.params)


def test_pause_resume_stop_cancel(engine: Engine) -> None:
    """Paused: agents wait. Stopped: they exit, and it can go on. Cancelled: what runs is stopped, for good."""
    sweep = begun(engine, method="random", parameters={"x": {"min": 0.0, "max": 1.0}})
    agent = joined(engine, sweep)

    def move(to: str) -> None:
        engine.sweeping.sweeps.change(ME, P, sweep.id, {"state": to})

    move(PAUSED)
    assert asked(engine, agent) == []
    move(RUNNING)
    trial = given(engine, agent)
    move(FINISHED)
    assert asked(engine, agent, (trial.run,)) == []
    logged(engine, trial, 1.0)
    assert asked(engine, agent)[0].do == "exit"
    move(RUNNING)
    other = joined(engine, sweep)
    trial = given(engine, other)
    asked(engine, other, (trial.run,))
    move(CANCELLED)
    assert [order.do for order in asked(engine, other, (trial.run,))] == ["stop"]
    assert asked(engine, other, (trial.run,)) == []
    logged(engine, trial, 1.0, finish="killed")
    assert asked(engine, other)[0].do == "exit"
    assert [trial.state for trial in trials(engine, sweep)] == [FINISHED, STOPPED]
    with pytest.raises(Conflict):
        move(RUNNING)


def test_a_run_cap_ends_a_sweep(engine: Engine) -> None:
    """No more trials than that; a higher one lets it go on."""
    sweep = begun(engine, method="random", run_cap=2, parameters={"x": {"min": 0.0, "max": 1.0}})
    agent = joined(engine, sweep)
    for _ in range(2):
        carried_out(engine, agent, lambda trial: trial.params["x"])
    assert asked(engine, agent)[0].do == "exit"
    assert state(engine, sweep) == FINISHED
    with pytest.raises(Conflict):
        engine.sweeping.sweeps.change(ME, P, sweep.id, {"state": RUNNING})
    engine.sweeping.sweeps.change(ME, P, sweep.id, {"state": RUNNING, "run_cap": 3})
    assert given(engine, joined(engine, sweep)).number == 3


def test_hopeless_trials_are_stopped(engine: Engine) -> None:
    """By Hyperband: at each band who is not among the best share is told to stop, and counts as far as it got."""
    early = {"type": "hyperband", "min_iter": 2, "eta": 2}
    sweep = begun(engine, method="random", early_terminate=early, parameters={"x": {"min": 0.0, "max": 1.0}})
    agents = [joined(engine, sweep) for _ in range(4)]
    running = [given(engine, agent) for agent in agents]
    told = []
    for agent, trial, loss in zip(agents, running, (1.0, 2.0, 0.5, 3.0), strict=True):
        logged(engine, trial, 9.0, loss, finish="")
        told.append([order.do for order in asked(engine, agent, (trial.run,))])
    assert told == [[], [], [], ["stop"]]
    logged(engine, running[3], finish="failed")
    asked(engine, agents[3], (), wants=False)
    stopped = trials(engine, sweep)[3]
    assert (stopped.state, stopped.value, dict(stopped.scores)) == (STOPPED, 3.0, {2: 3.0})


def test_another_process_knows_it_all(reopen: Callable[[], Engine]) -> None:
    """What one server has handed out the next one goes on with: nothing lives in memory alone."""
    one = reopen()
    sweep = begun(one, method="grid", parameters=GRID)
    agent = joined(one, sweep)
    carried_out(one, agent, lambda trial: trial.params["x"])
    trial = given(one, agent)
    asked(one, agent, (trial.run,))
    one.close()
    two = reopen()
    assert asked(two, agent, (trial.run,)) == []
    logged(two, trial, 1.0)
    while asked_for := [order for order in asked(two, agent) if order.do == "run"]:
        assert asked_for[0].trial is not None
        logged(two, asked_for[0].trial, 1.0)
    assert len({str(trial.params) for trial in trials(two, sweep)}) == len(trials(two, sweep)) == 6
    assert state(two, sweep) == FINISHED
    two.close()


def test_strangers_get_nothing(engine: Engine) -> None:
    """Who may not read a project finds no sweep of it; who may only read begins and carries out none."""
    sweep = begun(engine, method="grid", parameters=GRID)
    agent = joined(engine, sweep)
    reader, stranger = Principal("reader", projects={P: Permission.READ}), Principal("stranger")
    for ask in (
        lambda who: engine.sweeping.sweeps.view(who, P, sweep.id),
        lambda who: engine.sweeping.sweeps.view(who, "", sweep.id),
        lambda who: engine.sweeping.agents.beat(who, agent, ()),
    ):
        with pytest.raises(NotFound):
            ask(stranger)
    assert engine.sweeping.sweeps.views(stranger) == []
    for change in (
        lambda: engine.sweeping.agents.beat(reader, agent, ()),
        lambda: engine.sweeping.agents.join(reader, P, sweep.id, "h"),
        lambda: engine.sweeping.sweeps.change(reader, P, sweep.id, {"state": PAUSED}),
        lambda: engine.sweeping.sweeps.create(reader, P, "{method: grid, parameters: {x: {value: 1}}}"),
    ):
        with pytest.raises(AccessDenied):
            change()
    assert [view.id for view in engine.sweeping.sweeps.views(reader)] == [sweep.id]


def test_waiting_trials_that_end_after_all_count(engine: Engine, clock: Callable[[float], None]) -> None:
    """A run that finishes after its agent was taken for dead is the trial's, where nobody has begun it again."""
    sweep = begun(engine, method="grid", parameters={"x": {"values": [1]}})
    first, second = joined(engine, sweep), joined(engine, sweep)
    trial = given(engine, first)
    asked(engine, first, (trial.run,))
    engine.sweeping.sweeps.change(ME, P, sweep.id, {"state": PAUSED})
    clock(2000)
    engine.records.sweeps.put_trial(trial.ended("crashed", engine.sweeping.sweeps.config(sweep), 0))
    assert trials(engine, sweep)[0].state == WAITING
    logged(engine, trial, 0.5)
    engine.sweeping.sweeps.change(ME, P, sweep.id, {"state": RUNNING})
    assert asked(engine, second)[0].do == "exit"
    assert [(one.state, one.value, one.attempt) for one in trials(engine, sweep)] == [(FINISHED, 0.5, 1)]


def test_a_sweep_begins_with_runs_that_are_there(engine: Engine) -> None:
    """Those that are points of the search are its first trials, and a grid has their points no second time."""
    runs = []
    for config in ({"x": 2, "y": "b", "more": 1}, {"x": 9, "y": "b"}, {"x": 1}):
        run = engine.tracking.create(ME, P, CreateRun(config=config))
        engine.tracking.log(ME, run.id, Log({"loss": 0.5}))
        engine.tracking.log(ME, run.id, Log(finish="finished"))
        runs.append(run.id)
    sweep = begun(engine, method="grid", parameters=GRID)
    assert engine.sweeping.agents.adopt(ME, P, sweep.id, runs) == 1
    agent = joined(engine, sweep)
    for _ in range(5):
        carried_out(engine, agent, lambda trial: trial.params["x"])
    assert asked(engine, agent)[0].do == "exit"
    points = Counter((trial.params["x"], trial.params["y"]) for trial in trials(engine, sweep))
    assert points == Counter({(x, y): 1 for x in (1, 2, 3) for y in "ab"})
    assert trials(engine, sweep)[0].run == runs[0]
    assert engine.search.run(ME, runs[0]).tags["madang.sweep"] == sweep.id
    with pytest.raises(Conflict):
        engine.sweeping.agents.adopt(ME, P, sweep.id, runs)
