"""scikit-learn: every estimator whose `fit` is called from outside of another training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from madang.sdk.autolog import sklearn_scores, sklearn_search
from madang.sdk.autolog.datasets import log_dataset
from madang.sdk.autolog.models import log_model, sample
from madang.sdk.autolog.sklearn_calls import calls
from madang.sdk.autolog.sklearn_inputs import Given, given_to
from madang.sdk.autolog.training import Training, estimator_tags, plain_parameters, recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from madang.sdk.autolog import Options
    from madang.sdk.autolog.patching import Patches
    from madang.sdk.run import Run

_FITS = ("fit", "fit_transform", "fit_predict")
_PREDICTS = ("predict", "predict_proba", "predict_log_proba", "transform")
# Data preparation is part of a pipeline, no model by itself.
_PREPARATION = ("sklearn.preprocessing", "sklearn.impute", "sklearn.feature_extraction", "sklearn.feature_selection",
                "sklearn.compose._column_transformer")  # fmt: skip
_REPEATED = ("cross_validate", "cross_val_predict", "cross_val_score", "learning_curve", "permutation_test_score",
             "validation_curve")  # fmt: skip


def patch(base: Any, patches: Patches, options: Options) -> None:
    """Replace the methods of all estimators, of those that are not imported yet too."""
    seen: set[type] = set()

    def visit(kind: type) -> None:
        for owner in kind.__mro__:
            if owner in seen or not owner.__module__.startswith("sklearn."):
                continue
            seen.add(owner)
            for name in _FITS:
                patches.replace(owner, name, _fit(options))
            for name in _PREDICTS:
                patches.replace(owner, name, calls.predicted)
            patches.replace(owner, "score", calls.scored)

    before = base.BaseEstimator.__init_subclass__.__func__

    def defined(kind: type, /, **named: Any) -> None:
        before(kind, **named)
        visit(kind)

    for kind in _below(base.BaseEstimator):
        visit(kind)
    patches.put(base.BaseEstimator, "__init_subclass__", classmethod(defined))
    calls.patch_metrics(patches)
    _patch_repetitions(patches)


def _below(kind: type) -> Iterator[type]:
    found: list[type] = kind.__subclasses__()
    for below in found:
        yield below
        yield from _below(below)


def _patch_repetitions(patches: Patches) -> None:
    """What fits again and again to measure is no training of a model."""
    from madang.sdk.autolog.importing import when_imported

    def patch_module(module: Any) -> None:
        for name in _REPEATED:
            patches.replace(module, name, _untold)

    when_imported("sklearn.model_selection", patch_module)


def _untold(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with sklearn_scores.aside():
        return original(*args, **kwargs)


def _is_preparation(kind: type) -> bool:
    own = next((base for base in kind.__mro__ if base.__module__.startswith("sklearn.")), kind)
    return own.__module__.startswith(_PREPARATION)


def _fit(options: Options) -> Callable[..., Any]:
    def fit(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_preparation(type(self)) or sklearn_scores.is_aside():
            return original(self, *args, **kwargs)
        with Training("sklearn") as run:
            if run is None:
                return original(self, *args, **kwargs)
            given = Given()
            with recording(run, f"the start of {type(self).__name__}"):
                given = given_to(type(self), args, kwargs, copied=_changes_input(self))
                given.example = sample(run, given.X, options)
                _log_start(run, self, given, options)
            fitted = original(self, *args, **kwargs)
            with recording(run, f"{type(self).__name__}"):
                _log_end(run, self, given, options)
            with recording(run, f"what is measured of {type(self).__name__}"):
                calls.follow(self, run)
            return fitted

    return fit


def _changes_input(estimator: Any) -> bool:
    return any(
        value is False and name.rpartition("__")[2].startswith("copy") for name, value in estimator.get_params().items()
    )


def _log_start(run: Run, estimator: Any, given: Given, options: Options) -> None:
    run.config.put(plain_parameters(estimator.get_params(deep=not sklearn_search.is_search(estimator))))
    run.set_tags(estimator_tags(estimator))
    if options.log_datasets:
        log_dataset(run, given.X, given.y, "train")


def _log_end(run: Run, estimator: Any, given: Given, options: Options) -> None:
    sklearn_scores.log_scores(run, estimator, given)
    with recording(run, "the picture of the estimator"):
        from sklearn.utils import estimator_html_repr

        run.log_html("estimator", estimator_html_repr(estimator))
    if options.log_models:
        log_model(run, estimator, "model", options, given.example)
    if sklearn_search.is_search(estimator):
        sklearn_search.log_search(run, estimator, given.example, options)
