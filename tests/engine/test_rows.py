"""Encoded rows of lists: the same as encoding anew, made once for each revision, in advance on a hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.backends.records import open_sqlite
from madang.backends.records.runs import SqlRuns
from madang.domain.access import local
from madang.domain.commands import CreateRun, Log
from madang.domain.query import RunQuery
from madang.domain.runs import RunChange, RunRecord
from madang.errors import StorageError
from madang.formats.native import encoded_row
from madang.services.rows import JSON
from madang.services.search import Search
from madang.testing.written_store import WrittenStore
from madang.wiring import open_store
from madang.wiring_core import open_tracking

WHO = local("mina")


def test_rows_are_made_once_and_anew_after_a_change(tmp_path: Path) -> None:
    """A row is encoded once, whoever asks; a change of the run makes it again, and rows of some keys are not kept."""
    written = WrittenStore(tmp_path / "store")
    for _ in range(3):
        written.run(points=2)
    engine = open_store(store=written.path)
    made: list[str] = []

    def encode(run: RunRecord) -> bytes:
        made.append(run.id)
        return f"{run.id} {run.notes} {sorted(run.metrics)}".encode()

    first = engine.search.rows(WHO, RunQuery(), "text", encode)
    assert first.total == len(first.rows) == len(made) == 3
    other = open_store(store=written.path)
    assert other.search.rows(WHO, RunQuery(), "text", encode) == first
    other.close()
    assert len(made) == 3
    changed = engine.search.runs(WHO, RunQuery()).runs[1]
    engine.tracking.change(WHO, changed.id, RunChange(notes="메모"))
    later = engine.search.rows(WHO, RunQuery(), "text", encode)
    assert made[3:] == [changed.id]
    assert b"\xeb\xa9\x94\xeb\xaa\xa8" in later.rows[1]
    assert [later.rows[0], later.rows[2]] == [first.rows[0], first.rows[2]]
    engine.search.rows(WHO, RunQuery(keys=()), "text", encode)
    assert len(made) == 7
    engine.search.rows(WHO, RunQuery(), "another", encode)
    assert len(made) == 10
    engine.close()


def test_a_hub_makes_rows_in_advance(tmp_path: Path) -> None:
    """The row that a hub makes at the end of a run is the one that a reader would make, and no reader makes it."""
    records = open_sqlite(f"{tmp_path}/records.db", durable=False)
    tracking = open_tracking(records, encode=encoded_row)
    run = tracking.create(WHO, "p", CreateRun(name="one"))
    for step in range(3):
        tracking.log(WHO, run.id, Log({"loss": step / 7}, step))
    tracking.log(WHO, run.id, Log(finish="finished"))

    def never(run: RunRecord) -> bytes:
        raise AssertionError(run.id)

    search = Search(records, tracking)
    (record,) = search.runs(WHO, RunQuery()).runs
    assert record.metrics["loss"].count == 3
    assert search.rows(WHO, RunQuery(), JSON, never).rows == [encoded_row(record)]
    records.close()


def test_rows_are_read_where_they_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk keeps nobody from reading a list."""
    written = WrittenStore(tmp_path / "store")
    written.run(points=2)
    engine = open_store(store=written.path)
    engine.tracking.catch_up()

    def full(*_: object) -> None:
        raise StorageError("no space left")

    monkeypatch.setattr(SqlRuns, "keep_rows", full)
    assert len(engine.search.rows(WHO, RunQuery(), JSON, encoded_row).rows) == 1
    engine.close()
