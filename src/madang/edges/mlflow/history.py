"""The points of metrics, in MLflow's order: time, step, value."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from itertools import repeat
from typing import Any, ClassVar

import msgspec
from msgspec import field

from madang.domain.series import Series
from madang.edges.mlflow.arguments import Arguments, missing
from madang.edges.mlflow.finding import no_run, run_of
from madang.edges.mlflow.paging import offset_of, token_for
from madang.edges.mlflow.runs import RunId
from madang.edges.mlflow.services import MlflowCall
from madang.edges.mlflow.shapes import number
from madang.edges.mlflow.tables import Place, Table, orderable, ordered, places, table_of
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


def _points(key: str, table: Table, run: str = "") -> list[Point]:
    values: Iterable[float | str] = table.values
    if not math.isfinite(sum(table.values)):
        values = map(number, table.values)
    return list(map(Point, repeat(key), values, table.at, table.steps, repeat(run)))


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
    state, table = _whole(call, run, body.metric_key)
    count = len(table.at)
    end = count if body.max_results is None else start + body.max_results
    made: dict[str, Any] = {}
    if start < min(end, count):
        made["metrics"] = _points(body.metric_key, table.part(start, end))
    if end < count:
        made["next_page_token"] = token_for(end)
        call.services.tables.keep(state, table)
    else:
        call.services.tables.forget(state)
    return made


def _whole(call: MlflowCall, run: str, key: str) -> tuple[tuple[str, str, str], Table]:
    """All points of a metric, and a name for what they are now: who asks for a page mostly asks for the next one."""
    try:
        state = (run, key, call.services.search.now(call.who, run))
    except NotFound:
        raise no_run(run) from None
    return state, call.services.tables.get(state) or ordered(_series(call, run, key))


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
            found += _points(body.metric_key, ordered(_series(call, run, body.metric_key)), run)
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
    by_run: dict[str, list[Place]] = {}
    for run in body.run_ids:
        run_of(call, run)
        by_run[run] = places(_series(call, run, body.metric_key, (body.start_step, body.end_step)))
    steps = _spread(by_run.values(), body.max_results)
    found: list[Point] = []
    for run, points in by_run.items():
        kept = [place for place in points if place.step in steps]
        kept.sort(key=lambda place: (place.step, place.at, orderable(place.value)))
        found += _points(body.metric_key, table_of(kept[:MOST_OF_INTERVAL]), run)
    return {"metrics": found} if found else {}


def _spread(runs: Collection[list[Place]], most: int) -> set[int]:
    """The steps that are shown: about so many of all runs together, and the first and last of each."""
    steps = sorted({place.step for points in runs for place in points})
    shown = steps if len(steps) <= most else [*steps[:: math.ceil(len(steps) / most)], steps[-1]]
    return {*shown, *(edge(place.step for place in points) for points in runs if points for edge in (min, max))}
