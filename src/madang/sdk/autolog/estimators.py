"""Estimators in the manner of scikit-learn whose own package does the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from madang.sdk.autolog.models import log_model, sample
from madang.sdk.autolog.sklearn_calls import calls
from madang.sdk.autolog.sklearn_inputs import given_to
from madang.sdk.autolog.sklearn_scores import is_aside
from madang.sdk.autolog.training import Training, recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from madang.sdk.autolog import Options
    from madang.sdk.autolog.patching import Patches

_PREDICTS = ("predict", "predict_proba")


def patch_estimators(framework: str, base: type, patches: Patches, options: Options) -> None:
    """Replace the methods of a base class and of all classes below it.

    `train`, which `fit` calls, records everything but the model, which is worth more as an estimator.
    """

    def fit(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_aside():
            return original(self, *args, **kwargs)
        with Training(framework, passes_on=True) as run:
            example = None
            if run is not None:
                with recording(run, f"what {type(self).__name__} is given"):
                    example = sample(run, given_to(type(self), args, kwargs).X, options)
            fitted = original(self, *args, **kwargs)
            if run is not None and options.log_models:
                log_model(run, self, "model", options, example)
        if run is not None:
            with recording(run, f"what is measured of {type(self).__name__}"):
                calls.follow(self, run)
        return fitted

    package = base.__module__.partition(".")[0]
    kinds = [base, *_below(base)]
    for owner in {one for kind in kinds for one in kind.__mro__ if one.__module__.partition(".")[0] == package}:
        patches.replace(owner, "fit", fit)
        for name in _PREDICTS:
            patches.replace(owner, name, calls.predicted)
        patches.replace(owner, "score", calls.scored)
    calls.patch_metrics(patches)


def _below(kind: type) -> list[type]:
    found: list[type] = kind.__subclasses__()
    return [*found, *(deeper for one in found for deeper in _below(one))]
