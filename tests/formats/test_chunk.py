"""Chunks: what goes in comes out, one key without the others, in few bytes."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.errors import CorruptData
from madang.formats.chunk import Chunk, Group, encode

int64 = st.integers(-(2**63), 2**63 - 1)
columns: dict[str, st.SearchStrategy[Any]] = {
    "d": st.floats(),
    "q": int64,
    "?": st.booleans(),
    "v": st.one_of(st.none(), st.text(max_size=5), st.integers(-(2**80), 2**80), st.just({"$f": "nan"}), st.floats()),
}


@st.composite
def groups(draw: st.DrawFn) -> list[Group]:
    made = []
    for number in range(draw(st.integers(1, 3))):
        rows = draw(st.integers(1, 90))
        types = "".join(draw(st.lists(st.sampled_from("dq?v"), min_size=1, max_size=4)))

        def column(of: st.SearchStrategy[Any], rows: int = rows) -> list[Any]:
            few = draw(st.lists(of, min_size=1, max_size=5))
            return [few[place % len(few)] for place in range(rows)]

        made.append(
            Group(
                [10 * number + place for place in range(len(types))],
                types,
                column(int64),
                column(int64),
                column(int64),
                [column(columns[letter]) for letter in types],
            )
        )
    return made


class Stored:
    """A chunk with a note of the blocks that were fetched."""

    def __init__(self, made: Sequence[Group]) -> None:
        self.head, self.blocks = encode(made)
        self.fetched: list[int] = []

    @property
    def size(self) -> int:
        return len(self.head) + sum(map(len, self.blocks))

    def fetch(self, numbers: Sequence[int]) -> dict[int, bytes]:
        self.fetched += numbers
        return {number: self.blocks[number - 1] for number in numbers}

    def open(self) -> Chunk:
        return Chunk(self.head, self.fetch)


@given(groups())
def test_round_trip(made: list[Group]) -> None:
    """Every value comes back with its type: NaN, infinities, the ends of 64 bits and beyond, text, None."""
    for group, part in zip(made, Stored(made).open().parts(), strict=True):
        assert part.keys == group.keys
        assert (list(part.sequences), list(part.times), list(part.steps)) == (group.sequences, group.times, group.steps)
        assert repr(list(map(list, part.columns))) == repr(group.columns)


@given(groups(), st.data())
def test_one_key_alone(made: list[Group], data: st.DataObject) -> None:
    """A reader of one key gets its column, and those of no other."""
    group = data.draw(st.sampled_from(made))
    place = data.draw(st.integers(0, len(group.keys) - 1))
    (part,) = Stored(made).open().parts([group.keys[place]])
    assert part.keys == [group.keys[place]]
    assert repr(list(part.columns[0])) == repr(group.columns[place])


def series(keys: int, rows: int, jitter: int = 50) -> Group:
    """Floats that never repeat, logged about each millisecond."""
    noise = random.Random(7)
    times = [1_790_000_000_000_000]
    for _ in range(rows - 1):
        times.append(times[-1] + 1000 + noise.randrange(jitter))
    values = [[noise.random() for _ in range(rows)] for _ in range(keys)]
    return Group(range(keys), "d" * keys, range(2, rows + 2), times, range(rows), values)


@pytest.mark.parametrize(("keys", "rows", "bound"), [(1, 1000, 10), (10, 1000, 8), (10, 10, 10)])
def test_bytes_a_point(keys: int, rows: int, bound: float) -> None:
    """Step and time included, a point of never-repeating floats takes at most so many bytes."""
    assert Stored([series(keys, rows)]).size / (keys * rows) <= bound


def test_one_key_of_many_reads_few_blocks() -> None:
    """Of 40 long columns one is read: its block and those of step and time."""
    stored = Stored([series(40, 4096)])
    (part,) = stored.open().parts([17])
    assert len(part.columns[0]) == 4096
    assert len(stored.blocks) >= 40
    assert len(stored.fetched) <= 4


def test_steps_leave_out_whole_groups() -> None:
    """A range of steps outside a group costs nothing."""
    stored = Stored([series(10, 4096)])
    assert stored.open().steps == (0, 4095)
    assert stored.open().parts(None, 5000, 6000) == []
    assert stored.fetched == []


def test_damage_is_a_clear_error() -> None:
    """Cut or changed bytes are refused as corrupt, with the way out."""
    stored = Stored([series(2, 5000), Group([5], "v", [1], [1], [1], [["글"]])])
    for head in (b"", b"x" * 50, stored.head[:-5], stored.head[:4] + b"\xff" + stored.head[5:]):
        with pytest.raises(CorruptData):
            Chunk(head, stored.fetch).parts()
    stored.blocks[0] = stored.blocks[1]
    with pytest.raises(CorruptData):
        stored.open().parts()


def test_constant_and_huge_steps() -> None:
    """Steps at both ends of 64 bits, whose differences overflow, come back; constant ones cost next to nothing."""
    far = Group([1], "q", [0, 1], [0, 1], [-(2**63), 2**63 - 1], [[2**63 - 1, -(2**63)]])
    (part,) = Stored([far]).open().parts()
    assert list(part.steps) == [-(2**63), 2**63 - 1]
    flat = Group([1], "d", range(5000), range(5000), [7] * 5000, [[math.pi] * 5000])
    assert Stored([flat]).size < 500
