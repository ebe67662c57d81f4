"""Several repetitions of one run: is a difference more than chance?"""

from __future__ import annotations

import math
from typing import Any

from madang.domain.reproduce import equal
from madang.domain.values import value

# Student's t for 99 % on both sides, by degrees of freedom from 1.
_T99 = (
    63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947,
    2.921, 2.898, 2.878, 2.861, 2.845, 2.831, 2.819, 2.807, 2.797, 2.787, 2.779, 2.771, 2.763, 2.756, 2.750,
)  # fmt: skip


def t99(freedom: int) -> float:
    """Student's t for 99 % on both sides, with so many degrees of freedom."""
    return _T99[min(freedom, len(_T99)) - 1]


@value
class Spread:
    """One metric over several repetitions of a run."""

    original: Any
    repeated: list[Any]

    @property
    def is_chance(self) -> bool:
        """Whether the repetitions differ from each other."""
        return any(not equal(one, self.repeated[0]) for one in self.repeated)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where one more repetition would lie, 99 times in 100: Student's prediction interval.

        None for what is no finite number, and for a single repetition.
        """
        numbers = [float(one) for one in self.repeated if _is_number(one)]
        count = len(numbers)
        if count < 2 or count < len(self.repeated):
            return None
        mean = math.fsum(numbers) / count
        deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in numbers) / (count - 1))
        half = t99(count - 1) * deviation * math.sqrt(1 + 1 / count)
        return mean - half, mean + half

    @property
    def is_inside(self) -> bool:
        """Whether the original may be one more repetition: it is one of them, or lies where one more would."""
        if any(equal(one, self.original) for one in self.repeated):
            return True
        where = self.interval
        if where is None or not self.is_chance or not _is_number(self.original):
            return False
        return where[0] <= float(self.original) <= where[1]


def _is_number(one: Any) -> bool:
    return isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 1e300
