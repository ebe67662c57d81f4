"""Spark ML: `Estimator.fit`, and what evaluators measure afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from madang.sdk.autolog.training import Training, estimator_tags, is_training, plain_parameters, recording
from madang.sdk.current import current_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from madang.sdk.autolog import Options
    from madang.sdk.autolog.patching import Patches
    from madang.sdk.run import Run

_PREPARATION = "pyspark.ml.feature"


def patch(ml: Any, patches: Patches, options: Options) -> None:
    """Replace `fit` of all estimators, which they inherit, and `evaluate` of evaluators."""
    from importlib import import_module

    patches.replace(ml.Estimator, "fit", _fit)
    evaluator = import_module("pyspark.ml.evaluation").Evaluator
    patches.replace(evaluator, "evaluate", _evaluate)


def _fit(original: Callable[..., Any], self: Any, dataset: Any, params: Any = None) -> Any:
    if type(self).__module__.startswith(_PREPARATION) or isinstance(params, (list, tuple)):
        return original(self, dataset, params)
    with Training("spark") as run:
        if run is None:
            return original(self, dataset, params)
        estimator = self.copy(params) if params else self
        names = _names(estimator)
        with recording(run, f"the start of {type(self).__name__}"):
            run.config.put(plain_parameters(dict(_parameters(estimator, names, ""))))
            run.set_tags(estimator_tags(self))
        model = original(self, dataset, params)
        with recording(run, f"the end of {type(self).__name__}"):
            if _is_search(estimator):
                _log_search(run, estimator, model, names)
        return model


def _is_search(stage: Any) -> bool:
    return hasattr(stage, "getEstimatorParamMaps")


def _stages(stage: Any) -> Iterator[Any]:
    """The stage and all inside of it, depth first."""
    from pyspark.ml.param import Params

    yield stage
    if hasattr(stage, "getStages"):
        for below in stage.getStages():
            yield from _stages(below)
        return
    for _, value in _defined(stage):
        if isinstance(value, Params):
            yield from _stages(value)


def _defined(stage: Any) -> list[tuple[str, Any]]:
    return [(param.name, stage.getOrDefault(param)) for param in stage.params if stage.isDefined(param)]


def _names(estimator: Any) -> dict[str, str]:
    """Names by uid: the class, numbered where there are several of it."""
    stages = list(_stages(estimator))
    counts: dict[str, int] = {}
    numbers: dict[str, tuple[str, int]] = {}
    for stage in stages:
        kind = type(stage).__name__
        counts[kind] = counts.get(kind, 0) + 1
        numbers[stage.uid] = (kind, counts[kind])
    return {uid: f"{kind}_{number}" if counts[kind] > 1 else kind for uid, (kind, number) in numbers.items()}


def _parameters(stage: Any, names: dict[str, str], prefix: str) -> Iterator[tuple[str, Any]]:
    from pyspark.ml.param import Params

    for name, value in _defined(stage):
        if name == "stages":
            yield prefix + name, [names[below.uid] for below in stage.getStages()]
            for below in stage.getStages():
                yield from _parameters(below, names, f"{names[below.uid]}.")
        elif name == "estimatorParamMaps":
            continue
        elif isinstance(value, Params):
            yield prefix + name, names[value.uid]
            if not (_is_search(stage) and name == "estimator"):
                yield from _parameters(value, names, f"{names[value.uid]}.")
        else:
            yield prefix + name, value


def _log_search(run: Run, search: Any, model: Any, names: dict[str, str]) -> None:
    metric = search.getEvaluator().getMetricName()
    columns: dict[str, list[float]] = {}
    if hasattr(model, "avgMetrics"):
        columns[f"avg_{metric}"] = list(model.avgMetrics)
        if getattr(model, "stdMetrics", None):
            columns[f"std_{metric}"] = list(model.stdMetrics)
    else:
        columns[metric] = list(model.validationMetrics)
    measured = next(iter(columns.values()))
    maps = [
        {f"{names[param.parent]}.{param.name}": value for param, value in candidate.items()}
        for candidate in search.getEstimatorParamMaps()
    ]
    rows = {"params": [json.dumps(one, default=str) for one in maps], **columns}
    run.log_table("search_results", rows)
    best = max if search.getEvaluator().isLargerBetter() else min
    run.config.put(
        plain_parameters({f"best_{key}": value for key, value in maps[measured.index(best(measured))].items()})
    )


def _evaluate(original: Callable[..., Any], self: Any, dataset: Any, params: Any = None) -> Any:
    value = original(self, dataset, params)
    run = current_run()
    if run is not None and not is_training() and hasattr(self, "getMetricName"):
        from madang.sdk.autolog.sklearn_calls import variable

        with recording(run, "what an evaluator measured"):
            run.log({f"{self.getMetricName()}_{variable(dataset, 'unknown_dataset')}": float(value)})
    return value
