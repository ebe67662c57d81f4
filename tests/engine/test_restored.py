"""A segment that was damaged is read to its end once somebody has restored its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engine.conftest import ME, RUN, Place, event, make_segment

from madang.domain.query import RunQuery
from madang.formats import segment as codec

SEGMENT = "a" * 32


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"\0" * len(data),
        lambda data: data[:-40] + b"\xff" + data[-39:],
        lambda data: data[:5] + bytes([data[5] ^ 1]) + data[6:],
    ],
    ids=["zeros", "near the end", "in the header"],
)
def test_a_restored_file_is_read(at: Place, tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    """Whatever was damaged, and however often it was read so: the run is then as if nothing had been."""
    data = make_segment(
        tmp_path,
        [(0, {"loss": 1.0}), (1, {"loss": 0.5}), event(codec.FINISHED, status="finished")],
        header={"project": "프로젝트"},
    )
    at.write(SEGMENT, spoil(data))
    for _ in range(2):
        at.search.runs(ME, RunQuery())
        assert at.search.run(ME, RUN).damage
    revision = at.search.revision()
    at.search.run(ME, RUN)
    assert at.search.revision() == revision  # a page that is open must not be told of a change each time
    at.write(SEGMENT, data)
    found = at.search.run(ME, RUN)
    assert (found.status, found.project, found.damage) == ("finished", "프로젝트", [])
    assert found.metrics["loss"].count == 2
    assert at.search.history(ME, [RUN], ["loss"])[RUN]["loss"].values == [1.0, 0.5]
    (row,) = at.search.runs(ME, RunQuery(projects=("프로젝트",))).runs
    assert row.damage == []
