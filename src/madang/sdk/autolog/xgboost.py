"""XGBoost: `xgboost.train`, and the estimators in the manner of scikit-learn."""

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

_ROWS = 5  # that are looked at
_LEFT_OUT = ("dtrain", "evals", "obj", "feval", "evals_result", "xgb_model", "callbacks")


def patch(xgboost: Any, patches: Patches, options: Options) -> None:
    """Replace `train`, and `fit` of the estimators, which call the `train` of their own module."""
    kind = _XGBoost(xgboost)
    patches.replace(xgboost, "train", training_function(kind, options, log_models=options.log_models))
    patches.replace(xgboost.sklearn, "train", training_function(kind, options, log_models=False))
    patch_estimators("xgboost", xgboost.XGBModel, patches, options)


def _callback(xgboost: Any) -> Any:
    class Recorder(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        """Records the metrics of each iteration."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self._run = run
            self.results: list[dict[str, float]] = []

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            with recording(self._run, "an iteration"):
                values = {
                    metric_name(data, metric): _last(series[-1])
                    for data, metrics in evals_log.items()
                    for metric, series in metrics.items()
                }
                self.results.append(values)
                if values:
                    self._run.log(values, step=epoch)
            return False

    return Recorder


def _last(value: Any) -> float:
    return float(value[0] if isinstance(value, tuple) else value)  # (mean, deviation) under cross-validation


class _XGBoost:
    name = "xgboost"
    left_out: tuple[str, ...] = _LEFT_OUT

    def __init__(self, xgboost: Any) -> None:
        self._callback = _callback(xgboost)

    def recorder(self, run: Run) -> Any:
        return self._callback(run)

    def log_data(self, run: Run, call: Call) -> None:
        _log_data(run, call)

    def rows(self, call: Call) -> Any:
        return _rows(call["dtrain"])

    def log_result(self, run: Run, booster: Any, results: list[dict[str, float]]) -> None:
        _log_best(run, booster, results)
        log_importance(run, "weight", booster.get_score(importance_type="weight"))


def _log_data(run: Run, call: Call) -> None:
    for matrix, context, name in (
        (call["dtrain"], "train", "dataset"),
        *((matrix, "eval", name) for matrix, name in call["evals"] or ()),
    ):
        if hasattr(matrix, "get_data") and type(matrix).__name__ == "DMatrix":
            log_dataset(run, matrix.get_data(), None, context, name)


def _rows(matrix: Any) -> Any:
    """The first rows of a matrix, under the names of its features if it has any."""
    if type(matrix).__name__ != "DMatrix" or not matrix.num_row():
        return None
    rows = matrix.slice(range(min(_ROWS, matrix.num_row()))).get_data().toarray().astype(float)  # it keeps 32 bits
    if not matrix.feature_names:
        return rows
    import pandas

    return pandas.DataFrame(rows, columns=matrix.feature_names)


def _log_best(run: Run, booster: Any, results: list[dict[str, float]]) -> None:
    best = getattr(booster, "best_iteration", None)
    if best is None or not results:
        return
    step = len(results)
    run.log({"stopped_iteration": step - 1, "best_iteration": best, **results[best]}, step=step)
