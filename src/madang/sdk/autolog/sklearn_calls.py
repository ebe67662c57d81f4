"""Metrics that a script computes after the training: `accuracy_score(y_test, model.predict(X_test))`."""

from __future__ import annotations

import inspect
import json
import weakref
from collections import defaultdict
from typing import TYPE_CHECKING

from madang.sdk.autolog.sklearn_scores import aside, is_aside
from madang.sdk.autolog.training import is_training, recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from madang.sdk.autolog.patching import Patches
    from madang.sdk.run import Run

_NO_METRICS = ("check_scoring", "get_scorer", "make_scorer", "get_scorer_names")
_SHOWN = 32  # characters of a text among the arguments


class Calls:
    """Which prediction came from which model and data, and what was measured with it.

    A metric is named ``{metric}_{variable that held the data}``, as MLflow does; the second call of one metric is
    ``{metric}-2_{variable}``, and the second data set in a variable of one name ``{metric}_{variable}-2``.
    """

    def __init__(self) -> None:
        self._runs: dict[int, Run] = {}  # id of a model → run; a model need not be hashable
        self._predictions: dict[int, tuple[str, Run]] = {}  # id of a prediction → name of the data, run
        self._data: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))  # run → name → ids
        self._metrics: dict[str, dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))

    def follow(self, model: Any, run: Run) -> None:
        """From now on what is measured of this model belongs to the run, as long as it is open."""
        weakref.finalize(model, self._runs.pop, id(model), None)
        self._runs[id(model)] = run
        if run.id not in self._metrics:
            _ = self._metrics[run.id]
            run.finishers.append(lambda: self._tell(run))

    def patch_metrics(self, patches: Patches) -> None:
        """Replace the functions of `sklearn.metrics`, once it is imported."""
        from madang.sdk.autolog.importing import when_imported

        def patch(module: Any) -> None:
            for name in module.__all__:
                held = getattr(module, name, None)
                if callable(held) and not inspect.isclass(held) and name not in _NO_METRICS:
                    patches.replace(module, name, self.measured)

        when_imported("sklearn.metrics", patch)

    def predicted(self, original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
        """In the place of `predict` and its like."""
        run = self._run_of(model)
        if run is None:
            return original(model, *args, **kwargs)
        with aside():
            made = original(model, *args, **kwargs)
        with recording(run, "what a prediction was made from"):
            weakref.finalize(made, self._predictions.pop, id(made), None)  # an id may be another's later
            self._predictions[id(made)] = (self._name_of(run, _first(args, kwargs)), run)
        return made

    def measured(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """In the place of a function of `sklearn.metrics`."""
        if is_training() or is_aside() or not self._predictions:
            return original(*args, **kwargs)
        with aside():
            value = original(*args, **kwargs)
        known = next(
            (self._predictions[id(one)] for one in (*args, *kwargs.values()) if id(one) in self._predictions), None
        )
        if known is not None and _is_number(value):
            name, run = known
            with recording(run, original.__name__):
                self._log(run, original.__name__, name, _command(original.__name__, original, args, kwargs), value)
        return value

    def scored(self, original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
        """In the place of `score`."""
        run = self._run_of(model)
        if run is None:
            return original(model, *args, **kwargs)
        with aside():
            value = original(model, *args, **kwargs)
        if _is_number(value):
            kind = type(model).__name__
            with recording(run, f"{kind}_score"):
                name = self._name_of(run, _first(args, kwargs))
                command = _command(f"{kind}.score", original, (model, *args), kwargs, skip=1)
                self._log(run, f"{kind}_score", name, command, value)
        return value

    def _run_of(self, model: Any) -> Run | None:
        if is_training() or is_aside():
            return None
        run = self._runs.get(id(model))
        return run if run is not None and run.status == "running" else None

    def _name_of(self, run: Run, data: Any) -> str:
        name = variable(data, "unknown_dataset")
        ids = self._data[run.id][name]
        if id(data) not in ids:
            ids.append(id(data))
        return _numbered(name, ids.index(id(data)))

    def _log(self, run: Run, metric: str, data: str, command: str, value: Any) -> None:
        if run.status != "running":
            return
        made = self._metrics[run.id][metric]
        key = f"{_numbered(metric, len(made))}_{data}"
        made.append((key, command))
        run.log({key: float(value)})

    def _tell(self, run: Run) -> None:
        """At the end of the run: by which call each metric came about."""
        told = dict(sorted(pair for made in self._metrics.pop(run.id, {}).values() for pair in made))
        self._data.pop(run.id, None)
        if told:
            with recording(run, "metric_info"):
                run.log_text("metric_info", json.dumps(told, ensure_ascii=False, indent=2))


calls = Calls()


def _numbered(name: str, index: int) -> str:
    return f"{name}-{index + 1}" if index else name


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0] if args else next(iter(kwargs.values()), None)


def _is_number(value: Any) -> bool:
    from numbers import Number

    return isinstance(value, Number) and not isinstance(value, (bool, complex))


def variable(value: Any, otherwise: str) -> str:
    """The name of the variable that holds a value, in the function that did not get it as an argument itself."""
    frame = inspect.currentframe()
    while value is not None and frame is not None:
        code = frame.f_code
        count = code.co_argcount + code.co_kwonlyargcount
        held = frame.f_locals
        many = code.co_varnames[count : count + bool(code.co_flags & inspect.CO_VARARGS)]
        keywords = code.co_varnames[
            count + len(many) : count + len(many) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
        ]
        passed = [held.get(name) for name in code.co_varnames[:count]]
        passed += [one for name in many for one in held.get(name, ())]
        passed += [one for name in keywords for one in held.get(name, {}).values()]
        if not any(one is value for one in passed):
            return next((name for name, one in held.items() if one is value), otherwise)
        frame = frame.f_back
    return otherwise


def _command(
    name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], skip: int = 0
) -> str:
    """The call as a person would write it, data by the names of its variables."""
    names = list(inspect.signature(function).parameters)
    given = [*zip(names, args, strict=False)][skip:] + list(kwargs.items())
    return f"{name}({', '.join(f'{key}={_shown(value)}' for key, value in given)})"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "...")
    return variable(value, f"<{type(value).__name__}>")
