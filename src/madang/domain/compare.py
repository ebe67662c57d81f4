"""What is different between runs: parameters, metrics, code, data, environment."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import Any

from madang.domain.metrics import MetricSummary, definition_of
from madang.domain.runs import RunRecord
from madang.domain.values import mutable, value


@value
class Row:
    """One thing and what each run has for it, in the order of the runs; None where a run has nothing."""

    key: str
    values: list[Any]
    best: int | None = None  # index of the run with the best value
    goal: str = ""  # `min` or `max`


@mutable
class Comparison:
    """Runs side by side. In every part but the metrics only what differs is listed; ``same`` counts the rest."""

    config: list[Row] = field(default_factory=list)
    metrics: list[Row] = field(default_factory=list)
    code: list[Row] = field(default_factory=list)
    data: list[Row] = field(default_factory=list)
    environment: list[Row] = field(default_factory=list)
    same: dict[str, int] = field(default_factory=dict)


def compare(runs: Sequence[RunRecord], *, everything: bool = False, without: Container[str] = ()) -> Comparison:
    """Set runs side by side. ``everything`` lists what is the same as well; ``without`` are files that are no code."""
    made = Comparison()
    parts: dict[str, Callable[[RunRecord], Mapping[str, Any]]] = {
        "config": lambda run: run.config,
        "code": partial(_code, without=without),
        "data": data_read,
        "environment": _environment,
    }
    for name, values_of in parts.items():
        rows = _rows([values_of(run) for run in runs])
        changed = [row for row in rows if not _same(row.values)]
        setattr(made, name, rows if everything else changed)
        made.same[name] = len(rows) - len(changed)
    made.metrics = _metrics(runs)
    return made


def _rows(tables: Sequence[Mapping[str, Any]]) -> list[Row]:
    keys = sorted(set().union(*tables)) if tables else []
    return [Row(key, [table.get(key) for table in tables]) for key in keys]


def _same(values: Sequence[Any]) -> bool:
    """Whether all values are equal: NaN equals NaN, and 1, 1.0 and True are three things."""
    return len({(type(value).__name__, repr(value)) for value in values}) <= 1


def _metrics(runs: Sequence[RunRecord]) -> list[Row]:
    keys = sorted({key for run in runs for key in (*run.metrics, *run.summary) if not key.startswith("system/")})
    rows = []
    for key in keys:
        goal = next((found for run in runs if (found := definition_of(key, run.definitions).goal)), "")
        values = [value_of(run, key) for run in runs]
        rows.append(Row(key, values, _best(values, goal), goal))
    return rows


def value_of(run: RunRecord, key: str) -> Any:
    """The one value of a metric: by hand, else as its definition says (best with a goal, else the last)."""
    if key in run.summary:
        return run.summary[key]
    metric = run.metrics.get(key)
    if metric is None:
        return None
    definition = definition_of(key, run.definitions)
    how = definition.summary or ("best" if definition.goal else "last")
    return _statistic(metric, how, definition.goal)


def _statistic(metric: MetricSummary, how: str, goal: str) -> Any:
    if how == "best":
        return metric.best(goal)
    return None if how == "none" else getattr(metric, how)


def _best(values: Sequence[Any], goal: str) -> int | None:
    """The run with the best value, if there is a goal, at least two numbers, and one run ahead of the others."""
    numbers = [
        (value, place)
        for place, value in enumerate(values)
        if isinstance(value, int | float) and not (isinstance(value, float) and math.isnan(value))
    ]
    if not goal or len(numbers) < 2:
        return None
    numbers.sort(key=lambda pair: pair[0], reverse=goal == "max")
    return None if numbers[0][0] == numbers[1][0] else numbers[0][1]


def _code(run: RunRecord, without: Container[str]) -> dict[str, Any]:
    code = run.code
    if code is None:
        return {}
    found: dict[str, Any] = {"commit": code.commit, "branch": code.branch, "entry": code.entry}
    if code.diff is not None:
        found["diff"] = code.diff.digest
    found |= {f"untracked {item.path}": item.digest for item in code.untracked if item.path not in without}
    found |= {f"withheld {item.path}": item.reason for item in code.withheld}
    return found


def data_read(run: RunRecord) -> dict[str, Any]:
    """What a run read of data: digest by path, or the version of an artifact by its name."""
    found: dict[str, Any] = {item.path: item.digest for item in run.inputs}
    for use in run.uses:
        found.setdefault(use.path or use.ref, use.digest or use.version)
    return found


def _environment(run: RunRecord) -> dict[str, Any]:
    environment = run.environment
    found: dict[str, Any] = {f"seed {key}": value for key, value in run.seeds.items()}
    if environment is None:
        return found
    for name in ("python", "implementation", "os", "cpu", "cuda"):
        if getattr(environment, name):
            found[name] = getattr(environment, name)
    if environment.gpus:
        found["gpus"] = ", ".join(environment.gpus)
    found |= {f"package {name}": version for name, version, _ in environment.packages}
    found |= {f"variable {name}": value for name, value in environment.variables.items()}
    return found
