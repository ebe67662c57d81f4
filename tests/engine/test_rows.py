"""Encoded rows of lists: the same as encoding anew, made once for each revision, bounded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from madang.domain.access import local
from madang.domain.query import RunQuery
from madang.domain.runs import RunChange
from madang.services.rows import RowCache
from madang.testing.written_store import WrittenStore
from madang.wiring import open_store

if TYPE_CHECKING:
    from madang.domain.runs import RunRecord

WHO = local("mina")


def test_rows_are_made_once_and_anew_after_a_change(tmp_path: Path) -> None:
    """A row is encoded once; a change of the run makes it again, and rows of other keys are other rows."""
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
    again = engine.search.rows(WHO, RunQuery(), "text", encode)
    assert again == first
    assert len(made) == 3
    changed = engine.search.runs(WHO, RunQuery()).runs[1]
    engine.tracking.change(WHO, changed.id, RunChange(notes="메모"))
    later = engine.search.rows(WHO, RunQuery(), "text", encode)
    assert made[3:] == [changed.id]
    assert b"\xeb\xa9\x94\xeb\xaa\xa8" in later.rows[1]
    assert [later.rows[0], later.rows[2]] == [first.rows[0], first.rows[2]]
    engine.search.rows(WHO, RunQuery(keys=()), "text", encode)
    assert len(made) == 7
    engine.close()


def test_the_cache_is_bounded() -> None:
    """The least recently used rows go first, and what is kept stays under the bound."""
    cache = RowCache(most_bytes=10_000)
    for number in range(100):
        cache.keep({number: b"x" * 700})
        assert cache.take([0]) == {0: b"x" * 700}
    kept = cache.take(list(range(100)))
    assert set(kept) == {0, *range(91, 100)}
