"""Readers that are killed, and disks that are full: nothing is lost, nothing is taken twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.engine.conftest import ME, RUN, Place, event, make_segment, place

from madang.errors import StorageError
from madang.formats import segment as codec

A = "a" * 32

_READER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.engine.conftest import place
made = place(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    made.tracking.catch_up()
"""


def test_a_reader_killed_at_any_time(at: Place, tmp_path: Path) -> None:
    """A process that is killed again and again while it reads leaves records that the next one completes exactly."""
    rows = [(step, {"x": float(step)}) for step in range(6000)]
    data = make_segment(tmp_path, [*rows, event(codec.FINISHED, status="finished")], header={"host": "elsewhere"})
    root = str(Path(__file__).parents[2])
    chance = random.Random(5)
    for round_ in range(1, 7):
        at.write(A, data[: len(data) * round_ // 7])
        reader = subprocess.Popen([sys.executable, "-c", _READER, at.store, root], stdout=subprocess.PIPE)
        assert reader.stdout is not None
        reader.stdout.readline()
        at.write(A, data[: len(data) * (round_ + 1) // 7])
        time.sleep(chance.random() / 50)
        reader.kill()
        reader.communicate()
    record = at.search.run(ME, RUN)
    series = at.search.history(ME, [RUN], ["x"])[RUN]["x"]
    assert (record.status, record.metrics["x"].count, record.damage) == ("finished", 6000, [])
    assert series.values == [float(step) for step in range(6000)]


def test_a_full_disk(at: Place, tmp_path: Path) -> None:
    """When the index cannot grow the reader says so; with room again it takes everything in, once."""
    noise = random.Random(5)
    rows = [(step, {"x": noise.random()}) for step in range(40_000)]
    at.write(A, make_segment(tmp_path, rows, header={"host": "else"}))
    database = at.records._db
    (pages,) = database.rows("PRAGMA page_count")[0]
    database.rows(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(StorageError, match=r"records\.db"):
        at.tracking.catch_up()
    assert at.records.runs.get(RUN) is None
    database.rows("PRAGMA max_page_count = 1000000")
    assert at.search.run(ME, RUN).metrics["x"].count == 40_000


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    """A damaged index is named, with the way out; taken away, the store comes back."""
    made = place(tmp_path / "s")
    made.write(A, make_segment(tmp_path, [(0, {"x": 1.0})], header={"host": "else"}))
    made.tracking.catch_up()
    made.records.close()
    path = Path(made.store) / "records.db"
    path.write_bytes(b"\xff" * 8192)
    with pytest.raises(Exception, match="rebuilt from the segments"):
        place(tmp_path / "s")
    path.unlink()
    again = place(tmp_path / "s")
    assert again.search.run(ME, RUN).metrics["x"].count == 1
    again.records.close()
