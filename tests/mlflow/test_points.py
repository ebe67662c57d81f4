"""Points of a batch become tables where they are regular, and each is in one of them or in a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from madang.domain.columns import spread
from madang.domain.commands import Points
from madang.edges.mlflow.points import Point, points_of

Given = Sequence[tuple[str, int, int]]
"""Key, time in ms and step of each point; the values all differ."""


@st.composite
def batches(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Points in any order, and in those that loops give them: step by step, or key by key."""
    keys = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=4))
    count = draw(st.integers(1, 4))
    order = keys * count if draw(st.booleans()) else [key for key in keys for _ in range(count)]
    steps = draw(st.lists(st.integers(-1, 4), min_size=len(order), max_size=len(order)))
    if draw(st.booleans()):
        steps = [place % count for place in range(len(order))]
    return [(key, max(0, step), step) for key, step in zip(order, steps, strict=True)]


@given(batches())
@example([("a", 3, 3), ("a", 4, 4), ("b", 1, 1), ("b", 2, 2), ("b", 3, 3), ("b", 4, 4)])
@example([("a", 1, 1), ("b", 0, 0), ("b", 1, 1), ("a", 2, 2), ("b", 1, 1), ("b", 2, 2)])
def test_every_point_is_kept(batch: Given) -> None:
    """Whatever a batch holds, each point of it is said once: also those of a key that has more than the others."""
    metrics = [Point(key, float(place), time, step) for place, (key, time, step) in enumerate(batch)]
    said = Counter(
        (key, row.time, row.step, value)
        for row in spread(points_of(metrics))
        if isinstance(row, Points)
        for key, value in row.values.items()
    )
    assert said == Counter((item.key, (item.timestamp or 0) * 1000, item.step, item.value) for item in metrics)
