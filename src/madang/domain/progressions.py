"""Integers that follow one another at even distances, as the steps of a loop do: three numbers tell them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise, repeat
from typing import NamedTuple, overload


class Progression(NamedTuple):
    """``length`` integers, each greater than the one before it by ``distance``."""

    first: int
    distance: int
    length: int

    @property
    def last(self) -> int:
        """The last of them."""
        return self.first + self.distance * (self.length - 1)

    def numbers(self) -> Iterable[int]:
        """All of them."""
        if not self.distance:
            return repeat(self.first, self.length)
        return range(self.first, self.first + self.distance * self.length, self.distance)


class Progressions(Sequence[int]):
    """The numbers of progressions, one behind the other. There is one of them at least, and none is empty."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[Progression]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        length = 0
        for part in self.parts:
            length += part.length
        return length

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(part.numbers() for part in self.parts)

    @overload
    def __getitem__(self, place: int) -> int: ...

    @overload
    def __getitem__(self, place: slice) -> list[int]: ...

    def __getitem__(self, place: int | slice) -> int | list[int]:
        if isinstance(place, slice):
            return list(self)[place]
        left = place if place >= 0 else place + len(self)
        if left >= 0:
            for first, distance, length in self.parts:
                if left < length:
                    return first + distance * left
                left -= length
        raise IndexError(place)

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the greatest."""
        least = most = self.parts[0].first
        for first, distance, length in self.parts:
            last = first + distance * (length - 1)
            least, most = min(least, first, last), max(most, first, last)
        return least, most

    @property
    def least_distance(self) -> int:
        """Of two neighbours; 1 where there is one number alone."""
        if len(self.parts) == 1 and self.parts[0].length > 1:
            return self.parts[0].distance
        inside = [part.distance for part in self.parts if part.length > 1]
        return min([*inside, *(after.first - before.last for before, after in pairwise(self.parts))], default=1)


def evened(numbers: Sequence[int]) -> Sequence[int]:
    """The same numbers; as a progression where there are three or more at one distance."""
    if type(numbers) is Progressions or len(numbers) < 3:
        return numbers
    made = Progression(numbers[0], numbers[1] - numbers[0], len(numbers))
    if made.last != numbers[-1] or list(made.numbers()) != list(numbers):
        return numbers
    return Progressions((made,))


def scaled(numbers: Sequence[int], factor: int) -> Sequence[int]:
    """Each number times ``factor``."""
    if type(numbers) is not Progressions:
        return [number * factor for number in numbers]
    return Progressions(
        [Progression(part.first * factor, part.distance * factor, part.length) for part in numbers.parts]
    )


def constant(number: int, length: int) -> Progressions:
    """One number many times."""
    return Progressions((Progression(number, 0, length),))


def joined(columns: Sequence[Sequence[int]]) -> Sequence[int]:
    """The numbers of all columns; as progressions where all of them are."""
    if len(columns) == 1:
        return columns[0]
    parts: list[Progression] = []
    for column in columns:
        if type(column) is not Progressions:
            return list(chain.from_iterable(columns))
        for part in column.parts:
            if parts and part.distance == parts[-1].distance == part.first - parts[-1].last:
                parts[-1] = Progression(parts[-1].first, part.distance, parts[-1].length + part.length)
            else:
                parts.append(part)
    return Progressions(parts)


def bounds(numbers: Sequence[int]) -> tuple[int, int]:
    """The least and the greatest of some numbers."""
    if type(numbers) is Progressions:
        return numbers.bounds
    ordered = sorted(numbers)  # they nearly are, and then it takes less than to look for the least and the greatest
    return ordered[0], ordered[-1]


def is_ascending(numbers: Sequence[int]) -> bool:
    """Whether each number is greater than the one before it."""
    if type(numbers) is Progressions:
        return numbers.least_distance > 0
    given = list(numbers)
    return given == sorted(given) and len(set(given)) == len(given)  # several times faster than to compare neighbours


def is_ordered(numbers: Sequence[int]) -> bool:
    """Whether no number is smaller than the one before it."""
    if type(numbers) is Progressions:
        return numbers.least_distance >= 0
    given = list(numbers)
    return given == sorted(given)
