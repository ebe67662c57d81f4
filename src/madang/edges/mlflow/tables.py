"""The points of a metric in MLflow's order, and the one table of them that waits for its next page."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from madang.domain.progressions import is_ascending
from madang.domain.series import Series

_MOST_KEPT = 500_000  # points, 24 bytes each


class Place(NamedTuple):
    """One point; ``at`` is ms since 1970 UTC."""

    at: int
    step: int
    value: float


class Table(NamedTuple):
    """Points in columns, by time, step and value, each once."""

    at: Sequence[int] = ()
    steps: Sequence[int] = ()
    values: Sequence[float] = ()

    def part(self, start: int, end: int) -> Table:
        """Some of them."""
        return Table(self.at[start:end], self.steps[start:end], self.values[start:end])


def table_of(found: Sequence[Place]) -> Table:
    """Points in columns."""
    return Table(*zip(*found, strict=True)) if found else Table()


def ordered(series: Series | None) -> Table:
    """A series in MLflow's order."""
    if series is None:
        return Table()
    times, steps, values = series.times, series.steps, series.values
    if series.kind != "float":
        kept = [place for place, value in enumerate(values) if isinstance(value, int | float)]
        times, steps, values = ([column[place] for place in kept] for column in (times, steps, values))
        values = list(map(_float, values))
    at = [time // 1000 for time in times]
    if is_ascending(steps) and at == sorted(at):  # as loops write them
        return Table(at, steps, values)
    found = set(map(Place, at, steps, values))
    return table_of(sorted(found, key=lambda place: (place.at, place.step, orderable(place.value))))


def places(series: Series | None) -> list[Place]:
    """A series in MLflow's order, point by point."""
    return list(map(Place, *ordered(series)))


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def orderable(value: float) -> float:
    """A value to sort by: MLflow keeps a NaN as 0 with a mark."""
    return value if value == value else 0.0


class KeptTable:
    """The table that was asked for last and is not answered to its end. Threads may take it from one another."""

    def __init__(self) -> None:
        self._kept: tuple[object, Table] | None = None

    def get(self, state: object) -> Table | None:
        """The table, if it is the one that is kept. ``state`` names the series and what was written of it."""
        kept = self._kept
        return kept[1] if kept is not None and kept[0] == state else None

    def keep(self, state: object, table: Table) -> None:
        """Keep a table in the place of the last one."""
        if len(table.at) <= _MOST_KEPT and self.get(state) is None:
            self._kept = state, Table(array("q", table.at), array("q", table.steps), array("d", table.values))

    def forget(self, state: object) -> None:
        """The end of a table was answered."""
        if self.get(state) is not None:
            self._kept = None
