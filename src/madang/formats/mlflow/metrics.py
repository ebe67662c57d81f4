"""Metric files of MLflow's file store: one point a line.

``TIMESTAMP VALUE [STEP [DATASET DIGEST]]`` in a run, ``TIMESTAMP VALUE STEP RUN [DATASET DIGEST]`` in a logged model;
times are ms since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import field

from madang.domain.foreign import Point
from madang.domain.values import mutable

_FAR = (1 << 62) // 1000  # ms; no time here is beyond
_INT64 = 1 << 63
_SHOWN = 3  # bad lines that are told one by one


@mutable
class MetricFile:
    """What a file holds. ``origins`` are what follows the steps: run, name and digest of a data set, a line each."""

    points: list[Point] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)


def metric_points(data: bytes) -> MetricFile:
    """The points of a file, and which lines are none."""
    made = MetricFile()
    bad = 0
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        reason = _take(made.points, fields)
        if not reason:
            origin = "\n".join([*fields[3:], "", "", ""][:3])
            if origin not in made.origins[-1:]:
                made.origins.append(origin)
            continue
        bad += 1
        if bad <= _SHOWN:
            made.problems.append(f"line {number}: {reason}")
    if bad > _SHOWN:
        made.problems.append(f"{bad - _SHOWN} more lines are no points")
    return made


def _take(points: list[Point], fields: list[str]) -> str:
    """Add the point of a line; why it is none, else an empty text."""
    if len(fields) < 2:
        return "it is cut"
    try:
        time, value = int(fields[0]), float(fields[1])
        step = int(fields[2]) if len(fields) > 2 else 0
    except ValueError:
        return "it is no point"
    if abs(time) >= _FAR or not -_INT64 <= step < _INT64:
        return "its time or step is beyond all bounds"
    points.append((step, time * 1000, value))
    return ""
