"""Agents in processes of their own over one store, killed at random: a grid ends complete, each point once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter

from tests.sweeps.conftest import ME, P, begun, joined

from madang.config import HubConfig
from madang.domain.sweeping.sweeps import FINISHED, Sweep
from madang.wiring import Engine


def agents_at(engine: Engine, at: HubConfig, sweep: Sweep, count: int, kills: float) -> list[subprocess.Popen[bytes]]:
    """New agents at work."""
    words = [sys.executable, "-m", "tests.sweeps.racer", at.store, at.database]
    return [subprocess.Popen([*words, joined(engine, sweep), str(kills)]) for _ in range(count)]


def test_a_grid_under_racing_and_dying_agents(engine: Engine, config: HubConfig) -> None:
    """Each point is handed out once; what a killed agent had in hand another one does; then the sweep has ended."""
    sweep = begun(engine, method="grid", agent_timeout=1, attempts=50, parameters={"x": {"values": list(range(12))}})
    crowd = agents_at(engine, config, sweep, 4, 0.2)
    until = time.monotonic() + 200
    while engine.sweeping.sweeps.get(ME, P, sweep.id).state != FINISHED:
        assert time.monotonic() < until
        alive = [agent for agent in crowd if agent.poll() is None]
        if len(alive) < 3:
            crowd += agents_at(engine, config, sweep, 1, 0.0)
        time.sleep(0.1)
    for agent in crowd:
        agent.wait(200)
    trials = engine.sweeping.sweeps.trials(engine.sweeping.sweeps.get(ME, P, sweep.id))
    assert Counter(trial.params["x"] for trial in trials) == Counter(range(12))
    assert {trial.state for trial in trials} == {FINISHED}
    assert [trial.value for trial in trials] == [float(trial.params["x"]) for trial in trials]
    runs = [run for trial in trials for run in (trial.run, *trial.earlier)]
    assert len(set(runs)) == len(runs)
