"""Rows of metrics in columns: gathered from single rows, spread to them again, and compared with what is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise

from madang.domain.commands import Columns, Fact, Points


def keys_of(facts: Sequence[Fact]) -> set[str]:
    """The metrics that facts have points of."""
    return {key for fact in facts if isinstance(fact, Points | Columns) for key in fact.values}


def gathered(facts: Sequence[Fact]) -> list[Fact]:
    """The facts, with the rows of a stretch that have the same keys put together; where each has a time of its own."""
    if sum(type(fact) is Points for fact in facts) < 2:
        return list(facts)
    made: list[Fact] = []
    stretch: list[Points] = []
    for fact in facts:
        if type(fact) is Points and fact.time is not None:
            stretch.append(fact)
            continue
        made += _joined(stretch)
        made.append(fact)
        stretch = []
    return made + _joined(stretch)


def _joined(rows: list[Points]) -> list[Fact]:
    if len(rows) < 2:
        return list(rows)
    places = {(row.step, row.time) for row in rows}
    groups = _alike(rows) if len(places) == len(rows) else _neighbours(rows)
    return [_columns(group) if len(group) > 1 else group[0] for group in groups]


def _alike(rows: list[Points]) -> Iterator[list[Points]]:
    """Rows by their keys, in any order: where no two stand at one place, their own order does not matter either."""
    groups: dict[frozenset[str], list[Points]] = {}
    for row in rows:
        groups.setdefault(frozenset(row.values), []).append(row)
    return iter(groups.values())


def _neighbours(rows: list[Points]) -> Iterator[list[Points]]:
    """Rows that follow one another and have the same keys: a later one counts where two stand at one place."""
    group = rows[:1]
    for before, row in pairwise(rows):
        if row.values.keys() != before.values.keys():
            yield group
            group = []
        group.append(row)
    yield group


def _columns(rows: list[Points]) -> Columns:
    values = {key: [row.values[key] for row in rows] for key in rows[0].values}
    return Columns(values, [row.step for row in rows], [row.time or 0 for row in rows])


def spread(facts: Sequence[Fact]) -> list[Fact]:
    """The facts, with columns taken apart into rows."""
    return list(chain.from_iterable(_rows(fact) if isinstance(fact, Columns) else (fact,) for fact in facts))


def _rows(columns: Columns) -> Iterator[Points]:
    names = list(columns.values)
    for step, time, *values in zip(columns.steps, columns.times, *columns.values.values(), strict=True):
        row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        if row:
            yield Points(row, step, time)


def are_new(facts: Sequence[Fact], ends: Mapping[str, tuple[int, int]]) -> bool:
    """Whether all points stand behind the last known ones of their keys, ``ends`` (step, time µs), no two at one place.

    Within one step, only what comes a millisecond later or more is behind.
    """
    tables = unordered = 0
    for fact in facts:
        if not isinstance(fact, Points | Columns):
            continue
        tables += 1
        is_ordered = isinstance(fact, Points) or fact.is_ordered
        unordered += not is_ordered
        step, time = _first(fact, is_ordered)
        for key in fact.values:
            last = ends.get(key)
            if last is not None and (step, time // 1000) <= (last[0], last[1] // 1000):
                return False
    return tables + unordered < 2 or _all_apart(facts)


def _first(fact: Points | Columns, is_ordered: bool) -> tuple[int, int]:
    if isinstance(fact, Points):
        return fact.step, fact.time or 0
    if is_ordered:
        return fact.steps[0], fact.times[0]
    return min(zip(fact.steps, fact.times, strict=True))


def last_place(columns: Columns) -> tuple[int, int]:
    """The greatest (step, time µs)."""
    if columns.is_ordered:
        return columns.steps[-1], columns.times[-1]
    return max(zip(columns.steps, columns.times, strict=True))


def last_rows(facts: Sequence[Fact]) -> Iterator[Points]:
    """Rows among which the newest value of each metric is, in the order of the facts: of columns only the last row."""
    for fact in facts:
        if isinstance(fact, Points):
            yield fact
        elif isinstance(fact, Columns):
            last = len(fact.steps) - 1
            if not fact.is_ordered:
                last = max(range(last + 1), key=lambda place: (fact.steps[place], fact.times[place]))
            yield Points({key: column[last] for key, column in fact.values.items()}, fact.steps[last], fact.times[last])


def _all_apart(facts: Sequence[Fact]) -> bool:
    places: list[tuple[int, int]] = []
    for fact in facts:
        if isinstance(fact, Points):
            places.append((fact.step, fact.time or 0))
        elif isinstance(fact, Columns):
            places += zip(fact.steps, fact.times, strict=True)
    return len(set(places)) == len(places)
