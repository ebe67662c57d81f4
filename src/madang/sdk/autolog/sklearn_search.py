"""Parameter searches of scikit-learn: what was found, every candidate in a table, the best as child runs."""

from __future__ import annotations

from numbers import Number
from typing import TYPE_CHECKING

from madang.sdk.autolog.models import log_model
from madang.sdk.autolog.training import estimator_tags, plain_parameters, recording
from madang.sdk.init import init

if TYPE_CHECKING:
    from typing import Any

    from madang.sdk.autolog import Options
    from madang.sdk.run import Run


def is_search(estimator: Any) -> bool:
    """Whether the estimator searches for parameters."""
    return any(
        base.__name__ == "BaseSearchCV" and base.__module__.startswith("sklearn.") for base in type(estimator).__mro__
    )


def log_search(run: Run, search: Any, example: Any, options: Options) -> None:
    """Record the result of a search; ``example`` are some rows of its data."""
    found = {f"best_{name}": value for name, value in getattr(search, "best_params_", {}).items()}
    run.config.put(plain_parameters(found))
    if hasattr(search, "best_score_"):
        run.log({"best_cv_score": float(search.best_score_)})
    if options.log_models and hasattr(search, "best_estimator_"):
        log_model(run, search.best_estimator_, "best_estimator", options, example)
    results = getattr(search, "cv_results_", None)
    if results is None:
        return
    with recording(run, "cv_results"):
        run.log_table("cv_results", {name: [_cell(one) for one in column] for name, column in results.items()})
    with recording(run, "the candidates of the search"):
        _log_candidates(run, search, results, options.max_tuning_runs)


def _cell(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value if isinstance(value, (str, int, float)) else str(value)


def _log_candidates(run: Run, search: Any, results: Any, most: int | None) -> None:
    seed = search.estimator
    base = seed.get_params(deep=not is_search(seed))
    ranks = next((results[name] for name in results if name.startswith("rank_test_")), None)
    order = list(range(len(results["params"])))
    if ranks is not None:
        order.sort(key=lambda index: int(ranks[index]))
    mode: Any = run.mode
    for index in order[:most]:
        child = init(project=run.project, parent=run, mode=mode)
        child.set_tags({"autologging": "sklearn", **estimator_tags(seed)})
        child.config.put(plain_parameters({**base, **results["params"][index]}))
        child.log(
            {
                name: float(column[index])
                for name, column in results.items()
                if not name.startswith(("param", "split")) and isinstance(column[index], Number)
            }
        )
        child.end("finished", exit_code=0, wait=False)
