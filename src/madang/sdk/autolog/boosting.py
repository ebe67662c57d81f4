"""What XGBoost and LightGBM have in common: a `train` function with callbacks, and importances of features."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Protocol

from madang.sdk.autolog.models import log_model, sample
from madang.sdk.autolog.training import Training, plain_parameters, recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from madang.sdk.autolog import Options
    from madang.sdk.run import Run


class Call:
    """The arguments of one call of a training function, by name."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._bound = inspect.signature(function).bind(*args, **kwargs)
        self._function = function

    def __getitem__(self, name: str) -> Any:
        return self._bound.arguments.get(name)

    def log_params(self, run: Run, left_out: Iterable[str]) -> None:
        """Record the booster's own parameters, and the arguments of the function with their defaults."""
        from copy import copy

        whole = copy(self._bound)
        whole.arguments = dict(whole.arguments)
        whole.apply_defaults()
        named = {key: value for key, value in whole.arguments.items() if key not in ("params", *left_out)}
        named |= named.pop("kwargs", {})
        run.config.put(plain_parameters({**named, **dict(self["params"] or {})}))

    def with_callback(self, callback: Any) -> Any:
        """Make the call, with one callback more."""
        self._bound.arguments["callbacks"] = [*(self["callbacks"] or ()), callback]
        return self._function(*self._bound.args, **self._bound.kwargs)


class Booster(Protocol):
    """What differs between the two: which arguments are no parameters, and how data and results are read."""

    name: str
    left_out: tuple[str, ...]

    def recorder(self, run: Run) -> Any:
        """A callback that records each iteration and keeps its metrics in ``results``."""

    def log_data(self, run: Run, call: Call) -> None:
        """Record the data sets among the arguments."""

    def rows(self, call: Call) -> Any:
        """The training data as a model of this kind takes it; None where it is not in memory."""

    def log_result(self, run: Run, booster: Any, results: list[dict[str, float]]) -> None:
        """Record what came out beside the model."""


def training_function(kind: Booster, options: Options, *, log_models: bool) -> Callable[..., Any]:
    """What takes the place of a `train` function."""

    def train(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with Training(kind.name) as run:
            if run is None:
                return original(*args, **kwargs)
            call, example = Call(original, args, kwargs), None
            with recording(run, f"the start of {kind.name}.train"):
                call.log_params(run, kind.left_out)
                if options.log_datasets:
                    kind.log_data(run, call)
                example = sample(run, kind.rows(call), options) if log_models else None
            recorder = kind.recorder(run)
            booster = call.with_callback(recorder)
            with recording(run, f"the end of {kind.name}.train"):
                kind.log_result(run, booster, recorder.results)
                if log_models:
                    log_model(run, booster, "model", options, example)
            return booster

    return train


def metric_name(data: str, metric: str) -> str:
    """``validation_0-ndcg_at_3``: "@" is no character of MLflow's metric names."""
    return f"{data}-{metric}".replace("@", "_at_")


def log_importance(run: Run, kind: str, importance: Mapping[str, Any]) -> None:
    """Record a table of features, the most important first."""
    ranked = sorted(((str(name), _number(value)) for name, value in importance.items()), key=lambda pair: -pair[1])
    if ranked:
        run.log_table(f"feature_importance_{kind}", [list(pair) for pair in ranked], ["feature", "importance"])


def _number(value: Any) -> float:
    if hasattr(value, "__len__"):  # one value for each class
        return float(sum(abs(float(one)) for one in value))
    return float(value)
