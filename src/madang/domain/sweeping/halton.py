"""Points that fill a box evenly: the Halton sequence, its digits permuted, each point a function of its number."""

from __future__ import annotations

import random
from functools import lru_cache


def halton(number: int, size: int, seed: int | str) -> list[float]:
    """Point ``number`` (from 1) with ``size`` coordinates in [0, 1).

    The digits of each coordinate are permuted by a table that depends on the seed: without it high dimensions of the
    sequence go hand in hand.
    """
    return [_radical_inverse(number, base, _permuted(base, f"{seed}/{at}")) for at, base in enumerate(_primes(size))]


def _radical_inverse(number: int, base: int, digits: tuple[int, ...]) -> float:
    """The number's digits, permuted, mirrored at the point; the zeros before it are permuted, too."""
    found, weight = 0.0, 1.0
    while weight > 1e-16:
        number, digit = divmod(number, base)
        weight /= base
        found += digits[digit] * weight
    return min(found, 1 - 2**-53)


@lru_cache(maxsize=4096)
def _permuted(base: int, seed: str) -> tuple[int, ...]:
    digits = list(range(base))
    random.Random(seed).shuffle(digits)  # noqa: S311 - a search, no secret
    return tuple(digits)


@lru_cache(maxsize=16)
def _primes(count: int) -> tuple[int, ...]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found if prime * prime <= candidate):
            found.append(candidate)
        candidate += 1
    return tuple(found)
