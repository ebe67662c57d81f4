"""What XGBoost and LightGBM have in common: a `train` function with callbacks, and importances of features."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from madang.sdk.autolog.training import plain_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

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
