"""Points as MLflow's client sends them, and what is decided on them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from madang.domain.commands import Columns, Fact, Points
from madang.edges.mlflow.arguments import missing
from madang.edges.mlflow.checks import LONGEST_KEY, check_key, check_length, invalid
from madang.errors import InvalidInput

_INT64 = 1 << 63
_FAR = (1 << 62) // 1000  # ms; no frame's time is beyond


class Metric(msgspec.Struct, gc=False):
    """One point of a metric; ``timestamp`` is ms since 1970 UTC."""

    key: str | None = None
    value: float | None = None
    timestamp: int | None = None
    step: int = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


def points_of(metrics: Sequence[Metric], *, single: bool = False) -> list[Fact]:
    """Points in columns where they are as regular as loops make them, else as rows.

    Raises:
        InvalidInput: something is missing, or a key is none.
    """
    columns = _columns(metrics)
    return [columns] if columns is not None else _rows(metrics, single=single)


def _columns(metrics: Sequence[Metric]) -> Columns | None:
    """A table: step by step the same keys in the same order, or key by key the same steps."""
    if len(metrics) < 2:
        return None
    keys, values = [item.key for item in metrics], [item.value for item in metrics]
    times, steps = [item.timestamp for item in metrics], [item.step for item in metrics]
    names = list(dict.fromkeys(keys)) if keys.count(keys[0]) < len(keys) else keys[:1]
    parts = _parts(keys, names)
    if not parts or not all(map(_is_key, names)):
        return None
    at, own = times[parts[0]], steps[parts[0]]
    if any(times[part] != at or steps[part] != own for part in parts[1:]):
        return None
    try:
        sum(values)  # type: ignore[arg-type] # the quickest way to find out that one is None
        micros = [item * 1000 for item in at]  # type: ignore[operator] # the same
    except TypeError:
        return None
    made = Columns({str(name): values[part] for name, part in zip(names, parts, strict=True)}, own, micros)
    if not made.is_ordered and len(set(zip(own, at, strict=True))) < len(own):
        return None
    low, high = (own[0], own[-1]) if made.is_ordered else (min(own), max(own))
    ordered = sorted(micros)  # they nearly are, and then it takes less than to look for the least and the greatest
    is_fit = _fit(ordered[0] // 1000, low) and _fit(ordered[-1] // 1000, high)
    return made if is_fit else None


def _parts(keys: Sequence[str | None], names: Sequence[str | None]) -> list[slice]:
    """Where the points of each name lie; nowhere when they follow no rule."""
    width = len(names)
    count, rest = divmod(len(keys), width)
    if count < 2 or rest:
        return []
    if width == 1 or keys == [*names] * count:
        return [slice(place, None, width) for place in range(width)]
    parts = [slice(place * count, (place + 1) * count) for place in range(width)]
    is_sorted = all(keys[part] == [name] * count for name, part in zip(names, parts, strict=True))
    return parts if is_sorted else []


def _is_key(key: str | None) -> bool:
    try:
        return bool(key) and len(check_key(key or "")) <= LONGEST_KEY
    except InvalidInput:
        return False


def _rows(metrics: Sequence[Metric], *, single: bool) -> list[Fact]:
    """Points as rows: one for what has the same time and step.

    Of two values for one key at one place MLflow takes the greater one for the last, so it comes later.

    Raises:
        InvalidInput: something is missing, or a key is none.
    """
    rows: dict[tuple[int, int], list[dict[str, float]]] = {}
    known: set[str] = set()
    for index, metric in enumerate(metrics):
        key, value, timestamp = metric.key, metric.value, metric.timestamp
        if key not in known or value is None or timestamp is None or not _fit(timestamp, metric.step):
            key, value, timestamp = _checked_metric(metric, "" if single else f"metrics[{index}].")
            known.add(key)
        places = rows.setdefault((timestamp, metric.step), [{}])
        for row in places:
            if key not in row:
                row[key] = value
                break
            if value < row[key]:
                row[key], value = value, row[key]
        else:
            places.append({key: value})
    return [Points(row, step, at * 1000) for (at, step), places in rows.items() for row in places]


def _fit(timestamp: int, step: int) -> bool:
    return 0 <= timestamp < _FAR and -_INT64 <= step < _INT64


def _checked_metric(metric: Metric, path: str) -> tuple[str, float, int]:
    key, value, timestamp = metric.key, metric.value, metric.timestamp
    if not key or value is None or timestamp is None:
        raise missing(path + ("key" if not key else "value" if value is None else "timestamp"))
    check_key(key, path + "name")
    check_length("Metric name", LONGEST_KEY, key)
    if timestamp < 0:
        raise invalid(
            path + "timestamp",
            timestamp,
            f"metric '{key}' (value={value}). Timestamp must be a nonnegative long (64-bit integer) ",
        )
    if not _fit(timestamp, metric.step):
        raise invalid(path + ("step" if timestamp < _FAR else "timestamp"), max(timestamp, abs(metric.step)))
    return key, value, timestamp
