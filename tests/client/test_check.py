"""`sync --check`: it passes only when the hub holds the same bytes and reads the same from them."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.client.http import HubClient
from madang.client.sync import Check, check, same, sync
from madang.domain.files import FileRef
from madang.domain.runs import RunChange
from madang.ports.reader import Reader
from madang.testing.chaos_hub import ChaosHub
from madang.testing.written_store import WrittenStore
from madang.wiring import local_reader


class Pair:
    """A store with a run, a hub that has it, and readers of both."""

    def __init__(self, store: WrittenStore, hub: ChaosHub, folder: Path) -> None:
        self.store = store
        self.hub = hub
        self.run = store.run()
        self.client = HubClient(hub.address)
        list(sync(self.client, store.path))
        self.folder = folder
        self.readers: list[Reader] = []

    def check(self, change: RunChange | None = None) -> Check:
        """Compare with a reader of what the hub has (its records are derived from its own bytes)."""
        copy = self.folder / f"hub-{len(self.readers)}"
        shutil.copytree(self.store.path, copy)
        for name in self.store.segments(self.run):
            path = copy / "segments" / self.run[:2] / f"{name}.seg"
            path.write_bytes(self.hub.segments.get(name, b""))
        here, there = local_reader(self.store.path), local_reader(str(copy))
        self.readers += [here, there]
        if change is not None:
            there.change(self.run, change)
        (found,) = check(self.client, here, there, self.store.path, [self.run])
        return found

    def file(self, name: str) -> Path:
        """The file of a segment."""
        return Path(self.store.path) / "segments" / self.run[:2] / f"{name}.seg"


@pytest.fixture
def pair(store: WrittenStore, hub: ChaosHub, tmp_path: Path) -> Iterator[Pair]:
    """A run that was synced."""
    made = Pair(store, hub, tmp_path)
    yield made
    for reader in made.readers:
        reader.close()
    made.client.close()


def test_what_was_synced_is_the_same(pair: Pair) -> None:
    """After a sync the check passes, with the hashes and sizes of every segment."""
    found = pair.check()
    assert found.ok
    assert (found.differs, found.changed) == ([], [])
    assert {item.segment: item.here for item in found.segments} == {
        name.partition("/")[2]: len(data) for name, data in pair.hub.segments.items()
    }
    assert all(item.chain_here == item.chain_there and item.state == "same" for item in found.segments)


def test_a_change_of_the_record_is_listed(pair: Pair) -> None:
    """What somebody changed on the hub's record since is named, and the check passes."""
    found = pair.check(RunChange(name="새 이름", tags={"baseline": ""}, archived=True))
    assert found.ok
    assert set(found.changed) == {"name", "tags", "archived"}


def test_missing_bytes_are_found(pair: Pair) -> None:
    """A hub that lacks a segment, or its end, does not pass; nor one that has more, as nothing is proven then."""
    name, data = sorted(pair.hub.segments.items())[0]
    del pair.hub.segments[name]
    assert {item.state for item in pair.check().segments} == {"missing", "same"}
    half = len(data) // 2
    position = next(size for size in range(half, 0, -1) if _whole(data[:size]))
    pair.hub.segments[name] = data[:position]
    found = pair.check()
    assert not found.ok
    assert {item.state for item in found.segments} == {"behind", "same"}
    pair.hub.segments[name] = data
    with open(pair.file(name), "rb+") as file:
        file.truncate(position)
    found = pair.check()
    assert {item.state for item in found.segments} == {"ahead", "same"}
    assert not found.ok


def _whole(data: bytes) -> bool:
    from madang.formats import journal

    position = journal.Position()
    journal.read_frames(data, position)
    return position.offset == len(data) and not position.damage


def test_other_bytes_are_found(pair: Pair) -> None:
    """Two histories under one name are told with both hashes."""
    names = sorted(pair.hub.segments)
    pair.hub.segments[names[0]], pair.hub.segments[names[1]] = pair.hub.segments[names[1]], pair.hub.segments[names[0]]
    found = pair.check()
    assert not found.ok
    assert {item.state for item in found.segments} <= {"diverged", "ahead"}
    for item in found.segments:
        assert item.chain_here != item.chain_there


def test_a_hub_that_reads_differently_is_found(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes with another history or another field derived from them do not pass."""
    from madang.services.reader import LocalReader

    real = LocalReader.history
    calls = []

    def skewed(self: LocalReader, runs: list[str], *rest: object, **more: object) -> object:
        found = real(self, runs, *rest, **more)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == 2:
            found[pair.run]["loss"].values[3] = math.nextafter(found[pair.run]["loss"].values[3], 2)
        return found

    monkeypatch.setattr(LocalReader, "history", skewed)
    found = pair.check()
    assert found.differs == ["history of loss"]
    assert not found.ok


def test_exact_equality() -> None:
    """NaN is NaN; numbers of different types, and nested differences, are not equal."""
    nan = float("nan")
    assert same([1, 2.0, nan, "a", None, True], (1, 2.0, nan, "a", None, True))
    assert same({"a": [nan]}, {"a": [nan]})
    assert same(FileRef("a", "b", 1), FileRef("a", "b", 1))
    for left, right in (
        (1, 1.0),
        (True, 1),
        ("1", 1),
        (None, 0),
        (0.1, 0.2),
        (nan, 0.0),
        ([1], [1, 2]),
        ({"a": 1}, {"b": 1}),
        (FileRef("a", "b", 1), FileRef("a", "b", 2)),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2.0}]}}),
    ):
        assert not same(left, right)
