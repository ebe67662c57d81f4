"""Which runs are compared when somebody asks why a metric is not what it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from madang.domain.compare import value_of
from madang.domain.metrics import definition_of
from madang.domain.pipelines import STAGE_TAG
from madang.domain.query import AllOf, Compare, Exists, Field, Order, RunQuery
from madang.domain.runs import RunRecord
from madang.errors import InvalidInput, NotFound
from madang.ports.reader import Reader
from madang.services.comparing.code_files import code_marks
from madang.services.reproduce import TAG as REPRODUCES

VARIANT = "madang.variant"  # tag of a run that was made to find a cause
_LOOKED_AT = 200  # earlier runs
_SAME = 30  # runs that are looked at for what chance does


def number_of(run: RunRecord, metric: str) -> float:
    """The value of a metric.

    Raises:
        NotFound: the run has none. InvalidInput: it is no number.
    """
    found = value_of(run, metric)
    if found is None:
        names = ", ".join(sorted(key for key in run.metrics if not key.startswith("system/"))[:8])
        raise NotFound(f"Run {run.id[:8]} {run.name} has no metric {metric!r}.", hint=f"It has: {names or 'none'}.")
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise InvalidInput(f"{metric!r} of run {run.id[:8]} is {found!r}, not a number.")
    return float(found)


def latest(reader: Reader, project: str, metric: str) -> RunRecord:
    """The newest ended run of a project that has a metric. Raises `NotFound`."""
    for run in _with_metric(reader, project, metric):
        return reader.run(run.id)
    raise NotFound(f"No ended run of project {project!r} has the metric {metric!r}.", hint="madang runs lists them.")


def reference(reader: Reader, run: RunRecord, metric: str) -> RunRecord:
    """The run to compare with: of the earlier ones of the same program, the best by the metric's goal, else the last.

    Raises:
        NotFound: there is none.
    """
    earlier = [
        one
        for one in _with_metric(reader, run.project, metric)
        if one.created_at < run.created_at and program_of(one) == program_of(run)
    ]
    if not earlier:
        raise NotFound(
            f"Run {run.id[:8]} is the first of its program with {metric!r}.", hint="Name another run: --against RUN"
        )
    goal = definition_of(metric, run.definitions).goal
    if not goal:
        return reader.run(earlier[0].id)
    key = min if goal == "min" else max
    return reader.run(key(earlier, key=lambda one: number_of(one, metric)).id)


def _with_metric(reader: Reader, project: str, metric: str) -> Sequence[RunRecord]:
    where = AllOf(
        (
            Exists(Field("metrics", metric)),
            Compare(Field("attributes", "status"), "=", "finished"),
            Exists(Field("tags", VARIANT), negated=True),
            Exists(Field("tags", REPRODUCES), negated=True),
        )
    )
    order = (Order(Field("attributes", "created_at"), descending=True),)
    return reader.runs(RunQuery((project,), where, order, limit=_LOOKED_AT, keys=(metric,))).runs


def program_of(run: RunRecord) -> str:
    """What tells runs of one program from those of another: the stage, the script, else the command's first word."""
    if stage := run.tags.get(STAGE_TAG):
        return f"stage {stage}"
    words = [word for word in run.command[1:] if not word.startswith("-")] if run.executable else run.command
    return words[0].rpartition("/")[2] if words else ""


def chance(reader: Reader, runs: Sequence[RunRecord], metric: str) -> float:
    """By how much runs differ in a metric that were the same as one of these: in code, data, parameters and seeds.

    Repetitions count too. 0 where none is known, which does not mean that there is no chance.
    """
    found = 0.0
    for run in runs:
        wanted, values = facts_of(run), [number_of(run, metric)]
        for one in _alike(reader, run, metric):
            known = value_of(one, metric)
            is_number = isinstance(known, int | float) and not isinstance(known, bool)
            if is_number and one.id != run.id and (REPRODUCES in one.tags or facts_of(reader.run(one.id)) == wanted):
                values.append(float(known))
        found = max(found, max(values) - min(values))
    return found


def facts_of(run: RunRecord) -> list[Any]:
    """What tells whether two runs did the same."""
    data = sorted((item.path, item.digest) for item in run.inputs)
    variables = run.environment.variables if run.environment is not None else {}
    return [run.command, code_marks(run), data, run.config, run.seeds, variables]


def _alike(reader: Reader, run: RunRecord, metric: str) -> list[RunRecord]:
    """The newest runs of the same program, and the repetitions of the run."""
    has = (Exists(Field("metrics", metric)), Compare(Field("attributes", "status"), "=", "finished"))
    again = RunQuery(
        (run.project,), AllOf((*has, Compare(Field("tags", REPRODUCES), "=", run.id))), limit=_SAME, keys=(metric,)
    )
    others = [one for one in _with_metric(reader, run.project, metric) if program_of(one) == program_of(run)]
    return [*reader.runs(again).runs, *others[:_SAME]]
