"""A run's history as W&B's clients read it back: rows by step, made of series by key.

A row holds what was logged at one step, whatever client has logged it. Where a key has several values at a step, there
are several rows of that step, in the order of their times.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from madang.domain.metrics import MetricSummary
from madang.domain.series import Series, kind_of
from madang.formats.wandb.values import SYSTEM, line_of_row, line_of_sample

STEP, TIME, RUNTIME = "_step", "_timestamp", "_runtime"
_ALWAYS = (STEP, TIME, RUNTIME)  # keys that each row has
_WORDS = {"float": "number", "int": "number", "bool": "boolean", "text": "string", "media": "map"}
_MICROS = 1_000_000


class Row(NamedTuple):
    """What was logged at a step; the time (µs UTC) is that of the last value."""

    step: int
    time: int
    values: dict[str, Any]


class Spec(NamedTuple):
    """Which rows `sampledHistory` asks for: those that have all keys, within steps (both inclusive)."""

    keys: tuple[str, ...]
    samples: int
    min_step: int | None = None
    max_step: int | None = None


def read_spec(spec: Any, most: int) -> Spec:
    """A spec from the wire; what makes no sense in it is left out."""
    said = spec if isinstance(spec, dict) else {}
    keys = said.get("keys")
    named = tuple(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else ()
    samples = _whole(said.get("samples"))
    bounds = _whole(said.get("minStep")), _whole(said.get("maxStep"))
    return Spec(tuple(dict.fromkeys(named)), min(500 if samples is None else max(samples, 1), most), *bounds)


def _whole(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return max(-(1 << 63), min(int(value), (1 << 63) - 1))


def is_system(key: str) -> bool:
    """Whether a key is one of the machine, not of the training."""
    return key.startswith(SYSTEM)


def rows(series: Mapping[str, Series]) -> list[Row]:
    """Rows in the order of their steps."""
    made: dict[int, list[Row]] = {}
    for key, item in series.items():
        for step, time, value in zip(item.steps, item.times, item.values, strict=True):
            known = made.setdefault(step, [])
            for place, row in enumerate(known):
                if key not in row.values:
                    row.values[key] = value
                    if time > row.time:
                        known[place] = row._replace(time=time)
                    break
            else:
                known.append(Row(step, time, {key: value}))
    return [row for step in sorted(made) for row in made[step]]


def evenly(found: Sequence[Row], most: int) -> Sequence[Row]:
    """At most so many rows, spread evenly, the first and the last among them."""
    count = len(found)
    if count <= most:
        return found
    if most == 1:
        return found[-1:]
    return [found[place * (count - 1) // (most - 1)] for place in range(most)]


def line(row: Row, began: int) -> dict[str, Any]:
    """A row as a line of history; ``began`` is when the run began (µs UTC)."""
    made = line_of_row(row.values, row.step, row.time)
    if RUNTIME not in made:
        made[RUNTIME] = (row.time - began) / _MICROS
    return made


def part(row: Row, keys: Iterable[str], began: int) -> dict[str, Any]:
    """Some keys of a row, for an answer that is plain JSON: numbers that it has not are words."""
    whole = line(row, began)
    return {key: plain(whole[key]) for key in keys if key in whole}


def plain(value: Any) -> Any:
    """A value with NaN and infinities as words, deep inside too."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def logged(keys: Iterable[str]) -> list[str]:
    """Those of some keys that are logged; the others every row has."""
    return [key for key in keys if key not in _ALWAYS]


def samples(series: Mapping[str, Series], most: int, began: int) -> list[dict[str, Any]]:
    """System metrics as lines, oldest first."""
    made: dict[int, dict[str, Any]] = {}
    for key, item in series.items():
        for time, value in zip(item.times, item.values, strict=True):
            made.setdefault(time, {})[key] = value
    found = [Row(0, time, made[time]) for time in sorted(made)]
    return [line_of_sample(row.values, row.time, began) for row in evenly(found, most)]


def last_step(metrics: Mapping[str, MetricSummary]) -> int | None:
    """The greatest step of what the training has logged."""
    return max((item.last_at[0] for key, item in metrics.items() if item.count and not is_system(key)), default=None)


def line_count(metrics: Mapping[str, MetricSummary]) -> int:
    """About how many rows a run has: exactly so many as it has logged with W&B's client, which times each."""
    if RUNTIME in metrics:
        return metrics[RUNTIME].count
    return max((item.count for key, item in metrics.items() if not is_system(key)), default=0)


def history_keys(metrics: Mapping[str, MetricSummary]) -> dict[str, Any] | None:
    """What W&B tells of the keys of a history; None where there is none."""
    last = last_step(metrics)
    if last is None:
        return None
    count = line_count(metrics)
    keys = {
        key: _key(_WORDS.get(kind_of(item.last), "number"), item.count, item.last)
        for key, item in metrics.items()
        if item.count and not is_system(key)
    }
    newest = max(item.last_at[1] for key, item in metrics.items() if item.count and not is_system(key))
    always = {STEP: _key("number", count, last, True), TIME: _key("number", count, newest / _MICROS, True)}
    return {"lastStep": last, "sets": [], "keys": {**keys, **always}}


def _key(word: str, count: int, last: Any, is_monotonic: bool = False) -> dict[str, Any]:
    value = last if isinstance(last, int | float) and not isinstance(last, bool) and math.isfinite(last) else None
    counts = [{"type": word, "count": count}]
    return {"typeCounts": counts, "monotonic": is_monotonic, "previousValue": value}
