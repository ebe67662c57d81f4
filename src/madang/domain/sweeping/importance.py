"""How much each parameter of a sweep matters for its metric.

The share of the variance of the metric's ranks that one parameter alone explains: values are put into bins (one a
choice, or up to eight of equal counts), and the variance between the bins' means is set against the whole, less what
bins of pure chance would explain (the adjusted ε²). Ranks, so that a few terrible values do not decide. It tells main
effects; what two parameters do together is not seen. Shares that add up to more than 1 are scaled to 1.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from madang.domain.values import value

LEAST = 10  # values, below which nothing is said
_BINS = 8


@value
class Importance:
    """Of one parameter: its share from 0 to 1, and the rank correlation with the metric where it is a number."""

    name: str
    importance: float
    correlation: float | None = None


def importances(names: Sequence[str], rows: Sequence[tuple[Mapping[str, Any], float]]) -> list[Importance]:
    """The parameters by importance, of pairs of parameters and metric. Empty below ten pairs."""
    if len(rows) < LEAST:
        return []
    found = []
    for name in names:
        here = [(params[name], metric) for params, metric in rows if name in params]
        if len(here) >= LEAST and len({_key(given) for given, _ in here}) > 1:
            ranks = _ranks([metric for _, metric in here])
            found.append((name, _explained([given for given, _ in here], ranks), _correlation(here, ranks)))
    total = max(1.0, sum(share for _, share, _ in found))
    made = [Importance(name, share / total, correlation) for name, share, correlation in found]
    return sorted(made, key=lambda item: (-item.importance, item.name))


def _explained(given: Sequence[Any], ranks: Sequence[float]) -> float:
    bins: dict[Any, list[float]] = {}
    edges = _edges(given)
    for item, rank in zip(given, ranks, strict=True):
        bins.setdefault(bisect.bisect(edges, item) if edges else _key(item), []).append(rank)
    mean, count = sum(ranks) / len(ranks), len(ranks)
    whole = sum((rank - mean) ** 2 for rank in ranks)
    between = sum(len(part) * (sum(part) / len(part) - mean) ** 2 for part in bins.values())
    if not whole or count <= len(bins):
        return 0.0
    noise = (whole - between) / (count - len(bins))
    return min(1.0, max(0.0, (between - (len(bins) - 1) * noise) / whole))


def _edges(given: Sequence[Any]) -> list[float]:
    """The bounds between bins of numbers; none where every value is a bin of its own."""
    if not all(isinstance(item, int | float) and not isinstance(item, bool) for item in given):
        return []
    distinct = sorted(set(given))
    if len(distinct) <= _BINS:
        return [(low + high) / 2 for low, high in pairwise(distinct)]
    ordered = sorted(given)
    count = min(_BINS, max(2, len(ordered) // 5))
    return sorted({ordered[len(ordered) * at // count] for at in range(1, count)})


def _correlation(here: Sequence[tuple[Any, float]], ranks: Sequence[float]) -> float | None:
    if not all(isinstance(given, int | float) and not isinstance(given, bool) for given, _ in here):
        return None
    others = _ranks([float(given) for given, _ in here])
    mean = sum(ranks) / len(ranks)
    spread = sum((rank - mean) ** 2 for rank in ranks) * sum((rank - mean) ** 2 for rank in others)
    if not spread:
        return None
    return float(sum((a - mean) * (b - mean) for a, b in zip(ranks, others, strict=True)) / spread**0.5)


def _ranks(values: Sequence[float]) -> list[float]:
    """Each value's place in order; equal ones share the middle of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found, at = [0.0] * len(values), 0
    while at < len(order):
        end = at
        while end + 1 < len(order) and values[order[end + 1]] == values[order[at]]:
            end += 1
        for place in order[at : end + 1]:
            found[place] = (at + end) / 2
        at = end + 1
    return found


def _key(given: Any) -> Any:
    return (type(given).__name__, repr(given)) if isinstance(given, dict | list | bool) else given
