"""LightGBM: `lightgbm.train`, and the estimators in the manner of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from madang.sdk.autolog.boosting import Call, log_importance, metric_name, training_function
from madang.sdk.autolog.datasets import log_dataset
from madang.sdk.autolog.estimators import patch_estimators
from madang.sdk.autolog.training import recording

if TYPE_CHECKING:
    from typing import Any

    from madang.sdk.autolog import Options
    from madang.sdk.autolog.patching import Patches
    from madang.sdk.run import Run

_LEFT_OUT = ("train_set", "valid_sets", "valid_names", "fobj", "feval", "init_model", "learning_rates", "callbacks")


def patch(lightgbm: Any, patches: Patches, options: Options) -> None:
    """Replace `train`, and `fit` of the estimators, which call the `train` of their own module."""
    kind = _LightGBM()
    patches.replace(lightgbm, "train", training_function(kind, options, log_models=options.log_models))
    patches.replace(lightgbm.sklearn, "train", training_function(kind, options, log_models=False))
    patch_estimators("lightgbm", lightgbm.LGBMModel, patches, options)


class _Recorder:
    """Records the metrics of each iteration."""

    order = 25  # after the callbacks that print and keep them
    before_iteration = False

    def __init__(self, run: Run) -> None:
        self._run = run
        self.results: list[dict[str, float]] = []

    def __call__(self, env: Any) -> None:
        with recording(self._run, "an iteration"):
            values = {metric_name(one[0], one[1]): float(one[2]) for one in env.evaluation_result_list or ()}
            self.results.append(values)
            if values:
                self._run.log(values, step=env.iteration)


class _LightGBM:
    name = "lightgbm"
    left_out: tuple[str, ...] = _LEFT_OUT

    def recorder(self, run: Run) -> _Recorder:
        return _Recorder(run)

    def log_data(self, run: Run, call: Call) -> None:
        _log_data(run, call)

    def rows(self, call: Call) -> Any:
        return getattr(call["train_set"], "data", None)

    def log_result(self, run: Run, booster: Any, results: list[dict[str, float]]) -> None:
        _log_best(run, booster, results)
        for kind in ("split", "gain"):
            importance = booster.feature_importance(importance_type=kind)
            log_importance(run, kind, dict(zip(booster.feature_name(), importance, strict=True)))


def _log_data(run: Run, call: Call) -> None:
    log_dataset(run, getattr(call["train_set"], "data", None), getattr(call["train_set"], "label", None))
    valid = call["valid_sets"] or ()
    names = call["valid_names"] or ()
    for index, data in enumerate(valid if isinstance(valid, (list, tuple)) else [valid]):
        name = names[index] if index < len(names) and not isinstance(names, str) else "dataset"
        log_dataset(run, getattr(data, "data", None), getattr(data, "label", None), "eval", name)


def _log_best(run: Run, booster: Any, results: list[dict[str, float]]) -> None:
    best = booster.best_iteration  # counted from 1; 0 or -1 without early stopping
    if best <= 0 or len(results) < best:
        return
    step = len(results)
    run.log({"stopped_iteration": step, "best_iteration": best, **results[best - 1]}, step=step)
