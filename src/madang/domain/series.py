"""One metric over the steps of a run, and how it is thinned for a chart without losing a spike."""

from __future__ import annotations

import math
from dataclasses import field
from typing import Any, Literal

from madang.domain.values import mutable, value

SeriesKind = Literal["float", "int", "bool", "text", "mixed", "media"]
_NUMERIC = ("float", "int", "bool")


@mutable
class Series:
    """Points of one key in the order of (step, time). ``steps``, ``times`` (µs UTC) and ``values`` run in parallel.

    ``total`` counts the points before thinning; ``sampled`` says whether there was any. A value is a float, int, bool,
    text or media pointer (dict), as ``kind`` says; `mixed` may hold any of them.
    """

    key: str
    kind: SeriesKind = "float"
    steps: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    total: int = 0
    sampled: bool = False


@value
class ConsoleLine:
    """One line of console output. ``n`` counts from 1 over the whole run; ``stream`` is `out` or `err`."""

    n: int
    stream: str
    time: int  # µs UTC
    text: str


def sample(series: Series, samples: int | None) -> Series:
    """At most about ``samples`` points: the first, last, smallest and largest of each bucket, and its first NaN.

    None, or no fewer points than that, returns the series itself. What is not a number is thinned evenly.
    """
    count = len(series.values)
    if samples is None or count <= max(samples, 1):
        return series
    if samples < 5 or series.kind not in _NUMERIC:
        kept = _evenly(count, max(samples, 1))
    else:
        kept = _extremes(series.values, samples)
    return Series(
        series.key,
        series.kind,
        [series.steps[index] for index in kept],
        [series.times[index] for index in kept],
        [series.values[index] for index in kept],
        series.total,
        True,
    )


def _evenly(count: int, samples: int) -> list[int]:
    if samples == 1:
        return [count - 1]
    return sorted({index * (count - 1) // (samples - 1) for index in range(samples)})


def _extremes(values: list[Any], samples: int) -> list[int]:
    """Indexes of first, smallest, largest and last of each bucket, and its first NaN."""
    count = len(values)
    buckets = max(1, samples // 4)
    kept: list[int] = []
    for bucket in range(buckets):
        start, stop = bucket * count // buckets, (bucket + 1) * count // buckets
        part = values[start:stop]
        chosen = {start, stop - 1}
        total = sum(part)
        if total != total:  # a NaN, or infinities of both signs
            odd = [index for index, value in enumerate(part) if value != value]
            chosen.update(start + index for index in odd[:1])
            part = [value for value in part if value == value]
            if part:
                low, high = min(part), max(part)
                whole = values[start:stop]
                chosen.update((start + whole.index(low), start + whole.index(high)))
        else:
            chosen.update((start + part.index(min(part)), start + part.index(max(part))))
        kept.extend(sorted(chosen))
    return kept


def kind_of(value: Any) -> SeriesKind:
    """The kind of one value; None counts as text."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    return "media" if isinstance(value, dict) else "text"


def common_kind(kinds: set[SeriesKind]) -> SeriesKind:
    """The kind of a series whose parts have these kinds: ints among floats count as floats."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return "float" if kinds and kinds <= {"int", "float"} else "mixed"


def is_number(value: Any) -> bool:
    """Whether a value counts for minimum, maximum and mean."""
    return isinstance(value, int | float) and not (isinstance(value, float) and math.isnan(value))
