"""The points of metrics, in MLflow's order: time, step, value."""

from __future__ import annotations

import math
from collections.abc import Collection
from itertools import chain
from typing import Any, ClassVar, NamedTuple

import msgspec
from msgspec import field

from madang.domain.columns import is_ascending
from madang.domain.series import Series
from madang.edges.mlflow.arguments import Arguments, missing
from madang.edges.mlflow.finding import no_run, run_of
from madang.edges.mlflow.paging import offset_of, token_for
from madang.edges.mlflow.runs import RunId
from madang.edges.mlflow.services import MlflowCall
from madang.edges.mlflow.shapes import number
from madang.errors import InvalidInput, NotFound

MOST_RUNS = 100
MOST_POINTS, MOST_OF_INTERVAL = 25_000, 2_500


class Point(msgspec.Struct, omit_defaults=True):
    """A point as JSON has it; the step stands also when it is 0."""

    key: str
    value: float | str
    timestamp: int
    step: int
    run_id: str = ""


class _Places(NamedTuple):
    """Points in columns: a series of 100,000 is read once for each of its pages."""

    times: list[int]  # µs
    steps: list[int]
    values: list[float]

    def part(self, which: slice) -> _Places:
        return _Places(self.times[which], self.steps[which], self.values[which])

    def pick(self, which: list[int]) -> _Places:
        return _Places(*([column[place] for place in which] for column in self))  # type: ignore[arg-type]


class MetricHistory(RunId):
    """GET metrics/get-history."""

    metric_key: str = ""
    page_token: str = ""
    max_results: int | None = None


class BulkHistory(Arguments):
    """GET metrics/get-history-bulk."""

    run_id: list[str] = field(default_factory=list)
    metric_key: str = ""
    max_results: int = MOST_POINTS


class IntervalHistory(Arguments):
    """GET metrics/get-history-bulk-interval."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("metric_key",)
    run_ids: list[str] = field(default_factory=list)
    metric_key: str = ""
    start_step: int | None = None
    end_step: int | None = None
    max_results: int = MOST_OF_INTERVAL


def _series(call: MlflowCall, run: str, key: str, steps: tuple[int | None, int | None] = (None, None)) -> Series | None:
    try:
        found = call.services.search.history(call.who, [run], [key], min_step=steps[0], max_step=steps[1])
    except NotFound:
        raise no_run(run) from None
    return found[run].get(key)


def _places(series: Series | None) -> _Places:
    """Points by time, step and value, each once."""
    if series is None:
        return _Places([], [], [])
    if series.kind == "float" and is_ascending(series.steps) and series.times == sorted(series.times):
        return _Places(series.times, series.steps, series.values)
    numbers = zip(series.times, series.steps, series.values, strict=True)
    found = {(at // 1000, step, _float(value)) for at, step, value in numbers if isinstance(value, int | float)}
    ordered = sorted(found, key=lambda place: (*place[:2], _orderable(place[2])))
    return _Places(
        [place[0] * 1000 for place in ordered], [place[1] for place in ordered], [place[2] for place in ordered]
    )


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _orderable(value: float) -> float:
    return value if value == value else 0.0  # MLflow keeps a NaN as 0 with a mark


def _points(key: str, places: _Places, run: str = "") -> list[Point]:
    return [
        Point(key, value if math.isfinite(value) else number(value), at // 1000, step, run)
        for at, step, value in zip(*places, strict=True)
    ]


def get_history(call: MlflowCall) -> Any:
    """GET metrics/get-history."""
    body: MetricHistory = call.body
    run = body.run
    if not body.metric_key:
        raise missing("metric_key")
    if body.max_results is not None and body.max_results <= 0:
        raise InvalidInput(
            f"Invalid value {body.max_results} for parameter 'max_results' supplied. It must be a positive integer."
        )
    start = offset_of(body.page_token)
    places = _places(_series(call, run, body.metric_key))
    count = len(places.steps)
    end = count if body.max_results is None else start + body.max_results
    made: dict[str, Any] = {}
    if start < count:
        made["metrics"] = _points(body.metric_key, places.part(slice(start, end)))
    if end < count:
        made["next_page_token"] = token_for(end)
    return made


def get_bulk(call: MlflowCall) -> Any:
    """GET metrics/get-history-bulk."""
    body: BulkHistory = call.body
    if not body.run_id:
        raise InvalidInput("GetMetricHistoryBulk request must specify at least one run_id.")
    _check_count("GetMetricHistoryBulk request cannot specify more than", body.run_id)
    if not body.metric_key:
        raise InvalidInput("GetMetricHistoryBulk request must specify a metric_key.")
    most = min(body.max_results, MOST_POINTS)
    found: list[Point] = []
    for run in sorted(body.run_id):
        if len(found) < most:
            found += _points(body.metric_key, _places(_series(call, run, body.metric_key)), run)
    return {"metrics": found[:most]}


def _check_count(said: str, runs: list[str]) -> None:
    if len(runs) > MOST_RUNS:
        raise InvalidInput(f"{said} {MOST_RUNS} run_ids. Received {len(runs)} run_ids.")


def get_interval(call: MlflowCall) -> Any:
    """GET metrics/get-history-bulk-interval: points spread evenly over each run's, with the first and the last."""
    body: IntervalHistory = call.body
    if not body.run_ids:
        raise missing("run_ids")
    _check_count("GetMetricHistoryBulkInterval request must specify at most", body.run_ids)
    if not 1 <= body.max_results <= MOST_OF_INTERVAL:
        raise InvalidInput(f"max_results must be between 1 and {MOST_OF_INTERVAL}.")
    if (body.start_step is None) != (body.end_step is None):
        raise InvalidInput("If either start step or end step are specified, both must be specified.")
    if body.start_step is not None and body.end_step is not None and body.start_step > body.end_step:
        raise InvalidInput(
            "end_step must be greater than start_step. "
            f"Found start_step={body.start_step} and end_step={body.end_step}."
        )
    by_run: dict[str, _Places] = {}
    for run in body.run_ids:
        run_of(call, run)
        by_run[run] = _places(_series(call, run, body.metric_key, (body.start_step, body.end_step)))
    steps = _spread(by_run.values(), body.max_results)
    found: list[Point] = []
    for run, places in by_run.items():
        kept = [place for place, step in enumerate(places.steps) if step in steps]
        rank = [*zip(places.steps, places.times, map(_orderable, places.values), strict=True)]
        kept.sort(key=rank.__getitem__)
        found += _points(body.metric_key, places.pick(kept[:MOST_OF_INTERVAL]), run)
    return {"metrics": found} if found else {}


def _spread(runs: Collection[_Places], most: int) -> set[int]:
    """The steps that are shown: about so many of all runs together, and the first and last of each."""
    steps = sorted(set(chain.from_iterable(places.steps for places in runs)))
    shown = steps if len(steps) <= most else [*steps[:: math.ceil(len(steps) / most)], steps[-1]]
    return {*shown, *(edge(places.steps) for places in runs if places.steps for edge in (min, max))}
