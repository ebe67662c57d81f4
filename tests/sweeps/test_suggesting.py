"""Suggestions of Optuna: as good as Optuna's own, kept up with trials of others, over every kind of parameter."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import optuna
import pytest

from madang.backends.suggesting import OptunaSuggester
from madang.domain.sweeping.config import STARTUP, SweepConfig, parse_config
from madang.domain.sweeping.sweeps import FINISHED, RUNNING, Sweep, Trial, best_of, drawn

EVERYTHING = {
    "x": {"min": -5.0, "max": 5.0},
    "n": {"min": 1, "max": 9},
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
    "size": {"distribution": "q_log_uniform_values", "min": 8, "max": 256, "q": 8},
    "w": {"distribution": "normal", "mu": 0, "sigma": 1},
    "b": {"distribution": "beta", "a": 2, "b": 5},
    "kind": {"values": ["sgd", {"name": "adam"}, None]},
    "momentum": {"min": 0.0, "max": 1.0, "when": {"kind": "sgd"}},
    "fixed": {"value": 3},
}


def searched(config: SweepConfig, loss: Callable[[dict[str, Any]], float], count: int, renewed: int = 0) -> list[Trial]:
    """Trials one after the other, as a service would have them; the suggester is made anew after ``renewed``."""
    sweep, suggester, trials = Sweep("s", "p", {}), OptunaSuggester(), list[Trial]()
    least = STARTUP["cmaes" if config.method == "cmaes" else "tpe"]
    for number in range(1, count + 1):
        if renewed and number % renewed == 0:
            suggester = OptunaSuggester()
        is_first = number <= least
        point = drawn(sweep, config, number) if is_first else suggester.suggest("s", config, trials)
        params = config.space.flat(point)
        trials.append(Trial("s", number, point, params, state=FINISHED, value=loss(params)))
    return trials


def branin(x: float, y: float) -> float:
    """A function with three minima of 0.398."""
    bowl = (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def best(trials: list[Trial], config: SweepConfig) -> float:
    """The best value."""
    found = best_of(trials, config)
    assert found is not None
    assert found.value is not None
    return found.value


def test_as_good_as_optuna() -> None:
    """On Branin's function the median of the best of 50 trials is no worse than with Optuna's own study."""
    plane = {"x": {"min": -5.0, "max": 10.0}, "y": {"min": 0.0, "max": 15.0}}
    ours, theirs = [], []
    for seed in range(1, 8):
        config = parse_config({"method": "bayes", "seed": seed, "metric": {"name": "l"}, "parameters": plane})
        ours.append(best(searched(config, lambda p: branin(p["x"], p["y"]), 50), config))
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True))
        study.optimize(lambda t: branin(t.suggest_float("x", -5, 10), t.suggest_float("y", 0, 15)), n_trials=50)
        theirs.append(study.best_value)
    assert statistics.median(ours) <= statistics.median(theirs) + 0.5
    assert statistics.median(ours) < 1.5


@pytest.mark.parametrize("method", ["bayes", "tpe", "cmaes"])
def test_every_kind_of_parameter(method: str) -> None:
    """Points are of the space, with conditions; also when the study is lost on the way and made anew."""
    config = parse_config(
        {"method": method, "seed": 5, "metric": {"name": "l", "goal": "maximize"}, "parameters": EVERYTHING}
    )
    trials = searched(config, lambda p: -abs(p["x"] - 1) - (p["kind"] != "sgd"), 40, renewed=15)
    for trial in trials:
        assert ("momentum" in trial.params) == (trial.params["kind"] == "sgd")
        assert trial.params["size"] % 8 == 0
        assert 8 <= trial.params["size"] <= 256
        assert 0 < trial.params["b"] < 1
        assert trial.params["fixed"] == 3
        assert trial.point == config.space.point(lambda item, trial=trial: trial.point[item.name])  # type: ignore[misc]
    assert best(trials, config) > -1.5


def test_trials_of_others_are_taken_into_account() -> None:
    """What was asked for and is running, what others asked for, and what failed: none of it stops the search."""
    config = parse_config(
        {"method": "bayes", "seed": 7, "metric": {"name": "l"}, "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    )
    trials = searched(config, lambda p: p["x"], 15)
    suggester, points = OptunaSuggester(), []
    for number in range(16, 30):
        point = suggester.suggest("s", config, trials)
        points.append(point["x"])
        if number % 3:  # else somebody else was faster with this number
            trials.append(Trial("s", number, point, config.space.flat(point), state=(RUNNING, "failed")[number % 2]))
        else:
            trials.append(Trial("s", number, {"x": 0.5}, {"x": 0.5}, state=FINISHED, value=float(number)))
    assert len(set(points)) == len(points)
