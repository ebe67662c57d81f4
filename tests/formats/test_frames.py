"""Frames that edges make: rows come back from columns exactly, whatever is cut, turned over or senseless."""

from __future__ import annotations

import math
import struct
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain import events
from madang.domain.commands import Columns, Points
from madang.domain.progressions import Progressions, evened
from madang.errors import InvalidInput
from madang.formats import segment as codec
from madang.formats.frames import FrameBuilder, numbers_of
from madang.formats.journal import Frame, KeySet, Position, decode_event, read_events, read_frames
from madang.formats.rows import Batch, decode

RUN, SEGMENT = "4" * 32, "5" * 32
_int64 = st.integers(-(2**63), 2**63 - 1)
_values = (
    st.floats(),
    _int64,
    st.booleans(),
    st.text(max_size=6),
    st.one_of(st.floats(), st.integers(-(2**70), 2**70)),
    st.one_of(st.none(), st.just("$f"), st.just({"media": "image", "$": 1}), st.just({"$f": "nan"})),
)


_BEFORE = bytes.fromhex(  # two tables, as they were written in frames of kind 34
    "4700000000000000e2619d8341e46c4bd6d4a9aa98b90ca8027b2274223a313739303030303030303030303030302c226964223a302c226e61"
    "6d6573223a5b2261222c2262222c2263222c2264225d2c227479706573223a2264713f76227d8a000000010000000c3d96662f7c3baed1e95f"
    "2f733f5d3822000000000300000000e025dafe5b060001e025dafe5b0600fcffffffffffffff05000000000000000300000000000000050000"
    "0000000000000000000000e03f000000000000f8bf000000000000024001000000000000000000000000000040fdffffffffffffff0100015b"
    "5b2278222c6e756c6c2c7b226d65646961223a22696d616765227d5d5d2a0000000200000063ceb6b1b4b33c3ff3b5bda8ba0ad9bc027b2274"
    "223a31302c226964223a312c226e616d6573223a5b2261225d2c227479706573223a2264227d6900000003000000ce5adc8d94316ace8db07e"
    "2c83603fb62201000000040000000a0000000000000014000000000000001e0000000000000028000000000000000000000000000000010000"
    "000000000002000000000000000300000000000000000000000000e03f000000000000f83f00000000000004400000000000000c40"
)


@st.composite
def indexes(draw: st.DrawFn, count: int) -> list[int]:
    """Steps or times: any, or at even distances, as far as they have 64 bits."""
    first, distance = draw(_int64), draw(st.integers(-(2**40), 2**40))
    even = [first + distance * place for place in range(count)]
    if draw(st.booleans()) and -(2**63) <= even[-1] < 2**63:
        return even
    return draw(st.lists(_int64, min_size=count, max_size=count))


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    """Columns of any types."""
    count = draw(st.integers(1, 8))
    names = draw(st.lists(st.text(max_size=5), max_size=5, unique=True))
    values = {name: draw(st.lists(draw(st.sampled_from(_values)), min_size=count, max_size=count)) for name in names}
    steps, times = draw(indexes(count)), draw(indexes(count))
    return Columns(values, evened(steps), times) if draw(st.booleans()) else Columns(values, steps, evened(times))


def built(*facts: Columns | Points) -> FrameBuilder:
    """A segment with these facts."""
    builder = FrameBuilder()
    builder.add(events.Header(RUN, SEGMENT, "p", "edge"), 1)
    for fact in facts:
        builder.add(fact, 2)
    return builder


def read(data: bytes) -> Batch:
    """What the bytes of a segment say."""
    position = Position()
    frames = read_frames(data, position)
    assert not position.damage
    return decode(frames, SEGMENT, {})


def same(left: Any, right: Any) -> bool:
    """Equality with types, where NaN is NaN."""
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return type(left) is type(right) and bool(left == right)


