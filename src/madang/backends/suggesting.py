"""Where to look next, by Optuna's samplers (`ports.sweeps.Suggester`).

The truth is the trials in the records. A study in memory is kept up with them: what this process has asked for and
what others have handed out meanwhile are told to it alike, so it may be lost and made anew at any time.
"""

from __future__ import annotations

import importlib.util
import threading
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from madang.domain.sweeping.config import MAXIMIZE, SAMPLERS, SweepConfig
from madang.domain.sweeping.search_space import CATEGORY, INTEGER, QUANTILE, Dimension, Point
from madang.domain.sweeping.sweeps import FAILED, FINISHED, STOPPED, Trial
from madang.errors import ConfigError

if TYPE_CHECKING:
    import optuna

_MOST = 64  # studies that are kept
_INSIDE = 1e-6  # probabilities keep this far from 0 and 1
_NEEDS = {"tpe": ("optuna",), "gp": ("optuna", "scipy", "torch"), "cmaes": ("optuna", "cmaes")}


class OptunaSuggester:
    """Studies of the sweeps that were asked for last. Thread-safe: one suggestion of a sweep at a time."""

    def __init__(self) -> None:
        self._studies: OrderedDict[str, _Study] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, method: str) -> None:
        """Raises `ConfigError` where what the method needs is not installed."""
        missing = [name for name in _NEEDS[SAMPLERS[method]] if importlib.util.find_spec(name) is None]
        if missing:
            raise ConfigError(
                f"The method {method} needs {' and '.join(missing)}, which is not installed where sweeps are kept.",
                hint=f"pip install 'madang[sweeps]'{' torch scipy' if method == 'gp' else ''}, or use random.",
            )

    def suggest(self, sweep: str, config: SweepConfig, trials: Sequence[Trial]) -> Point:
        """A point for the next trial."""
        with self._lock:
            study = self._studies.get(sweep)
            if study is None:
                self.check(config.method)
                study = self._studies[sweep] = _Study(config, trials)
            self._studies.move_to_end(sweep)
            while len(self._studies) > _MOST:
                self._studies.popitem(last=False)
        return study.suggest(trials)


class _Study:
    def __init__(self, config: SweepConfig, trials: Sequence[Trial]) -> None:
        import optuna  # noqa: PLC0415 - an extra

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._config = config
        self._distributions = {
            dimension.name: _distribution(dimension)
            for dimension in config.space.dimensions
            if not dimension.is_constant
        }
        self._lock = threading.Lock()
        self._study = optuna.create_study(
            direction="maximize" if config.goal == MAXIMIZE else "minimize", sampler=_sampler(config, trials)
        )
        self._numbers: dict[int, int] = {}  # of our trials, to Optuna's
        self._settled: set[int] = set()
        self._asked: list[tuple[Point, int]] = []  # points handed out of here that were not seen among the trials yet

    def suggest(self, trials: Sequence[Trial]) -> Point:
        with self._lock:
            self._keep_up(trials)
            asked = self._study.ask()
            point = self._config.space.point(lambda dimension: self._pick(asked, dimension))
            self._asked.append((point, asked.number))
            return point

    def _pick(self, asked: optuna.Trial, dimension: Dimension) -> int | float:
        if dimension.is_constant:
            return 0
        if dimension.kind == CATEGORY:
            return asked.suggest_categorical(dimension.name, range(len(dimension.choices)))
        if dimension.kind == INTEGER:
            return asked.suggest_int(dimension.name, int(dimension.low), int(dimension.high))
        low, high = _bounds(dimension)
        return asked.suggest_float(dimension.name, low, high, log=dimension.is_log)

    def _keep_up(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            if trial.number not in self._settled:
                if trial.number not in self._numbers:
                    self._numbers[trial.number] = self._adopt(trial)
                if not trial.is_open and trial.number not in self._settled:
                    self._tell(self._numbers[trial.number], trial)
                    self._settled.add(trial.number)
        for _, number in self._asked:  # others were faster
            self._study.tell(number, state=_states().FAIL)
        self._asked.clear()

    def _adopt(self, trial: Trial) -> int:
        """Optuna's number of a trial that is new here."""
        import optuna  # noqa: PLC0415 - an extra

        for place, (point, number) in enumerate(self._asked):
            if point == trial.point:
                del self._asked[place]
                return number
        params = {name: value for name, value in trial.point.items() if name in self._distributions}
        is_known = trial.state in (FINISHED, STOPPED) and trial.value is not None
        made = optuna.trial.create_trial(
            state=_states().COMPLETE if is_known else _states().RUNNING,
            value=trial.value if is_known else None,
            params=params,
            distributions={name: self._distributions[name] for name in params},
        )
        self._study.add_trial(made)
        if is_known:
            self._settled.add(trial.number)
        return len(self._study.get_trials(deepcopy=False)) - 1

    def _tell(self, number: int, trial: Trial) -> None:
        if trial.state in (FINISHED, STOPPED) and trial.value is not None:
            self._study.tell(number, trial.value)
        else:
            assert trial.state in (FINISHED, STOPPED, FAILED)
            self._study.tell(number, state=_states().FAIL)


def _states() -> Any:
    import optuna  # noqa: PLC0415 - an extra

    return optuna.trial.TrialState


def _distribution(dimension: Dimension) -> optuna.distributions.BaseDistribution:
    import optuna  # noqa: PLC0415 - an extra

    if dimension.kind == CATEGORY:
        return optuna.distributions.CategoricalDistribution(range(len(dimension.choices)))
    if dimension.kind == INTEGER:
        return optuna.distributions.IntDistribution(int(dimension.low), int(dimension.high))
    return optuna.distributions.FloatDistribution(*_bounds(dimension), log=dimension.is_log)


def _bounds(dimension: Dimension) -> tuple[float, float]:
    return (_INSIDE, 1 - _INSIDE) if dimension.kind == QUANTILE else (dimension.low, dimension.high)


def _sampler(config: SweepConfig, trials: Sequence[Trial]) -> optuna.samplers.BaseSampler:
    """The sampler of a method. The first trials are drawn at random before anyone is asked here."""
    import optuna  # noqa: PLC0415 - an extra

    seed = (config.seed + len(trials)) % (1 << 32) if config.seed else None
    kind = SAMPLERS[config.method]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if kind == "gp":
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=0)
        if kind == "cmaes":
            return optuna.samplers.CmaEsSampler(seed=seed, n_startup_trials=0)
        return optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=0,
            multivariate=True,
            group=any(dimension.when for dimension in config.space.dimensions),
            constant_liar=True,
        )
