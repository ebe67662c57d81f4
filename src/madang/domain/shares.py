"""How the change of a metric is divided among the parts that may have caused it, from runs of mixed variants."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import cache
from itertools import combinations
from typing import TypeAlias

from madang.domain.causes import PARTS, UNKNOWN, Part, close
from madang.domain.spread import t99
from madang.domain.values import mutable, value

NO_CHANGE = "the change is not larger than what repeated runs differ by"
DECISIVE = 0.1  # the least share of a part that is named

Mix: TypeAlias = frozenset[Part]
"""The parts that a variant takes from the later run; it has the others from the earlier one."""

Measure: TypeAlias = Callable[[Mix], "Measured | None"]
"""Runs a variant; None when it fails."""


@value
class Measured:
    """A metric of one variant: the values of its runs."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of the runs."""
        return self.values[0] if self.is_steady else math.fsum(self.values) / len(self.values)

    @property
    def is_steady(self) -> bool:
        """Whether all runs came out the same."""
        return close(min(self.values), max(self.values)) if all(map(math.isfinite, self.values)) else self.kind != ""

    @property
    def kind(self) -> str:
        """``number``, ``nan``, ``inf`` or ``-inf``; empty when the runs do not agree in it."""
        kinds = {"number" if math.isfinite(one) else str(one) for one in self.values}
        return kinds.pop() if len(kinds) == 1 else ""

    @property
    def doubt(self) -> float:
        """The square of the standard error of the mean."""
        if self.is_steady:
            return 0.0
        count = len(self.values)
        return math.fsum((one - self.mean) ** 2 for one in self.values) / (count - 1) / count


@mutable
class Shares:
    """How the change is divided among parts. ``unknown`` says why it could not be."""

    shares: dict[Part, float] = field(default_factory=dict)
    spreads: dict[Part, float] = field(default_factory=dict)  # by how much a share may be off, 99 times in 100
    unknown: str = ""


@value
class _Estimate:
    """A sum of means of variants, each with its weight."""

    number: float
    half: float  # of the interval in which it lies 99 times in 100


def share(parts: Sequence[Part], measure: Measure) -> Shares:
    """Divide the change between the two ends among parts, with as few variants as tell it.

    First each part alone is taken into the earlier run. When that adds up to the whole change, those are the shares.
    Else the parts are taken in every order and the mean of their effects is the share (Shapley value), as far as all
    variants can be run. Parts that fail alone are taken together with those that they need.
    """
    measure = cache(measure)
    ends = [measure(frozenset()), measure(frozenset(parts))]
    start, end = ends
    if start is None or end is None:
        return Shares(unknown="one of the two runs fails when it is repeated")
    if not start.kind or not end.kind:
        return Shares(unknown="repeated runs come out as a number, and as none")
    measure = _kinds(measure, end.kind) if start.kind != end.kind else measure
    units = _units(parts, measure)
    if units is None:
        return Shares(unknown="taken one by one, the changes make the earlier run fail")
    return _divided(units, measure)


def _kinds(measure: Measure, wanted: str) -> Measure:
    """What tells only whether a variant comes out as the later run does: as a number, or as none."""

    def told(mix: Mix) -> Measured | None:
        found = measure(mix)
        return None if found is None or not found.kind else Measured((float(found.kind == wanted),))

    return told


def _units(parts: Sequence[Part], measure: Measure) -> list[Mix] | None:
    """The parts, those together that do not run without each other; None when that cannot be told."""
    found: list[Mix] = [frozenset((part,)) for part in parts]
    if len(found) < 2:
        return found
    for failing in [unit for unit in found if measure(unit) is None]:
        if failing not in found:
            continue  # it was needed by another one
        needed = next((one for one in found if one != failing and measure(one | failing) is not None), None)
        if needed is None:
            return None
        found = [one for one in found if one not in (failing, needed)] + [failing | needed]
    return found


