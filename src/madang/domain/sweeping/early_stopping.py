"""Early termination of trials by Hyperband: which of them are not worth going on, at which number of iterations.

A trial is looked at when its metric was logged as often as a band says. It goes on if its value is among the best
share of one in ``eta`` of all trials that have come as far, or the next one behind them, as W&B has it. Nobody waits
for others, as in asynchronous successive halving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from madang.domain.values import value
from madang.errors import InvalidInput

_MOST_BANDS = 100
_LAST_BAND = 1 << 40


@value
class Hyperband:
    """The bands in increasing order. ``strict`` takes the value at the band, else the best one up to it counts."""

    bands: tuple[int, ...]
    eta: float = 3.0
    strict: bool = False

    def reached(self, count: int) -> list[int]:
        """The bands that a trial with so many values has come to."""
        return [band for band in self.bands if band <= count]

    def score(self, values: Sequence[float], band: int, goal: str) -> float:
        """What a trial shows at a band; lower is better."""
        sign = -1.0 if goal == "maximize" else 1.0
        seen = [sign * item for item in values[:band] if item == item]  # a NaN shows nothing
        if self.strict:
            last = sign * values[band - 1]
            return last if last == last else float("inf")
        return min(seen, default=float("inf"))

    def is_hopeless(self, score: float, others: Sequence[float]) -> bool:
        """Whether a trial with this score at a band is to end; ``others`` are all scores there, its own among them."""
        ranked = sorted(others)
        return score > ranked[min(int(len(ranked) / self.eta), len(ranked) - 1)]


def parse_early(given: Any) -> Hyperband | None:
    """What `early_terminate:` says.

    Raises:
        InvalidInput: it makes no sense.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InvalidInput("`early_terminate` is not a mapping.", hint="Write `{type: hyperband, min_iter: 3}`.")
    if given.get("type") != "hyperband":
        raise InvalidInput(f"`early_terminate` has the unknown type {given.get('type')!r:.80}.", hint="Use hyperband.")
    eta = _number(given, "eta", 3.0)
    if eta <= 1:
        raise InvalidInput(f"`eta` of `early_terminate` is {eta:g}; it must be above 1.")
    strict = bool(given.get("strict"))
    if given.get("max_iter") is not None:
        band, count, downward = _number(given, "max_iter"), _number(given, "s"), list[int]()
        for _ in range(min(int(count), _MOST_BANDS)):
            band /= eta
            if band < 1:
                break
            downward.append(int(band))
        bands = sorted(set(downward))
    elif given.get("min_iter") is not None:
        band, bands = _number(given, "min_iter"), []
        while band < _LAST_BAND and len(bands) < _MOST_BANDS:
            bands.append(int(band))
            band *= eta
    else:
        raise InvalidInput("`early_terminate` needs `min_iter`, or `max_iter` and `s`.")
    if not bands or bands[0] < 1:
        raise InvalidInput(
            "`early_terminate` has no band of at least one iteration.", hint="Raise max_iter or lower s."
        )
    return Hyperband(tuple(dict.fromkeys(bands)), eta, strict)


def _number(given: Mapping[str, Any], key: str, default: float | None = None) -> float:
    found = given.get(key, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found < _LAST_BAND:
        raise InvalidInput(f"`{key}` of `early_terminate` is {found!r:.80}, not a number above 0.")
    return float(found)
