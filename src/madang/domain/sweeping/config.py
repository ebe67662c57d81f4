"""The configuration of a sweep: W&B's, with a few keys of ours (docs/sweeps.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from madang.domain.sweeping.early_stopping import Hyperband, parse_early
from madang.domain.sweeping.parameters import parse_parameters
from madang.domain.sweeping.search_space import Grid, Space
from madang.domain.values import value
from madang.errors import InvalidInput

GRID, RANDOM, QMC = "grid", "random", "qmc"
SAMPLERS = {"bayes": "tpe", "tpe": "tpe", "gp": "gp", "cmaes": "cmaes"}
"""Methods that learn from the values of earlier trials, and the sampler of Optuna behind each."""
STARTUP = {"tpe": 10, "gp": 10, "cmaes": 1}
"""How many values a sampler has before it is asked: points before that are drawn at random, as Optuna does."""
METHODS = (GRID, RANDOM, QMC, *SAMPLERS)
COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
MINIMIZE, MAXIMIZE = "minimize", "maximize"
PATIENCE = 30.0
_KNOWN = frozenset({
    "method", "metric", "parameters", "run_cap", "early_terminate", "command", "program", "priority", "name",
    "description", "project", "entity", "seed", "agent_timeout", "attempts", "controller", "imports", "job", "launch",
})  # fmt: skip


@value
class SweepConfig:
    """What a sweep does. ``patience`` is how many seconds of an agent's silence are taken for its death."""

    method: str
    space: Space
    metric: str = ""
    goal: str = MINIMIZE
    run_cap: int | None = None
    early: Hyperband | None = None
    command: tuple[str, ...] = COMMAND
    program: str = ""
    priority: int = 0
    name: str = ""
    description: str = ""
    seed: int = 0
    patience: float = PATIENCE
    attempts: int = 3  # how often a trial is given out whose agent or process was killed
    warnings: tuple[str, ...] = field(default=())

    @property
    def grid_size(self) -> int | None:
        """How many points a grid has; None for other methods."""
        return Grid(self.space).size if self.method == GRID else None

    def is_better(self, one: float, other: float) -> bool:
        """Whether a value of the metric is better than another."""
        return one > other if self.goal == MAXIMIZE else one < other


def parse_config(given: Any) -> SweepConfig:
    """A configuration, checked.

    Raises:
        InvalidInput: it makes no sense; the message names the place.
    """
    if not isinstance(given, Mapping):
        raise InvalidInput("The configuration of a sweep is a mapping.", hint="See docs/sweeps.md for an example.")
    method = given.get("method")
    if method not in METHODS:
        raise InvalidInput(f"The method {method!r:.80} is unknown.", hint=f"Use one of: {', '.join(METHODS)}.")
    metric, goal = _metric(given.get("metric"))
    early = parse_early(given.get("early_terminate"))
    if not metric and (method in SAMPLERS or early is not None):
        why = f"The method {method}" if method in SAMPLERS else "Early termination"
        raise InvalidInput(f"{why} needs a metric.", hint="Write `metric: {name: val/loss, goal: minimize}`.")
    made = SweepConfig(
        method=str(method),
        space=parse_parameters(given.get("parameters")),
        metric=metric,
        goal=goal,
        run_cap=_whole(given, "run_cap", None, 1),
        early=early,
        command=_command(given.get("command")),
        program=_text(given, "program"),
        priority=_whole(given, "priority", 0, -(10**6)) or 0,
        name=_text(given, "name"),
        description=_text(given, "description"),
        seed=_whole(given, "seed", 0, 0) or 0,
        patience=float(_whole(given, "agent_timeout", int(PATIENCE), 1) or PATIENCE),
        attempts=_whole(given, "attempts", 3, 1) or 3,
        warnings=tuple(f"The key {str(key)[:80]!r} is not known here." for key in given if key not in _KNOWN),
    )
    _ = made.grid_size  # raises for a parameter that a grid cannot go through
    return made


def _metric(given: Any) -> tuple[str, str]:
    if given is None:
        return "", MINIMIZE
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str) or not given["name"]:
        raise InvalidInput("The metric has no `name`.", hint="Write `metric: {name: val/loss, goal: minimize}`.")
    goal = given.get("goal", MINIMIZE)
    if goal not in (MINIMIZE, MAXIMIZE):
        raise InvalidInput(f"The goal {goal!r:.80} of the metric is neither minimize nor maximize.")
    return given["name"], goal


def _command(given: Any) -> tuple[str, ...]:
    if given is None:
        return COMMAND
    if not isinstance(given, list) or not given:
        raise InvalidInput("`command` is not a list of words.", hint="Leave it out, or see docs/sweeps.md.")
    return tuple(str(word) for word in given)


def _text(given: Mapping[str, Any], key: str) -> str:
    found = given.get(key)
    if found is not None and not isinstance(found, str):
        raise InvalidInput(f"`{key}` is {found!r:.80}, not a text.")
    return found or ""


def _whole(given: Mapping[str, Any], key: str, default: int | None, least: int) -> int | None:
    found = given.get(key, default)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not least <= found <= 1 << 53:
        raise InvalidInput(f"`{key}` is {found!r:.80}, not a whole number from {least}.")
    return found