def _divided(units: Sequence[Mix], measure: Measure) -> Shares:
    """The share of each unit in the difference between the two ends, both of which run."""
    nothing: Mix = frozenset()
    whole = _estimate({_together(units): 1.0, nothing: -1.0}, measure)
    if whole is None or abs(whole.number) <= whole.half or _is_nothing(units, measure):
        return Shares(unknown=NO_CHANGE)
    weights: dict[Mix, dict[Mix, float]] = {unit: {unit: 1.0, nothing: -1.0} for unit in units}
    if len(units) > 1 and not _adds_up(units, measure, whole):
        for count in range(2, len(units)):
            for chosen in combinations(units, count):
                if measure(_together(chosen)) is None:
                    names = " and ".join(sorted(_together(chosen)))
                    return Shares(unknown=f"with {names} of the later run the earlier one fails")
        weights = {unit: _orders(unit, units) for unit in units}
    made = Shares()
    for unit in units:
        found = _estimate(weights[unit], measure)
        if found is None:
            return Shares(unknown=f"with {' and '.join(sorted(unit))} of the later run no number comes out")
        for part in unit:
            made.shares[part], made.spreads[part] = found.number / whole.number, found.half / abs(whole.number)
    bound = [unit for unit in units if len(unit) > 1 and abs(made.shares[next(iter(unit))]) >= DECISIVE]
    return Shares(unknown=" and ".join(sorted(_together(bound))) + " fail without each other") if bound else made


def _is_nothing(units: Sequence[Mix], measure: Measure) -> bool:
    start, end = measure(frozenset()), measure(_together(units))
    return start is not None and end is not None and close(start.mean, end.mean)


def _adds_up(units: Sequence[Mix], measure: Measure, whole: _Estimate) -> bool:
    """Whether the effects of the units alone are the whole change."""
    left: dict[Mix, float] = {_together(units): 1.0, frozenset(): len(units) - 1.0}
    rest = _estimate(left | dict.fromkeys(units, -1.0), measure)
    return rest is not None and abs(rest.number) <= max(rest.half, abs(whole.number) * 1e-6)


def _orders(unit: Mix, units: Sequence[Mix]) -> dict[Mix, float]:
    """The mean effect of a unit over all orders in which they can be taken, as weights of variants."""
    others = [other for other in units if other != unit]
    found: dict[Mix, float] = {}
    for count in range(len(others) + 1):
        weight = 1 / (len(units) * math.comb(len(others), count))
        for chosen in combinations(others, count):
            below = _together(chosen)
            found[below | unit] = found.get(below | unit, 0.0) + weight
            found[below] = found.get(below, 0.0) - weight
    return found


def _estimate(weights: Mapping[Mix, float], measure: Measure) -> _Estimate | None:
    """The weighted sum of the means of variants; None when one of them fails or comes out as no number."""
    found = [(weight, one) for mix, weight in weights.items() if (one := measure(mix)) is not None]
    if len(found) < len(weights) or any(one.kind != "number" for _, one in found):
        return None
    number = math.fsum(weight * one.mean for weight, one in found)
    doubt = math.fsum(weight * weight * one.doubt for weight, one in found)
    counts = [len(one.values) for _, one in found if not one.is_steady]
    return _Estimate(number, t99(min(counts) - 1) * math.sqrt(doubt) if counts else 0.0)


def _together(units: Iterable[Mix]) -> Mix:
    return frozenset(part for unit in units for part in unit)


def named(found: Shares) -> Part | list[Part] | str:
    """The parts whose share is decisive, largest first; one part stands alone.

    A part is named when its share is at least `DECISIVE` and larger than what it may be off by.
    """
    if found.unknown:
        return UNKNOWN
    chosen = [
        part
        for part in PARTS
        if abs(found.shares.get(part, 0.0)) >= max(DECISIVE, math.nextafter(found.spreads.get(part, 0.0), math.inf))
    ]
    if not chosen:
        return UNKNOWN
    chosen.sort(key=lambda part: -abs(found.shares[part]))
    return chosen[0] if len(chosen) == 1 else chosen
