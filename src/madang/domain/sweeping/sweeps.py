"""Sweeps: runs that share a search, the agents that carry them out, and the trials that are handed to agents.

A trial is one point of the search space. Each time it is given out is an attempt with a run of its own, so that what
a killed process has logged stays apart from what the next one logs.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import field, replace
from typing import Any

from madang.domain.sweeping.config import QMC, SweepConfig
from madang.domain.sweeping.halton import halton
from madang.domain.sweeping.search_space import Point
from madang.domain.values import value
from madang.errors import Conflict, InvalidInput

SWEEP_TAG, TRIAL_TAG = "madang.sweep", "madang.trial"
RUNNING, PAUSED, FINISHED, CANCELLED = "running", "paused", "finished", "cancelled"
SWEEP_STATES = (RUNNING, PAUSED, FINISHED, CANCELLED)
WAITING, STOPPED, FAILED = "waiting", "stopped", "failed"
TRIAL_STATES = (RUNNING, WAITING, FINISHED, STOPPED, FAILED)
STOP_AGAIN = 30_000_000  # µs after which an agent is told once more to stop a trial


@value
class Sweep:
    """One search. ``config`` is what ``text`` says, as read; times are µs UTC."""

    id: str
    project: str
    config: dict[str, Any]
    text: str = ""
    state: str = RUNNING
    name: str = ""
    description: str = ""
    priority: int = 0
    run_cap: int | None = None
    created_by: str = ""
    created_at: int = 0
    updated_at: int = 0

    def moved(self, state: str, at: int) -> Sweep:
        """The sweep in another state.

        Raises:
            InvalidInput: there is no such state.
            Conflict: it was cancelled, which is for good.
        """
        if state not in SWEEP_STATES:
            hint = f"Use one of: {', '.join(SWEEP_STATES)}."
            raise InvalidInput(f"{state[:80]!r} is not a state of a sweep.", hint=hint)
        if state == self.state:
            return self
        if self.state == CANCELLED:
            raise Conflict(f"The sweep {self.id} was cancelled.", hint="Make another one of the same configuration.")
        if self.state == FINISHED and state == PAUSED:
            raise Conflict(f"The sweep {self.id} has ended.", hint="Resume it with a higher run_cap.")
        return replace(self, state=state, updated_at=at)


@value
class Agent:
    """Somebody who carries out trials of a sweep. ``seen_at`` is when it was last heard of (µs UTC)."""

    id: str
    sweep: str
    host: str = ""
    name: str = ""
    user: str = ""
    created_at: int = 0
    seen_at: int = 0
    is_done: bool = False  # it was told to exit, or has said goodbye


@value
class Trial:
    """A point of the search, and what became of it. ``name`` is what W&B's client calls the run of the attempt."""

    sweep: str
    number: int  # 1, 2, … in a sweep
    point: Point
    params: dict[str, Any]  # by flat name
    state: str = RUNNING
    agent: str = ""
    run: str = ""
    name: str = ""
    place: int = -1  # in a grid
    attempt: int = 1
    earlier: tuple[str, ...] = ()  # runs of the attempts before
    begun_at: int = 0  # of this attempt; µs UTC
    ended_at: int = 0
    value: float | None = None
    scores: tuple[tuple[int, float], ...] = ()  # at the bands of early termination
    is_known: bool = False  # the agent has said that it runs it
    stopping_at: int = 0  # when the agent was told to stop it
    title: str = ""  # what people call the run, once it has ended
    reported: str = ""  # how its agent says that it ended, while the run's own record does not say it yet
    error: str = ""

    @property
    def is_open(self) -> bool:
        """Whether there is more to come."""
        return self.state in (RUNNING, WAITING)

    def again(self, agent: str, run: str, name: str, at: int) -> Trial:
        """The next attempt."""
        return replace(
            self, state=RUNNING, agent=agent, run=run, name=name, attempt=self.attempt + 1, begun_at=at, ended_at=0,
            earlier=(*self.earlier, self.run), value=None, scores=(), is_known=False, stopping_at=0, title="",
            reported="", error="",
        )  # fmt: skip

    def ended(self, status: str, config: SweepConfig, at: int, value: float | None = None, error: str = "") -> Trial:
        """What a trial is after its run has ended with a status (finished, failed, killed, crashed).

        Who was stopped has a value as far as it got; who was killed or crashed waits for another attempt.
        """
        if self.stopping_at:
            state = STOPPED
        elif status in ("finished", "failed"):
            state = status
        elif self.attempt < config.attempts:
            return replace(self, state=WAITING, error=error)
        else:
            state = FAILED
            error = error or f"{self.attempt} attempts were killed"
        return replace(self, state=state, ended_at=at, value=value if state != FAILED else None, error=error)


@value
class Order:
    """What an agent is to do: `run` a trial, `stop` the run of one, or `exit`."""

    do: str
    trial: Trial | None = None
    params: dict[str, Any] = field(default_factory=dict)  # nested as in the config


def drawn(sweep: Sweep, config: SweepConfig, number: int) -> Point:
    """The point of a trial that learns from no other: it depends on the seed and the trial's number alone."""
    if config.method == QMC:
        places = iter(halton(number, len(config.space.dimensions), config.seed or sweep.id))
        return config.space.point(lambda dimension: dimension.at(next(places)))
    generator = random.Random(f"{config.seed or sweep.id}/{number}")  # noqa: S311 - a search, no secret
    return config.space.point(lambda dimension: dimension.at(generator.random()))


def expected(sweep: Sweep, config: SweepConfig) -> int | None:
    """How many trials there will be; None where nobody can tell."""
    bounds = [bound for bound in (sweep.run_cap, config.grid_size) if bound is not None]
    return min(bounds) if bounds else None


def is_over(sweep: Sweep, config: SweepConfig, trials: Collection[Trial]) -> bool:
    """Whether a sweep has nothing more to hand out or to wait for."""
    most = expected(sweep, config)
    return most is not None and len(trials) >= most and not any(trial.is_open for trial in trials)


def best_of(trials: Iterable[Trial], config: SweepConfig) -> Trial | None:
    """The finished trial with the best value; the earlier one of two equals."""
    best: Trial | None = None
    for trial in trials:
        if trial.state != FINISHED or trial.value is None:
            continue
        if best is None or best.value is None or config.is_better(trial.value, best.value):
            best = trial
    return best


def curve(trials: Iterable[Trial], config: SweepConfig) -> list[tuple[Trial, float, float]]:
    """Trials that ended with a value, in the order of their ends, with that value and the best so far."""
    found: list[tuple[Trial, float, float]] = []
    ended = [trial for trial in trials if trial.state in (FINISHED, STOPPED) and trial.value is not None]
    for trial in sorted(ended, key=lambda item: (item.ended_at, item.number)):
        assert trial.value is not None
        best = found[-1][2] if found else trial.value
        found.append((trial, trial.value, trial.value if config.is_better(trial.value, best) else best))
    return found


def others_at(trials: Sequence[Trial], band: int) -> list[float]:
    """The scores of all trials that have come to a band."""
    return [score for trial in trials for at, score in trial.scores if at == band]
