"""Long histories thinned as they are read: memory is needed for what is answered, and not for what is stored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from madang.domain.metrics import MetricSummary
from madang.domain.series import Series
from madang.domain.steps import Spread, SpreadSteps
from madang.formats.rows import Rows
from madang.services.points import Points

Read = Callable[[Collection[str], tuple[int, int]], Iterator[tuple[str, Rows]]]
"""(segment, rows) of some keys within steps, a chunk at a time; there may be more in them than was asked for."""


def thinned(read: Read, metrics: Mapping[str, MetricSummary], spread: Spread) -> dict[str, Series]:
    """The points of some keys at steps spread over a run with these ``metrics``, which is read twice."""
    steps = _steps(read, metrics, spread)
    points = Points(set(spread.keys))
    for segment, rows in read(spread.keys, spread.bounds):
        points.add(segment, rows.pick([place for place, step in enumerate(rows.steps) if step in steps]))
    found = points.series(spread.bounds)
    for item in found.values():
        item.sampled = True
    return found


def _steps(read: Read, metrics: Mapping[str, MetricSummary], spread: Spread) -> set[int]:
    """Steps at which all needed keys were logged together, and those of the one with fewest points.

    At the latter others may have been logged by themselves. Where none is needed, of the key with most points.
    """

    def count(key: str) -> int:
        return metrics[key].count if key in metrics else 0

    main = min(spread.needed, key=count) if spread.needed else max(spread.keys, key=count)
    together, alone = SpreadSteps(spread.most), SpreadSteps(spread.most)
    needed = set(spread.needed)
    for _, rows in read(spread.needed or [main], spread.bounds):
        if main in rows.names:
            steps = _within(rows, main, spread.bounds)
            alone.add(steps)
            if needed and needed <= set(rows.names):
                together.add(steps)
    return together.chosen() | alone.chosen()


def _within(rows: Rows, key: str, bounds: tuple[int, int]) -> list[int]:
    column = rows.columns[list(rows.names).index(key)]
    low, high = bounds
    return [step for step, item in zip(rows.steps, column, strict=True) if item is not None and low <= step <= high]