@given(tables())
def test_columns_come_back(made: Columns) -> None:
    """Steps, times and values of every type come back exactly, under the sequence of their one frame."""
    builder = built(made)
    batch = read(builder.data)
    (rows,) = batch.rows
    assert list(rows.names) == list(made.values)
    assert (list(rows.steps), list(rows.times)) == (list(made.steps), list(made.times))
    assert set(rows.sequences) == {2}
    for got, put in zip(rows.columns, made.values.values(), strict=True):
        assert all(map(same, got, put))
    (told,) = builder.rows
    assert (told.types, list(told.sequences)) == (rows.types, list(rows.sequences))
    assert batch.last == max(1, *made.times)


@given(st.lists(tables(), min_size=1, max_size=3))
def test_a_segment_goes_on(made: list[Columns]) -> None:
    """Key sets that were declared are not declared again, and a builder that goes on makes the same bytes."""
    whole = built(*made, *made)
    keysets: dict[int, KeySet] = {}
    first = built(*made)
    position = Position()
    decode(read_frames(first.data, position), SEGMENT, keysets)
    second = FrameBuilder(position.sequence, position.chain, numbers_of(keysets))
    for columns in made:
        second.add(columns, 2)
    assert first.data + second.data == whole.data
    assert not any(frame.kind == codec.KEYS for frame in second.frames)


def test_frames_of_before_are_read() -> None:
    """Tables that earlier releases wrote come back whole, also in one piece with those of today."""
    position = Position()
    frames, keysets = read_frames(_BEFORE, position), dict[int, KeySet]()
    first, second = decode(frames, SEGMENT, keysets).rows
    assert (list(first.times), list(first.steps)) == ([1790000000000000, 1790000000000001, -4], [5, 3, 5])
    assert [list(column) for column in first.columns] == [
        [0.5, -1.5, 2.25], [1, 2**62, -3], [True, False, True], ["x", None, {"media": "image"}]
    ]  # fmt: skip
    assert (list(second.times), list(second.steps)) == ([10, 20, 30, 40], [0, 1, 2, 3])
    assert [list(column) for column in second.columns] == [[0.5, 1.5, 2.5, 3.5]]
    goes_on = FrameBuilder(position.sequence, position.chain, numbers_of(keysets))
    goes_on.add(Columns({"a": [4.5, 5.5, 6.5]}, [4, 5, 6], [50, 60, 70]), 1)
    whole = read(_BEFORE + goes_on.data).rows[-1]
    assert (list(whole.steps), list(whole.sequences)) == (list(range(7)), [3] * 4 + [4] * 3)
    assert list(whole.columns[0]) == [place + 0.5 for place in range(7)]


def test_even_steps_take_no_room() -> None:
    """A thousand points of a loop are as many bytes as their values, but for a few."""
    made = built(Columns({"a": [0.5] * 1000}, range(1000), range(0, 1000_000, 1000)))
    assert made.position(0).offset < 8000 + 400


def test_every_cut_keeps_the_whole_frames_before_it() -> None:
    """Cut at any byte, a frame of rows is there whole or not at all, and that is no damage."""
    columns = Columns({"a": [0.5, 1.5], "b": ["x", None]}, [0, 1], [5, 6])
    builder = built(Points({"a": 1.0}, -1, 4), columns)
    data = builder.data
    for cut in range(len(data)):
        steps = [step for rows in read(data[:cut]).rows for step in rows.steps]
        assert steps in ([], [-1])
    assert sorted(step for rows in read(data).rows for step in rows.steps) == [-1, 0, 1]


def test_every_flipped_bit_is_noticed() -> None:
    """A flipped bit anywhere in a frame of rows stops the reading before it."""
    data = built(Columns({"a": [0.5, 1.5]}, [0, 1], [5, 6])).data
    frames = read_frames(data, Position())
    start = len(data) - len(frames[-1].payload) - codec.FRAME_HEAD
    for place in range(start, len(data)):
        broken = bytearray(data)
        broken[place] ^= 1 << (place % 8)
        position = Position()
        assert len(read_frames(bytes(broken), position)) < len(frames)
        assert position.damage or position.offset < len(data)


