"""The data that every peer is given, the same in every process. Only the standard library."""

from __future__ import annotations

import random
from collections.abc import Iterator

KEYS = [f"k{number}" for number in range(10)]


def values(seed: int = 1) -> Iterator[dict[str, float]]:
    """Ten scalars a call without end, none ever repeated: random in all 53 bits, so that no codec can cheat."""
    draw = random.Random(seed).random
    while True:
        yield {key: draw() for key in KEYS}


def rows(count: int, seed: int = 1) -> list[dict[str, float]]:
    source = values(seed)
    return [next(source) for _ in range(count)]


def long_series(points: int) -> list[float]:
    """A loss that falls with noise; no value twice."""
    draw = random.Random(3).random
    return [1.0 / (1.0 + step / 1000) + 0.1 * draw() for step in range(points)]


def many_runs(count: int) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
    """Params of few different values, as a sweep has them, and metrics of many."""
    chance = random.Random(4)
    for number in range(count):
        params = {f"p{index}": str(chance.randrange(2 + 3 * index)) for index in range(9)}
        params["p9"] = f"trial-{number}"
        yield params, {f"m{index}": chance.random() for index in range(10)}


def called_run(number: int) -> tuple[dict[str, str], dict[str, float], dict[str, str]]:
    """Params, metrics and tags of a run that MLflow's client makes."""
    params = {f"p{key}": str(number % (key + 10)) for key in range(10)}
    metrics = {f"m{key}": (number * 7919 % 1000) / 1000 + key for key in range(10)}
    return params, metrics, {f"t{key}": "x" for key in range(5)}
