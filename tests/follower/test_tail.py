"""Tailing a segment gives the same events as reading it whole, however it grows and wherever it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madang.domain import events
from madang.follower.tail import Tail
from madang.formats import journal
from madang.formats import segment as codec

SEGMENT = "5" * 32


def write(path: Path, kinds: list[int]) -> bytes:
    """A segment with a row of metrics, a console line, an event or a large event for each number."""
    path.unlink(missing_ok=True)
    writer = codec.SegmentWriter(str(path), SEGMENT, {"run": "4" * 32, "project": "p", "writer": "process"})
    for number, kind in enumerate(kinds):
        if kind == 0:
            writer.metrics({"x": float(number)}, number)
        elif kind == 1:
            writer.append(codec.CONSOLE, {"n": number, "text": "글"})
        else:
            writer.append(codec.OPENED, {"read": [f"{number}" * (1 if kind == 2 else 3000)], "written": []})
    writer.close()
    return path.read_bytes()


def expected(data: bytes) -> list[tuple[events.Stamp, events.Event]]:
    return [
        (stamp, event)
        for stamp, event in journal.read_events(data, SEGMENT, journal.Position())
        if not isinstance(event, events.Keys | events.Console)
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(1, 400), max_size=20))
def test_in_pieces_as_at_once(tmp_path_factory: pytest.TempPathFactory, kinds: list[int], sizes: list[int]) -> None:
    """Read after every write of any length, all events come, each once."""
    folder = tmp_path_factory.mktemp("tail")
    data = write(folder / "a.seg", kinds)
    (folder / "b.seg").write_bytes(b"")
    tail, found, have = Tail(str(folder / "b.seg"), SEGMENT), [], 0
    for size in [*sizes, len(data)]:
        with open(folder / "b.seg", "ab") as file:
            file.write(data[have : have + size])
        have = min(len(data), have + size)
        found += tail.read()
    assert found == expected(data)
    assert not tail.damage


def test_a_flipped_bit_never_makes_an_event(tmp_path: Path) -> None:
    """One flipped bit anywhere: every event that is told is a true one, and the damage is noticed where it matters."""
    data = write(tmp_path / "a.seg", [2, 0, 1, 2, 0, 2])
    true = expected(data)
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 1 << (place % 8)
        (tmp_path / "b.seg").write_bytes(broken)
        tail = Tail(str(tmp_path / "b.seg"), SEGMENT)
        found = tail.read()
        assert [item for item in found if item not in true] == []
        assert found == true or found == true[: len(found)] or tail.damage or len(found) < len(true)


def test_a_file_that_goes_away(tmp_path: Path) -> None:
    """A segment that is packed or removed ends the reading without an error."""
    write(tmp_path / "a.seg", [2])
    tail = Tail(str(tmp_path / "a.seg"), SEGMENT)
    assert len(tail.read()) == 2
    (tmp_path / "a.seg").unlink()
    assert tail.read() == []