_texts = st.text(max_size=5)
_json = st.one_of(_texts, _int64, st.none(), st.floats(allow_nan=False), st.integers(-(2**70), 2**70), st.booleans())
_settings = st.dictionaries(st.one_of(_texts, st.just("$i")), st.one_of(_json, st.just({"$f": "nan"})), max_size=3)


@given(
    st.one_of(
        _settings.map(events.Config),
        _settings.map(events.Summary),
        st.dictionaries(_texts, _texts).map(events.Tags),
        st.builds(events.Status, st.sampled_from(["", "finished"]), _int64),
        st.builds(events.Described, name=st.one_of(st.none(), _texts), notes=st.one_of(st.none(), _texts)),
        st.builds(events.Started, name=_texts, command=st.lists(_texts, max_size=2), seeds=_settings),
        st.lists(_texts, max_size=2).map(lambda keys: events.Removed("tags", keys)),
    )
)
def test_what_reads_back_is_what_was_said(event: events.Event) -> None:
    """Where a frame need not be read to know its event, to read it gives the same one, types and all."""
    builder = FrameBuilder()
    builder.add(event, 5)
    ((at, said, frame, is_exact),) = builder.said
    stamp, found = decode_event(frame.payload, SEGMENT, frame.sequence)
    assert (stamp.time, said) == (at, event)
    if is_exact:
        assert repr(found) == repr(event)


def test_one_wrong_frame_leaves_the_others_as_they_are() -> None:
    """Of many frames of one key set, read together, only the one that does not fit is unread."""
    data = built(*(Columns({"a": [0.5, 1.5]}, [step, step + 1], [1, 2]) for step in (1, 3, 5))).data
    frames = read_frames(data, Position())
    short = [Frame(frame.sequence, frame.payload[: -8 if frame.sequence == 3 else None]) for frame in frames]
    batch = decode(short, SEGMENT, {})
    assert [step for rows in batch.rows for step in rows.steps] == [1, 2, 5, 6]
    assert [stamp.sequence for stamp, event in batch.events if isinstance(event, events.Unread)] == [3]


@given(st.binary(max_size=120), st.sampled_from(["", "d", "dq?", "v", "dv?v"]))
def test_any_payload_is_rows_or_unread(body: bytes, types: str) -> None:
    """Senseless bytes are an unread event, never an error, and never a row with too few values."""
    keysets = {0: KeySet([str(place) for place in range(len(types))], types)}
    for head in (b"", struct.pack("<II", 0, 1), struct.pack("<II", 0, 2), struct.pack("<II", 0, 2**32 - 1)):
        kind = codec.TABLE if body[:1] < b"\x80" else codec.ROWS
        batch = decode([Frame(0, bytes((kind,)) + head + body)], SEGMENT, dict(keysets))
        assert len(batch.rows) + len(batch.events) == 1
        assert all(len(column) == len(rows.steps) for rows in batch.rows for column in (*rows.columns, rows.times))
        assert all(isinstance(event, events.Unread) for _, event in batch.events)


@pytest.mark.parametrize(
    "body",
    [
        struct.pack("<II2sqqqq", 0, 2**32 - 1, b"ee", 0, 1, 0, 1),  # no values: their number is bounded by nothing else
        struct.pack("<II2sqqqq", 2, 65_537, b"ee", 0, 1, 0, 1) + bytes(65_537),  # a byte a row, and far more in memory
        struct.pack("<II2sqqqqd", 1, 2, b"ee", 2**63 - 1, 1, 0, 1, 0.5) + bytes(8),
        struct.pack("<II2sqBqq", 1, 2, b"1e", 2**63 - 1, 1, 0, 1) + bytes(16),
        struct.pack("<II2sqqqqdd", 1, 2, b"dd", 1, 2, 3, 4, 0.5, 0.5),
        struct.pack("<II2sqqqqdd", 1, 2, b"\xff?", 1, 2, 3, 4, 0.5, 0.5),
    ],
)
def test_senseless_tables_are_unread(body: bytes) -> None:
    """Rows without end, steps beyond 64 bits and codings that are none make a frame unread, and cost nothing."""
    keysets = {0: KeySet([], ""), 1: KeySet(["a"], "d"), 2: KeySet(["a"], "?")}
    batch = decode([Frame(4, bytes((codec.TABLE,)) + body)], SEGMENT, keysets)
    assert not batch.rows
    assert [event for _, event in batch.events] == [events.Unread(codec.TABLE)]


