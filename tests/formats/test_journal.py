"""Segments: what is written is what is read, and damage never costs more than the damaged end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.domain import events
from madang.errors import InvalidInput, StorageError
from madang.formats import journal
from madang.formats import segment as codec

SEGMENT = "5" * 32
HEADER = {"run": "4" * 32, "project": "마당", "writer": "process"}

scalars = st.one_of(
    st.floats(), st.integers(), st.integers(-(2**70), 2**70), st.booleans(), st.text(max_size=20), st.none()
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(scalars, st.just({"$f": 1})),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


def write(path: Path, rows: list[tuple[int, dict[str, Any]]]) -> bytes:
    path.unlink(missing_ok=True)
    writer = codec.SegmentWriter(str(path), SEGMENT, HEADER)
    for step, values in rows:
        writer.metrics(values, step)
    writer.append(codec.FINISHED, {"status": "finished"})
    writer.close()
    return path.read_bytes()


def read(data: bytes) -> tuple[list[tuple[int, dict[str, Any]]], list[events.Event], journal.Position]:
    position = journal.Position()
    sets: dict[int, journal.KeySet] = {}
    rows, seen = [], []
    for frame in journal.read_frames(data, position):
        if frame.kind == codec.METRICS:
            keys = sets[journal.keyset_of(frame.payload)]
            _, step, values = keys.row(frame.payload)
            rows.append((step, dict(zip(keys.names, values, strict=True))))
        else:
            _, event = journal.decode_event(frame.payload, SEGMENT, frame.sequence)
            seen.append(event)
            if isinstance(event, events.Keys):
                sets[event.id] = journal.KeySet(event.names, event.types)
    return rows, seen, position


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


@given(
    st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.dictionaries(st.text(max_size=30), scalars, max_size=6)),
        max_size=12,
    )
)
def test_metrics_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, dict[str, Any]]]) -> None:
    """Every step, key and value comes back exactly, with its type."""
    back, _, position = read(write(tmp_path_factory.mktemp("segment") / "a.seg", rows))
    assert not position.damage
    assert [step for step, _ in back] == [step for step, _ in rows]
    assert all(same(got, put) for (_, got), (_, put) in zip(back, rows, strict=True))


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_json_values_round_trip(value: dict[str, Any]) -> None:
    """NaN, infinities, big integers and keys that look like wrappers survive a JSON body."""
    payload = bytes((codec.CONFIG,)) + codec.encode_json({"t": 1, "set": value})
    stamp, event = journal.decode_event(payload, SEGMENT, 0)
    assert stamp.time == 1
    assert isinstance(event, events.Config)
    assert same(event.set, value)


def test_numpy_values_are_exact(tmp_path: Path) -> None:
    """NumPy scalars and 0-d arrays are logged as the numbers they are, the second time too (the quick path)."""
    import numpy as np

    values = {
        "f16": np.float16("nan"), "f32": np.float32(0.1), "f64": np.float64(1e308), "i8": np.int8(-3),
        "u64": np.uint64(2**64 - 1), "b": np.bool_(True), "zero_d": np.array(7), "text": np.str_("글"),
    }  # fmt: skip
    rows, _, _ = read(write(tmp_path / "a.seg", [(0, values), (1, values)]))
    for _, got in rows:
        assert math.isnan(got["f16"])
        assert got["f32"] == float(np.float32(0.1))
        assert got["f64"] == 1e308
        assert (got["i8"], got["u64"], got["b"], got["zero_d"], got["text"]) == (-3, 2**64 - 1, True, 7, "글")


def test_every_cut_keeps_the_whole_frames_before_it(tmp_path: Path) -> None:
    """Cut at any byte, a segment reads as far as its last whole frame, and that is not called damage."""
    data = write(tmp_path / "a.seg", [(step, {"loss": step / 3, "글": "값"}) for step in range(4)])
    complete, *_ = read(data)
    known = 0
    for cut in range(len(data)):
        rows, _, position = read(data[:cut])
        assert rows == complete[: len(rows)]
        assert len(rows) >= known
        known = len(rows)
        assert position.offset <= cut
        assert not position.damage


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    """One flipped bit anywhere never yields a wrong record: reading stops before it."""
    data = write(tmp_path / "a.seg", [(step, {"loss": step / 3}) for step in range(3)])
    complete, *_ = read(data)
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 1 << (place % 8)
        rows, _, position = read(bytes(broken))
        assert rows == complete[: len(rows)]
        assert position.offset <= place
        assert position.damage or position.offset < len(data)


@given(st.binary(max_size=200))
def test_any_payload_decodes_to_something(payload: bytes) -> None:
    """A frame with a senseless body is an unread event, never an error."""
    for kind in range(32):
        journal.decode_event(bytes((kind,)) + payload, SEGMENT, 0)


@given(st.lists(st.integers(1, 400), max_size=30))
def test_reading_in_pieces_is_reading_at_once(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    """However the bytes arrive, the same frames come out and the same chain stands at the end."""
    data = write(tmp_path_factory.mktemp("s") / "a.seg", [(step, {"x": 1.0, "y": step}) for step in range(10)])
    whole = journal.Position()
    frames = journal.read_frames(data, whole)
    position = journal.Position()
    pieces: list[journal.Frame] = []
    have = 0
    for size in [*sizes, len(data)]:
        have = min(len(data), have + size)
        pieces += journal.read_frames(data[position.offset : have], position)
    assert pieces == frames
    assert position == whole


def test_a_full_disk_is_a_named_error_and_costs_nothing(tmp_path: Path) -> None:
    """When a write fails half way, the half frame is taken back and everything before it is still there."""
    import os
    import resource
    import signal

    path = tmp_path / "a.seg"
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
            writer = codec.SegmentWriter(str(path), SEGMENT, HEADER)
            for step in range(1000):
                writer.metrics({"loss": 0.5}, step)
        except StorageError as error:
            code = 0 if str(path) in str(error) else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    rows, _, position = read(path.read_bytes())
    assert [step for step, _ in rows] == list(range(len(rows)))
    assert len(rows) > 5
    assert position.offset == path.stat().st_size


def test_a_wrong_step_is_refused(tmp_path: Path) -> None:
    """A step that is no 64-bit integer is the caller's mistake, and nothing is written for it."""
    writer = codec.SegmentWriter(str(tmp_path / "a.seg"), SEGMENT, HEADER)
    before = writer.offset
    for step in ("one", 1.5, 2**63, None):
        with pytest.raises(InvalidInput, match="64-bit"):
            writer.metrics({"x": 1.0}, step)  # type: ignore[arg-type]
    assert writer.offset == before
    writer.close()


def test_a_segment_is_never_reopened(tmp_path: Path) -> None:
    """Opening a segment that exists for writing fails with a named error."""
    codec.SegmentWriter(str(tmp_path / "a.seg"), SEGMENT, HEADER).close()
    with pytest.raises(StorageError):
        codec.SegmentWriter(str(tmp_path / "a.seg"), SEGMENT, HEADER)
