"""From columns to summaries, and which points a rewind hides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from madang.domain.events import Stamp
from madang.domain.metrics import MetricSummary, exact_sum
from madang.domain.progressions import is_ordered
from madang.formats.numbers import Packed
from madang.formats.rows import Rows

Rewinds = Sequence[tuple[Stamp, int]]
_MIXED = frozenset({float, int})  # types of a column of any values that is summed up as numbers


def visible(rows: Rows, segment: str, rewinds: Rewinds) -> Rows:
    """The rows that no rewind hides: those logged before it, at its step or later.

    Within its own segment the order of frames says what came before: the times of an edge's rows are its client's.
    """
    if not rewinds:
        return rows
    kept = [
        place
        for place, (step, time, sequence) in enumerate(zip(rows.steps, rows.times, rows.sequences, strict=True))
        if not any(
            step >= first
            and (sequence < stamp.sequence if segment == stamp.segment else (time, segment, sequence) < stamp)
            for stamp, first in rewinds
        )
    ]
    return rows if len(kept) == len(rows.steps) else rows.pick(kept)


def add_rows(summaries: dict[str, MetricSummary], rows: Rows, segment: str) -> None:
    """Take the rows of one segment into the summaries by key."""
    if not rows.steps:
        return
    steps = rows.steps
    ordered = is_ordered(steps)
    newest = _newest(rows, ordered)
    for name, letter, column in zip(rows.names, rows.types, rows.columns, strict=True):
        if letter == "v" and not _MIXED.issuperset(map(type, column)):
            made = _of_any(rows, column, segment)
            if not made.count:
                continue
        else:
            at = (steps[newest], rows.times[newest], segment, rows.sequences[newest])
            made = MetricSummary(len(column), column[newest], at)
            _numbers(made, column, steps, letter, ordered)
        if name in summaries:
            summaries[name].merge(made)
        else:
            summaries[name] = made


def _newest(rows: Rows, ordered: bool) -> int:
    """The place of the latest row; the last one of those that stand at one place."""
    last = len(rows.steps) - 1
    if ordered and (last == 0 or rows.steps[-2] < rows.steps[-1]):
        return last
    places = list(zip(rows.steps, rows.times, rows.sequences, strict=True))
    return last - places[::-1].index(max(places))


def _of_any(rows: Rows, column: Sequence[Any], segment: str) -> MetricSummary:
    made = MetricSummary()
    for step, time, sequence, value in zip(rows.steps, rows.times, rows.sequences, column, strict=True):
        if value is not None:
            made.add(value, (step, time, segment, sequence))
    return made


def _numbers(made: MetricSummary, column: Sequence[Any], steps: Sequence[int], letter: str, ordered: bool) -> None:
    total, rest = exact_sum(column)
    if total != total:  # a NaN, or infinities of both signs
        pairs = [(value, step) for value, step in zip(column, steps, strict=True) if value == value]
        if not pairs:
            return
        column, steps = zip(*pairs, strict=True)
        total, rest = exact_sum(column)
    low, high = column.extremes if type(column) is Packed else (min(column), max(column))
    if ordered:
        made.min_step, made.max_step = steps[column.index(low)], steps[column.index(high)]
    else:
        made.min_step = min(step for value, step in zip(column, steps, strict=True) if value == low)
        made.max_step = min(step for value, step in zip(column, steps, strict=True) if value == high)
    made.min, made.max = (int(low), int(high)) if letter == "?" else (low, high)
    made.numbers, made.total, made.rest = len(column), total, rest
