"""Sweeps as people see them: counts, the best trial, the curve of the best so far, and what matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from madang.domain.sweeping.config import SweepConfig
from madang.domain.sweeping.early_stopping import Hyperband
from madang.domain.sweeping.importance import Importance, importances
from madang.domain.sweeping.search_space import CATEGORY, INTEGER, QUANTILE, Dimension
from madang.domain.sweeping.sweeps import (
    FINISHED,
    RUNNING,
    STOPPED,
    TRIAL_STATES,
    Agent,
    Sweep,
    Trial,
    best_of,
    curve,
    expected,
)
from madang.domain.values import value


@value
class MetricGoal:
    """What a sweep optimizes."""

    name: str
    goal: str


@value
class BestTrial:
    """The best trial so far."""

    number: int
    run: str
    name: str
    value: float


@value
class ParameterView:
    """A parameter as an axis: bounds of a number, or the values of a category."""

    name: str
    kind: str  # number, integer, category, constant
    distribution: str
    is_log: bool = False
    low: float | None = None
    high: float | None = None
    values: list[Any] | None = None
    when: dict[str, list[Any]] = field(default_factory=dict)


@value
class TrialView:
    """A trial in a list."""

    number: int
    state: str
    run: str
    name: str
    params: dict[str, Any]
    value: float | None
    agent: str
    host: str
    attempt: int
    earlier_runs: list[str]
    begun_at: int
    ended_at: int
    error: str


@value
class CurvePoint:
    """A trial that ended with a value, and the best value by then."""

    number: int
    run: str
    at: int
    value: float
    best: float


@value
class AgentView:
    """An agent: `alive`, `gone` (silent for too long) or `done`."""

    id: str
    name: str
    host: str
    user: str
    state: str
    created_at: int
    seen_at: int
    running: list[str]
    trials: int


@value
class SweepView:
    """A sweep. What a list leaves out is empty there; see docs/formats/native-api.md."""

    id: str
    project: str
    name: str
    description: str
    method: str
    state: str
    priority: int
    metric: MetricGoal | None
    created_at: int
    updated_at: int
    created_by: str
    run_cap: int | None
    expected: int | None
    counts: dict[str, int]
    agents_alive: int
    best: BestTrial | None
    config: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    program: str = ""
    command: list[str] = field(default_factory=list)
    early_terminate: dict[str, Any] | None = None
    parameters: list[ParameterView] = field(default_factory=list)
    trials: list[TrialView] = field(default_factory=list)
    curve: list[CurvePoint] = field(default_factory=list)
    importance: list[Importance] = field(default_factory=list)
    agents: list[AgentView] = field(default_factory=list)


def summary(sweep: Sweep, config: SweepConfig, trials: Sequence[Trial], alive: int) -> dict[str, Any]:
    """What a list shows of a sweep, as fields of `SweepView`."""
    best = best_of(trials, config)
    counts = dict.fromkeys(TRIAL_STATES, 0)
    for trial in trials:
        counts[trial.state] += 1
    return {
        "id": sweep.id,
        "project": sweep.project,
        "name": sweep.name,
        "description": sweep.description,
        "method": config.method,
        "state": sweep.state,
        "priority": sweep.priority,
        "metric": MetricGoal(config.metric, config.goal) if config.metric else None,
        "created_at": sweep.created_at,
        "updated_at": sweep.updated_at,
        "created_by": sweep.created_by,
        "run_cap": sweep.run_cap,
        "expected": expected(sweep, config),
        "counts": counts,
        "agents_alive": alive,
        "best": BestTrial(best.number, best.run, best.title or best.name, best.value)
        if best and best.value is not None
        else None,
    }


def whole(sweep: Sweep, config: SweepConfig, trials: Sequence[Trial], agents: Sequence[AgentView]) -> SweepView:
    """All that is known of a sweep."""
    hosts = {agent.id: agent.host for agent in agents}
    rows = [(trial.params, trial.value) for trial in trials if trial.state in (FINISHED, STOPPED)]
    names = [dimension.name for dimension in config.space.dimensions if not dimension.is_constant]
    return SweepView(
        **summary(sweep, config, trials, sum(agent.state == "alive" for agent in agents)),
        config=sweep.config,
        text=sweep.text,
        program=config.program,
        command=list(config.command),
        early_terminate=_early(config.early),
        parameters=[_parameter(dimension) for dimension in config.space.dimensions],
        trials=[_trial(trial, hosts) for trial in trials],
        curve=[
            CurvePoint(trial.number, trial.run, trial.ended_at, found, best)
            for trial, found, best in curve(trials, config)
        ],
        importance=importances(names, [(params, found) for params, found in rows if found is not None]),
        agents=list(agents),
    )


def agent_view(agent: Agent, trials: Sequence[Trial], *, is_alive: bool) -> AgentView:
    """An agent with what it does."""
    mine = [trial for trial in trials if trial.agent == agent.id]
    state = "done" if agent.is_done else "alive" if is_alive else "gone"
    running = [trial.run for trial in mine if trial.state == RUNNING]
    return AgentView(
        agent.id, agent.name, agent.host, agent.user, state, agent.created_at, agent.seen_at, running, len(mine)
    )


def _early(found: Hyperband | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"type": "hyperband", "bands": list(found.bands), "eta": found.eta, "strict": found.strict}


def _parameter(dimension: Dimension) -> ParameterView:
    when = {name: list(values) for name, values in dimension.when}
    if dimension.kind == CATEGORY:
        kind = "constant" if dimension.is_constant else "category"
        return ParameterView(dimension.name, kind, dimension.distribution, values=list(dimension.choices), when=when)
    kind = "integer" if dimension.kind == INTEGER else "number"
    low, high = (None, None) if dimension.kind == QUANTILE else (dimension.low, dimension.high)
    is_log = dimension.is_log or "log" in dimension.distribution
    return ParameterView(dimension.name, kind, dimension.distribution, is_log, low, high, when=when)


def _trial(trial: Trial, hosts: dict[str, str]) -> TrialView:
    return TrialView(
        trial.number, trial.state, trial.run, trial.title or trial.name, trial.params, trial.value, trial.agent,
        hosts.get(trial.agent, ""), trial.attempt, list(trial.earlier), trial.begun_at, trial.ended_at, trial.error,
    )  # fmt: skip