def test_values_without_end_are_unread() -> None:
    """Values that are nested deeper than anybody reads make their frame unread, and no error."""
    data = built(Columns({"a": ["x", 1.0]}, [1, 2], [1, 2])).data
    payload = read_frames(data, Position())[-1].payload
    deep = payload[: payload.index(b"[")] + b"[[" + b"[" * 100_000 + b"]" * 100_000 + b",1]]"
    batch = decode([Frame(4, deep)], SEGMENT, {0: KeySet(["a"], "v")})
    assert not batch.rows
    assert [event for _, event in batch.events] == [events.Unread(codec.TABLE)]


def test_rows_are_picked_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """To pick some of the rows of many frames looks at no number alone: each such look goes through all frames."""
    made = built(*(Columns({"a": [0.5, 1.5]}, [step, step + 1], [1, 2]) for step in range(0, 20, 2)))
    (rows,) = read(made.data).rows
    monkeypatch.delattr(Progressions, "__getitem__")
    picked = rows.pick([3, 4, 19])
    assert (picked.steps, picked.times, picked.columns) == ([3, 4, 19], [2, 1, 2], [[1.5, 0.5, 1.5]])


def test_rows_of_an_unknown_set_are_unread() -> None:
    """A frame of rows whose key set was never declared says so."""
    payload = bytes((codec.ROWS,)) + struct.pack("<IIqq", 7, 1, 1, 1)
    ((stamp, event),) = decode([Frame(3, payload)], SEGMENT, {}).events
    assert (stamp.sequence, event) == (3, events.Unread(codec.ROWS))


def test_rows_stay_in_the_order_of_their_frames() -> None:
    """Single rows and many rows of one key set come out as they went in."""
    made = built(Points({"a": 1.0}, 1, 1), Columns({"a": [2.0, 3.0]}, [2, 3], [2, 3]), Points({"a": 4.0}, 4, 4))
    rows = read(made.data).rows
    assert [step for item in rows for step in item.steps] == [1, 2, 3, 4]
    assert [number for item in rows for number in item.sequences] == [2, 3, 3, 4]


def test_readers_of_events_pass_rows_over() -> None:
    """Who asks for events alone gets no rows."""
    data = built(Columns({"a": [2.0, 3.0]}, [2, 3], [2, 3])).data
    kinds = [type(event) for _, event in read_events(data, SEGMENT, Position())]
    assert kinds == [events.Header, events.Keys]


def test_many_rows_are_several_frames() -> None:
    """A table without end is cut into frames that a reader can hold."""
    count = (1 << 16) + 3
    made = built(Columns({"a": [0.5] * count}, range(count), range(count)))
    rows = read(made.data).rows
    assert list(Counter(number for item in rows for number in item.sequences).values()) == [1 << 16, 3]
    assert made.position(0).offset == len(made.data)


@pytest.mark.parametrize(
    "fact",
    [
        Points({"a": 1.0}, 2**63, 1),
        Points({"a": 1.0}, 1, -(2**63) - 1),
        Columns({"a": [1.0, 1.0]}, [0, -(2**64)], [1, 2]),
        Columns({"a": [1.0, 1.0]}, [0, 1], [1, 2**63]),
    ],
)
def test_steps_and_times_have_64_bits(fact: Points | Columns) -> None:
    """A step or time that no frame holds is refused."""
    with pytest.raises(InvalidInput, match="64-bit"):
        built(fact)
