"""Gathering points from many places into series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from itertools import chain
from typing import Any

from madang.domain.series import Series, SeriesKind, common_kind, kind_of
from madang.domain.values import mutable
from madang.formats.rows import Rows

_KINDS: dict[str, SeriesKind] = {"d": "float", "q": "int", "?": "bool"}


@mutable
class _Part:
    segment: str
    steps: Sequence[int]
    times: Sequence[int]
    sequences: Sequence[int]
    values: Sequence[Any]


@mutable
class _Key:
    parts: list[_Part] = field(default_factory=list)
    kinds: set[SeriesKind] = field(default_factory=set)


class Points:
    """Points by key, as they come; in the end, series in the order of (step, time, segment, sequence)."""

    def __init__(self, wanted: set[str] | None) -> None:
        self._wanted = wanted
        self._keys: dict[str, _Key] = {}

    def add(self, segment: str, rows: Rows) -> None:
        """Take rows of one segment in."""
        if not rows.steps:
            return
        for name, letter, column in zip(rows.names, rows.types, rows.columns, strict=True):
            if self._wanted is not None and name not in self._wanted:
                continue
            key = self._keys.setdefault(name, _Key())
            if letter != "v":
                key.kinds.add(_KINDS[letter])
                key.parts.append(_Part(segment, rows.steps, rows.times, rows.sequences, column))
                continue
            kept = [place for place, value in enumerate(column) if value is not None]
            if kept:
                picked = rows.pick(kept)
                values = [column[place] for place in kept]
                key.kinds.update(map(kind_of, values))
                key.parts.append(_Part(segment, picked.steps, picked.times, picked.sequences, values))

    def series(self, bounds: tuple[int, int] | None) -> dict[str, Series]:
        """Series by key; ``bounds`` are the smallest and largest step."""
        return {name: _series(name, key, bounds) for name, key in self._keys.items()}


def _series(name: str, key: _Key, bounds: tuple[int, int] | None) -> Series:
    parts = key.parts
    steps = list(chain.from_iterable(part.steps for part in parts))
    times = list(chain.from_iterable(part.times for part in parts))
    values = list(chain.from_iterable(part.values for part in parts))
    if not (_ascending(steps) and _ascending(times) and _is_in_turn(parts, steps)):
        segments = [part.segment for part in parts for _ in part.steps]
        sequences = list(chain.from_iterable(part.sequences for part in parts))
        order = sorted(range(len(steps)), key=list(zip(steps, times, segments, sequences, strict=True)).__getitem__)
        steps, times, values = ([column[place] for place in order] for column in (steps, times, values))
    if bounds is not None:
        kept = [place for place, step in enumerate(steps) if bounds[0] <= step <= bounds[1]]
        steps, times, values = ([column[place] for place in kept] for column in (steps, times, values))
    return Series(name, common_kind(key.kinds), steps, times, values, len(steps))


def _is_in_turn(parts: Sequence[_Part], steps: list[int]) -> bool:
    """Whether points at one place come as they were written: rows with the same keys are kept together."""
    if len(parts) == 1 or len(set(steps)) == len(steps):
        return True
    return len({part.segment for part in parts}) == 1 and _ascending(
        list(chain.from_iterable(part.sequences for part in parts))
    )


def _ascending(numbers: list[int]) -> bool:
    return numbers == sorted(numbers)
