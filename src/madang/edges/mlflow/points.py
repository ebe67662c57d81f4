"""Points as MLflow's client sends them, and what is decided on them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from madang.domain.commands import Columns, Fact, Points
from madang.domain.progressions import bounds, evened, scaled
from madang.edges.mlflow.arguments import missing
from madang.edges.mlflow.checks import LONGEST_KEY, check_key, check_length, invalid
from madang.errors import InvalidInput
from madang.formats.numbers import Packed, packed

_INT64 = 1 << 63
_FAR = (1 << 62) // 1000  # ms; no frame's time is beyond


class Point(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One point of a metric; ``timestamp`` is ms since 1970 UTC."""

    key: str | None = None
    value: float | None = None
    timestamp: int | None = None
    step: int = 0


class Metric(Point, gc=False, forbid_unknown_fields=False):
    """One point that may be of a model as well."""

    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


def points_of(metrics: Sequence[Point], *, single: bool = False) -> list[Fact]:
    """Points in columns where they are as regular as loops make them, else as rows.

    Raises:
        InvalidInput: something is missing, or a key is none.
    """
    columns = _columns(metrics)
    return [columns] if columns is not None else _rows(metrics, single=single)


def _columns(metrics: Sequence[Point]) -> Columns | None:
    """A table: step by step the same keys in the same order, or key by key the same steps."""
    if len(metrics) < 2:
        return None
    parts = _parts([item.key for item in metrics])
    if not parts or not all(map(_is_key, parts)):
        return None
    values, times = [item.value for item in metrics], [item.timestamp for item in metrics]
    steps = [item.step for item in metrics]
    first, *others = parts.values()
    at, own = times[first], steps[first]
    if any(times[part] != at or steps[part] != own for part in others):
        return None
    try:
        columns = {str(name): Packed("d", packed("d", values[part])) for name, part in parts.items()}
        made = Columns(columns, evened(own), scaled(evened(at), 1000))  # type: ignore[arg-type] # so that one is missed
    except (OverflowError, TypeError):  # a value or a time is missing
        return None
    if not made.is_ordered and len(set(zip(own, at, strict=True))) < len(own):
        return None
    ends = zip(bounds(made.times), bounds(made.steps), strict=True)
    return made if all(_fit(time // 1000, step) for time, step in ends) else None


def _parts(keys: list[str | None]) -> dict[str | None, slice]:
    """Where the points of each key lie; nowhere when they follow no rule."""
    count = keys.count(keys[0])  # of points a key
    width, rest = divmod(len(keys), count)
    if count < 2 or rest:
        return {}
    if width == 1:
        return {keys[0]: slice(None)}
    if keys[0] == keys[1]:
        parts = {keys[start]: slice(start, start + count) for start in range(0, len(keys), count)}
        follows = all(keys[part] == [key] * count for key, part in parts.items())
    else:
        parts = {key: slice(place, None, width) for place, key in enumerate(keys[:width])}
        follows = keys == keys[:width] * count
    return parts if follows and len(parts) == width else {}  # fewer parts: a key has more points than the first one


def _is_key(key: str | None) -> bool:
    try:
        return bool(key) and len(check_key(key or "")) <= LONGEST_KEY
    except InvalidInput:
        return False


def _rows(metrics: Sequence[Point], *, single: bool) -> list[Fact]:
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


def _checked_metric(metric: Point, path: str) -> tuple[str, float, int]:
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
