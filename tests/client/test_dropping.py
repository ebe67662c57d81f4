"""Giving up segments: only what the hub has, byte for byte, and says that it keeps; and bringing them back."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.backends.segments import LocalSegments
from madang.client.dropping import Finding, drop, fetch, missing, verify
from madang.client.http import HubClient
from madang.domain.runs import RunRecord
from madang.formats import store as layout
from madang.formats.journal import Position, read_frames
from madang.testing.chaos_hub import ChaosHub
from madang.testing.written_store import WrittenStore


@pytest.fixture
def keeping(hub: ChaosHub) -> ChaosHub:
    """A hub that says that it keeps the bytes itself."""
    hub.holds = True
    return hub


def found(hub: ChaosHub, store: WrittenStore, run: str) -> Finding:
    return verify(HubClient(hub.address), store.path, RunRecord(run, "p", "n", "finished", 1, 2))


def test_a_hub_that_does_not_say_it_holds_is_no_reason(hub: ChaosHub, store: WrittenStore) -> None:
    """The same offset and chain are not enough: a hub that cannot say that it keeps the bytes may show this store."""
    run = store.run()
    hub.segments = dict(store.segments(run))
    assert not found(hub, store, run).droppable
    assert "cannot say" in found(hub, store, run).reason


def test_only_the_very_same_bytes_count(keeping: ChaosHub, store: WrittenStore) -> None:
    """A hub that lacks a segment, its end, or has another history holds nothing; the reason names the segment."""
    run = store.run()
    ours = store.segments(run)
    name = sorted(ours)[0]
    other = store.segments(store.run())
    position = Position()
    read_frames(ours[name][:-1], position)
    for theirs in (b"", ours[name][: position.offset], sorted(other.values())[0]):
        keeping.segments = {**ours, name: theirs}
        one = found(keeping, store, run)
        assert not one.droppable
        assert name.partition("/")[2] in one.reason
        assert drop(store.path, RunRecord(run, "p"), one) == 0
    assert store.segments(run) == ours


def test_a_written_or_torn_segment_stays(keeping: ChaosHub, store: WrittenStore) -> None:
    """While a writer holds the lock, or where the end is torn, the run stays whole."""
    run = store.run()
    ours = keeping.segments = dict(store.segments(run))
    segment = sorted(ours)[0].partition("/")[2]
    lock = layout.lock_path(store.path, run, segment)
    layout.hold(lock)
    assert "being written" in found(keeping, store, run).reason
    layout.release(lock)
    assert found(keeping, store, run).droppable
    with open(layout.segment_path(store.path, run, segment), "ab") as file:
        file.write(b"torn")
    assert "not whole" in found(keeping, store, run).reason


def test_what_comes_back_is_what_went(keeping: ChaosHub, store: WrittenStore) -> None:
    """Segments that were given up come back byte for byte; other bytes are refused, and the note stays."""
    run = store.run(500)
    ours = keeping.segments = dict(store.segments(run))
    one = found(keeping, store, run)
    assert drop(store.path, RunRecord(run, "p", "n", "finished", 1, 2), one) == sum(map(len, ours.values()))
    assert store.segments(run) == {}
    files, client = LocalSegments(store.path), HubClient(keeping.address)
    bad = max(ours, key=lambda name: len(ours[name]))
    keeping.segments = {**ours, bad: ours[bad][:-1] + b"x"}
    assert bad.partition("/")[2] in fetch(client, files, store.path, run).error
    assert [f"{run}/{item.id}" for item in missing(store.path, run)] == [bad] or len(missing(store.path, run)) == 2
    keeping.segments = ours
    assert fetch(client, files, store.path, run).error == ""
    assert store.segments(run) == ours
    assert not Path(layout.run_dir(store.path, run), "held").exists()
