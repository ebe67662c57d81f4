"""What stands beside a run for each metric: last, minimum, maximum, mean, and which of them counts as best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any

from madang.domain.events import DefineMetric
from madang.domain.values import mutable

Number = int | float


@mutable
class MetricSummary:
    """Derived from the points of one key of one run. Merging is associative and does not depend on order.

    ``last`` may be any logged value (number, bool, text, media pointer); minimum, maximum and mean are over finite and
    infinite numbers and pass over NaN. ``last_at`` is (step, time µs, segment, sequence) of the last value.
    """

    count: int = 0
    last: Any = None
    last_at: tuple[int, int, str, int] = (-(1 << 63), 0, "", 0)
    min: Number | None = None
    min_step: int = 0
    max: Number | None = None
    max_step: int = 0
    numbers: int = 0  # how many points were numbers other than NaN
    total: float = 0.0  # their sum, rounded once
    rest: tuple[float, ...] = ()  # what the rounding has lost: with it the sum is exact, in any order of adding

    @property
    def mean(self) -> float | None:
        """Arithmetic mean of the numbers, None without any."""
        return self.total / self.numbers if self.numbers else None

    def best(self, goal: str) -> Number | None:
        """Minimum or maximum as ``goal`` says (`min`, `max`); None without a goal."""
        return self.min if goal == "min" else self.max if goal == "max" else None

    def add(self, value: Any, at: tuple[int, int, str, int]) -> None:
        """Take one point in."""
        self.merge(single(value, at))

    def merge(self, other: MetricSummary) -> None:
        """Take all points of ``other`` in. On equal extremes the smaller step stays."""
        self.count += other.count
        if other.last_at >= self.last_at:
            self.last, self.last_at = other.last, other.last_at
        if other.min is not None and (self.min is None or (other.min, other.min_step) < (self.min, self.min_step)):
            self.min, self.min_step = other.min, other.min_step
        if other.max is not None and (self.max is None or (-other.max, other.max_step) < (-self.max, self.max_step)):
            self.max, self.max_step = other.max, other.max_step
        self.numbers += other.numbers
        self.total, self.rest = exact_sum((self.total, *self.rest, other.total, *other.rest))


def single(value: Any, at: tuple[int, int, str, int]) -> MetricSummary:
    """The summary of one point."""
    step = at[0]
    if isinstance(value, int | float) and value == value:  # not NaN; `math.isnan` refuses integers beyond floats
        number = int(value) if isinstance(value, bool) else value
        return MetricSummary(1, value, at, number, step, number, step, 1, _as_float(number))
    return MetricSummary(1, value, at)


def exact_sum(values: Sequence[Number]) -> tuple[float, tuple[float, ...]]:
    """The sum of numbers as floats: rounded once, and what the rounding has lost.

    The sum of sums is then the same for every order and grouping, unless one of them goes beyond the floats.
    """
    try:
        total = math.fsum(values)
        if not math.isfinite(total):
            return total, ()
        rest: list[float] = []
        while lost := math.fsum(chain(values, (-total,), [-item for item in rest])):
            rest.append(lost)
    except ValueError:  # infinities of both signs
        return math.nan, ()
    except OverflowError:
        infinite = [value for value in values if isinstance(value, float) and not math.isfinite(value)]
        return (sum(infinite) if infinite else _as_float(sum(map(int, values)))), ()
    return total, tuple(rest)


def _as_float(number: Number) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def definition_of(key: str, definitions: dict[str, DefineMetric]) -> DefineMetric:
    """The definition that applies to a key: its own, else the longest pattern with `*` that fits, else none."""
    own = definitions.get(key)
    if own is not None:
        return own
    fitting = [pattern for pattern in definitions if "*" in pattern and fnmatchcase(key, pattern)]
    return definitions[max(fitting, key=len)] if fitting else DefineMetric(key)
