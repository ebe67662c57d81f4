"""Steps spread evenly over a long history, chosen while its points pass by: what is kept does not grow with them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence

from madang.domain.values import value

_LEAST = 1 << 16  # stretches


@value
class Spread:
    """What is wanted of a long history: ``keys`` at about ``most`` steps, where all of ``needed`` were logged."""

    keys: Collection[str]
    most: int
    needed: Collection[str] = ()
    bounds: tuple[int, int] = (-(1 << 63), 1 << 63)  # the smallest and the largest step


class SpreadSteps:
    """Takes the steps of points in any order, and in the end names some, with about as many points between any two.

    Points are counted by stretches of steps, all of one length. When there are too many stretches, each two become one.
    """

    def __init__(self, most: int) -> None:
        """``most`` is how many steps are wanted."""
        self._most = most
        self._limit = 2 * max(_LEAST, most)
        self._shift = 0  # a stretch has 2 ** shift steps
        self._stretches: dict[int, tuple[int, int]] = {}  # by number: the first step of a point, and how many points
        self._last: int | None = None
        self.total = 0

    def add(self, steps: Sequence[int]) -> None:
        """The steps of some points."""
        steps = sorted(steps)  # which costs little where they are in order
        place, end = 0, len(steps)
        while place < end:
            number = steps[place] >> self._shift
            stop = bisect_left(steps, (number + 1) << self._shift, place)
            first, count = self._stretches.get(number, (steps[place], 0))
            self._stretches[number] = (min(first, steps[place]), count + stop - place)
            place = stop
            if len(self._stretches) > self._limit:
                self._widen()
        if steps:
            self._last = steps[-1] if self._last is None else max(self._last, steps[-1])
            self.total += end

    def _widen(self) -> None:
        wider: dict[int, tuple[int, int]] = {}
        for number, (first, count) in self._stretches.items():
            known, counted = wider.get(number >> 1, (first, 0))
            wider[number >> 1] = (min(first, known), count + counted)
        self._stretches, self._shift = wider, self._shift + 1

    def chosen(self) -> set[int]:
        """At most so many steps as are wanted, the first and the last among them."""
        if self._last is None:
            return set()
        if self._most == 1:
            return {self._last}
        found, passed, place = {self._last}, 0, 0
        for number in sorted(self._stretches):
            first, count = self._stretches[number]
            passed += count
            if place < self._most - 1 and place * (self.total - 1) // (self._most - 1) < passed:
                found.add(first)
                while place < self._most - 1 and place * (self.total - 1) // (self._most - 1) < passed:
                    place += 1
        return found
