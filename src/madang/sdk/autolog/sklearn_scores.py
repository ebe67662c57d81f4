"""How a fitted scikit-learn estimator does on the data it was trained with."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from madang.sdk.autolog.training import recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from madang.sdk.autolog.sklearn_inputs import Given
    from madang.sdk.run import Run

_PREFIX = "training_"
_MOST_POINTS = 1000  # of a curve
_aside = threading.local()


@contextmanager
def aside() -> Iterator[None]:
    """Record nothing that this thread fits or measures meanwhile."""
    before = is_aside()
    _aside.on = True
    try:
        yield
    finally:
        _aside.on = before


def is_aside() -> bool:
    """Whether this thread is in a part that records nothing."""
    return getattr(_aside, "on", False)


def log_scores(run: Run, estimator: Any, given: Given) -> None:
    """Record metrics and curves of a classifier or regressor, and the estimator's own score."""
    import sklearn.base

    if given.X is None:
        return
    values: dict[str, float] = {}
    if given.y is not None and sklearn.base.is_classifier(estimator):
        values = _classifier(run, estimator, given)
    elif given.y is not None and sklearn.base.is_regressor(estimator):
        values = _regressor(run, estimator, given)
    if hasattr(estimator, "score"):
        with recording(run, "training_score"):
            values["score"] = _score(estimator, given, values)
    if values:
        run.log({_PREFIX + name: value for name, value in values.items()})


def _score(estimator: Any, given: Given, known: dict[str, float]) -> float:
    """What `estimator.score` returns, which is mostly a metric that is known already."""
    from sklearn.base import ClassifierMixin, RegressorMixin

    score = type(estimator).score
    if score is ClassifierMixin.score and "accuracy_score" in known:
        return known["accuracy_score"]
    if score is RegressorMixin.score and "r2_score" in known:
        return known["r2_score"]
    weights = {} if given.sample_weight is None else {"sample_weight": given.sample_weight}
    return float(estimator.score(given.X, given.y, **weights))


def _measured(run: Run, metrics: dict[str, Callable[[], Any]]) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, measure in metrics.items():
        with recording(run, _PREFIX + name):
            values[name] = float(measure())
    return values


def _classifier(run: Run, estimator: Any, given: Given) -> dict[str, float]:
    from sklearn import metrics

    y, weight = given.y, given.sample_weight
    predicted = estimator.predict(given.X)
    told = {"average": "weighted", "sample_weight": weight}
    values = _measured(
        run,
        {
            "precision_score": lambda: metrics.precision_score(y, predicted, **told),
            "recall_score": lambda: metrics.recall_score(y, predicted, **told),
            "f1_score": lambda: metrics.f1_score(y, predicted, **told),
            "accuracy_score": lambda: metrics.accuracy_score(y, predicted, sample_weight=weight),
        },
    )
    with recording(run, "training_confusion_matrix"):
        labels = getattr(estimator, "classes_", None)
        run.log_confusion_matrix(
            "training_confusion_matrix",
            matrix=metrics.confusion_matrix(y, predicted, labels=labels, sample_weight=weight),
            labels=[str(label) for label in (sorted(set(y)) if labels is None else labels)],
        )
    if hasattr(estimator, "predict_proba"):
        with recording(run, "training_log_loss"):
            values |= _probabilities(run, estimator, given)
    return values


def _probabilities(run: Run, estimator: Any, given: Given) -> dict[str, float]:
    """What takes the probabilities of the classes."""
    from sklearn import metrics

    y, weight = given.y, given.sample_weight
    sure = estimator.predict_proba(given.X)
    is_binary = sure.shape[1] == 2
    of_second = sure[:, 1] if is_binary else sure
    told = {"average": "weighted", "sample_weight": weight, "multi_class": "ovo"}
    values = _measured(
        run,
        {
            "log_loss": lambda: metrics.log_loss(y, sure, sample_weight=weight),
            "roc_auc": lambda: metrics.roc_auc_score(y, of_second, **told),
        },
    )
    if is_binary:
        second = estimator.classes_[1]
        with recording(run, "training_roc_curve"):
            curve = metrics.roc_curve(y, of_second, pos_label=second, sample_weight=weight)
            _log_curve(run, "training_roc_curve", ("fpr", "tpr", "threshold"), curve)
        with recording(run, "training_precision_recall_curve"):
            precision, recall, limits = metrics.precision_recall_curve(
                y, of_second, pos_label=second, sample_weight=weight
            )
            names = ("recall", "precision", "threshold")
            _log_curve(run, "training_precision_recall_curve", names, (recall[:-1], precision[:-1], limits))
    return values


def _log_curve(run: Run, key: str, names: tuple[str, ...], columns: Any) -> None:
    every = -(-len(columns[0]) // _MOST_POINTS)
    run.log_table(key, {name: column[::every].tolist() for name, column in zip(names, columns, strict=True)})


def _regressor(run: Run, estimator: Any, given: Given) -> dict[str, float]:
    from sklearn import metrics

    y, told = given.y, {"sample_weight": given.sample_weight}
    predicted = estimator.predict(given.X)
    values = _measured(
        run,
        {
            "mean_squared_error": lambda: metrics.mean_squared_error(y, predicted, **told),
            "mean_absolute_error": lambda: metrics.mean_absolute_error(y, predicted, **told),
            "r2_score": lambda: metrics.r2_score(y, predicted, **told),
        },
    )
    if "mean_squared_error" in values:
        values["root_mean_squared_error"] = values["mean_squared_error"] ** 0.5
    return values
