"""The space that a sweep searches: its dimensions, which of them are active, and how points become parameters.

A point holds a coordinate for each active dimension: the index of a choice, a whole number, a number between bounds,
or (for distributions without bounds) a probability. So every way of searching sees a box, whatever a parameter is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeAlias

from madang.domain.sweeping.distributions import beta_quantile, beta_share, normal_quantile, normal_share
from madang.domain.values import value
from madang.errors import InvalidInput

Coordinate: TypeAlias = int | float
Point: TypeAlias = dict[str, Coordinate]
CATEGORY, INTEGER, NUMBER, QUANTILE = "category", "integer", "number", "quantile"
_EDGE = 1e-9  # probabilities keep this far from 0 and 1, whose quantiles may be infinite
_MOST_STEPS = 1 << 53  # between 0 and a value
_MOST_DEPENDENT = 1_000_000  # points of a grid with conditions, which is looked through one by one


@value
class Dimension:
    """One parameter. ``kind`` says what its coordinate is; ``when`` which values of others make it active."""

    path: tuple[str, ...]
    distribution: str  # as the config calls it
    kind: str
    choices: tuple[Any, ...] = ()
    weights: tuple[float, ...] = ()  # of the choices; empty: all the same
    low: float = 0.0
    high: float = 1.0
    is_log: bool = False
    step: float = 0.0  # values are rounded to multiples of it; 0: not
    shape: tuple[float, float] = (0.0, 1.0)  # of a normal distribution (mean, deviation) or beta (a, b)
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @property
    def name(self) -> str:
        """The name in a flat mapping: nested keys joined by a dot."""
        return ".".join(self.path)

    @property
    def is_constant(self) -> bool:
        """Whether there is nothing to choose."""
        return self.kind == CATEGORY and len(self.choices) == 1

    def at(self, u: float) -> Coordinate:
        """The coordinate at a place ``u`` in [0, 1) of the distribution."""
        if self.kind == CATEGORY:
            return self._weighted(u) if self.weights else min(int(u * len(self.choices)), len(self.choices) - 1)
        if self.kind == INTEGER:
            first, last = int(self.low), int(self.high)
            return min(first + int(u * (last - first + 1)), last)
        if self.kind == QUANTILE:
            return min(max(u, _EDGE), 1 - _EDGE)
        if self.is_log:
            low, high = math.log(self.low), math.log(self.high)
            return min(max(math.exp(low + u * (high - low)), self.low), self.high)
        between = (1 - u) * self.low + u * self.high  # their difference may be more than a float holds
        return min(max(between, self.low), self.high)

    def _weighted(self, u: float) -> int:
        left = u * sum(self.weights)
        for index, weight in enumerate(self.weights):
            left -= weight
            if left < 0:
                return index
        return max(index for index, weight in enumerate(self.weights) if weight > 0)

    def value(self, coordinate: Coordinate) -> Any:
        """The parameter's value at a coordinate."""
        if self.kind == CATEGORY:
            return self.choices[int(coordinate)]
        if self.kind == INTEGER:
            return int(coordinate)
        if self.kind == QUANTILE:
            return self._rounded(self._quantile(float(coordinate)), -math.inf, math.inf)
        return self._rounded(float(coordinate), self.low, self.high)

    def coordinate(self, value: Any) -> Coordinate | None:
        """Where a value lies; None for one that is not of the space."""
        if self.kind == CATEGORY:
            return next((index for index, choice in enumerate(self.choices) if _among(value, (choice,))), None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if self.kind == QUANTILE:
            u = self._share(float(value))
            return u if 0 < u < 1 else None
        if not self.low <= value <= self.high or (self.kind == INTEGER and value != int(value)):
            return None
        return int(value) if self.kind == INTEGER else float(value)

    def _share(self, value: float) -> float:
        """The probability of a lower value: the inverse of `_quantile`."""
        if self.distribution.endswith("beta"):
            return beta_share(value, *self.shape)
        if "log" in self.distribution:
            return normal_share(math.log(value), *self.shape) if value > 0 else 0.0
        return normal_share(value, *self.shape)

    def _quantile(self, u: float) -> float:
        if self.distribution.endswith("beta"):
            return beta_quantile(u, *self.shape)
        found = normal_quantile(u, *self.shape)
        return math.exp(min(found, 700.0)) if "log" in self.distribution else found

    def _rounded(self, number: float, low: float, high: float) -> int | float:
        steps = number / self.step if self.step else math.inf
        if abs(steps) >= _MOST_STEPS:  # or no float tells one multiple from the next
            return number
        count = round(steps)
        if count * self.step > high and (count - 1) * self.step >= low:
            count -= 1
        elif count * self.step < low and (count + 1) * self.step <= high:
            count += 1
        if float(self.step).is_integer():
            return count * int(self.step)
        return float(f"{count * self.step:.12g}")  # 0.3, not 0.30000000000000004

    @property
    def grid_size(self) -> int:
        """How many values a grid has here.

        Raises:
            InvalidInput: they cannot be counted.
        """
        if self.kind == CATEGORY:
            return len(self.choices)
        if self.kind == INTEGER:
            return int(self.high) - int(self.low) + 1
        if self.kind == NUMBER and self.step and not self.is_log and (self.high - self.low) / self.step < _MOST_STEPS:
            return int((self.high - self.low) / self.step + 1e-9) + 1
        raise InvalidInput(
            f"The parameter {self.name!r} has no values that a grid could go through: its distribution is "
            f"{self.distribution}.",
            hint="Give it `values`, or use another method, such as random.",
        )

    def grid_coordinate(self, digit: int) -> Coordinate:
        """The coordinate of the grid's value number ``digit``."""
        if self.kind == CATEGORY:
            return digit
        if self.kind == INTEGER:
            return int(self.low) + digit
        return self.low + digit * self.step


@value
class Space:
    """All dimensions, each after those that its condition names."""

    dimensions: tuple[Dimension, ...]

    def is_active(self, dimension: Dimension, point: Mapping[str, Coordinate]) -> bool:
        """Whether a dimension counts, given the coordinates of those before it."""
        for name, allowed in dimension.when:
            if name not in point or not _among(self._named[name].value(point[name]), allowed):
                return False
        return True

    @cached_property
    def _named(self) -> dict[str, Dimension]:
        return {dimension.name: dimension for dimension in self.dimensions}

    def point(self, pick: Callable[[Dimension], Coordinate]) -> Point:
        """A point: ``pick`` is asked for the coordinate of each active dimension."""
        found: Point = {}
        for dimension in self.dimensions:
            if self.is_active(dimension, found):
                found[dimension.name] = pick(dimension)
        return found

    def point_of(self, values: Mapping[str, Any]) -> Point | None:
        """The point with these values by name, which may have others among them; None where there is no such point."""
        found: Point = {}
        for dimension in self.dimensions:
            if self.is_active(dimension, found):
                coordinate = dimension.coordinate(values.get(dimension.name))
                if coordinate is None:
                    return None
                found[dimension.name] = coordinate
        return found

    def parameters(self, point: Mapping[str, Coordinate]) -> dict[str, Any]:
        """The values at a point, nested as in the config."""
        found: dict[str, Any] = {}
        for dimension in self.dimensions:
            if dimension.name in point:
                place = found
                for part in dimension.path[:-1]:
                    place = place.setdefault(part, {})
                place[dimension.path[-1]] = dimension.value(point[dimension.name])
        return found

    def flat(self, point: Mapping[str, Coordinate]) -> dict[str, Any]:
        """The values at a point by name."""
        return {item.name: item.value(point[item.name]) for item in self.dimensions if item.name in point}


class Grid:
    """Every point of a space once, in a fixed order: the last parameter changes fastest.

    Places are numbered as if no condition held. Where an inactive parameter makes places the same, the first counts.
    """

    def __init__(self, space: Space) -> None:
        """Raises `InvalidInput` where a parameter has no countable values, or there are too many to look through."""
        self._space = space
        self._sizes = [dimension.grid_size for dimension in space.dimensions]
        self._places = math.prod(self._sizes)
        self._depends = any(dimension.when for dimension in space.dimensions)
        if self._depends and self._places > _MOST_DEPENDENT:
            raise InvalidInput(
                f"The grid has {self._places} places; with conditions it may have {_MOST_DEPENDENT}.",
                hint="Use fewer values, or the method random.",
            )

    @cached_property
    def size(self) -> int:
        """How many points there are."""
        if not self._depends:
            return self._places
        return sum(self._at(place) is not None for place in range(self._places))

    def after(self, place: int) -> tuple[int, Point] | None:
        """The next point and its place; None at the end. Begin with -1."""
        for following in range(place + 1, self._places):
            point = self._at(following)
            if point is not None:
                return following, point
        return None

    def _at(self, place: int) -> Point | None:
        digits: list[int] = []
        for size in reversed(self._sizes):
            place, digit = divmod(place, size)
            digits.append(digit)
        point: Point = {}
        for dimension, digit in zip(self._space.dimensions, reversed(digits), strict=True):
            if self._space.is_active(dimension, point):
                point[dimension.name] = dimension.grid_coordinate(digit)
            elif digit:
                return None
        return point


def _among(found: Any, allowed: tuple[Any, ...]) -> bool:
    """Whether a value is one of some; True is not 1 here, as it is in YAML."""
    return any(found == item and isinstance(found, bool) == isinstance(item, bool) for item in allowed)
