"""The newest frames of a segment in shared memory: they are read as if they stood in its file, whatever happens."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from madang.backends.segments import LocalSegments
from madang.errors import StorageError
from madang.formats import journal, packed, recent
from madang.formats import store as layout
from madang.sdk.writer import RunWriter

RUN, SEGMENT = "4" * 32, "5" * 32
HEADER = {"run": RUN, "project": "마당", "writer": "process"}
CALLS = 700  # more than the memory holds
FULL = 4 + (recent.SIZE - recent.START) // 61  # calls after which the next one finds no room in it


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a segment may be written, by a program that is in haste from its third call on."""
    monkeypatch.setattr("madang.sdk.writer._HASTE", 3)
    monkeypatch.setattr("madang.sdk.writer._SLOW", 1e9)
    monkeypatch.setattr("madang.formats.segment.time.monotonic_ns", lambda: 0)
    os.makedirs(layout.run_dir(str(tmp_path), RUN))
    return layout.segment_path(str(tmp_path), RUN, SEGMENT)


def logged(path: str, calls: int = CALLS) -> RunWriter:
    writer = RunWriter(path, SEGMENT, HEADER, now=1)
    for step in range(calls):
        writer.metrics({"x": step / 3, "y": step}, step)
    return writer


def frames(data: bytes) -> int:
    """How many whole frames there are; what follows them is a torn tail, never damage."""
    position = journal.Position()
    found = journal.read_frames(data, position)
    assert not position.damage
    return len(found)


def expected(path: str, monkeypatch: pytest.MonkeyPatch, calls: int = CALLS) -> bytes:
    """The bytes of the same calls where each is one write()."""
    with monkeypatch.context() as patched:
        patched.setattr("madang.formats.recent._TRUSTED", ())
        writer = logged(path + ".plain", calls)
        assert not os.path.exists(path + ".plain" + recent.ENDING)
        writer.close()
    return Path(path + ".plain").read_bytes()


@pytest.mark.parametrize("calls", [4, 5, 100, CALLS])
def test_the_bytes_are_those_of_single_writes(path: str, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """With and without the memory a segment has the same bytes: while it is written, and when it is over."""
    whole = expected(path, monkeypatch, calls)
    writer = logged(path, calls)
    assert recent.read(path, 0) == whole
    assert recent.size(path) == writer.offset == len(whole)
    assert calls == 4 or os.stat(path).st_size < len(whole)
    writer.sync()
    writer.close()
    assert Path(path).read_bytes() == whole
    assert not os.path.exists(path + recent.ENDING)


def test_any_part_of_it_can_be_read(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From any offset, to any limit, the bytes are those of the whole."""
    whole = expected(path, monkeypatch)
    writer = logged(path)
    border = os.stat(path).st_size
    for offset in (0, 1, border - 1, border, border + 1, len(whole) - 1, len(whole), len(whole) + 9):
        for limit in (1, 2, 30, border, len(whole), -1):
            assert recent.read(path, offset, limit) == whole[offset : len(whole) if limit < 0 else offset + limit]
    writer.close()


def test_events_go_to_the_file_at_once_with_all_before_them(path: str) -> None:
    """Who reads events alone need not look into the memory."""
    writer = logged(path)
    writer.append(25, {})
    assert os.stat(path).st_size == writer.offset == recent.size(path)
    writer.metrics({"x": 1.0, "y": 2}, 9)
    assert os.stat(path).st_size < writer.offset == recent.size(path)
    writer.close()


def test_what_a_dead_writer_left_is_settled_once(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the writer lives nobody touches its memory; afterwards it is put into the file, which can be packed."""
    whole = expected(path, monkeypatch)
    files = LocalSegments(path.partition("/segments/")[0])
    writer = logged(path)
    assert not recent.settle(path)
    assert not files.pack(RUN, SEGMENT)
    writer.close()  # as the end of the process does
    assert files.stat(RUN, SEGMENT) is not None
    assert files.read(RUN, SEGMENT, 0, 1 << 30) == whole
    assert files.pack(RUN, SEGMENT)
    assert recent.settle(path)
    assert sorted(os.listdir(os.path.dirname(path))) == [SEGMENT + ".seg.plain", SEGMENT + ".seg.zst"]
    assert packed.read(path + packed.ENDING, 0, 1 << 30) == whole


@pytest.mark.parametrize("written", [0, 1, 23, 500, 1 << 20])
def test_a_writer_killed_while_it_emptied_its_memory(path: str, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    """Some of the memory's bytes are in the file already, or all and a frame more: nothing is lost or doubled."""
    whole = expected(path, monkeypatch)
    writer = logged(path)
    writer.close()
    border = os.stat(path).st_size
    with open(path, "ab") as file:
        file.write((whole[border:] + b"\x30\x00")[:written])
    assert recent.read(path, 0).startswith(whole)
    assert recent.settle(path)
    assert Path(path).read_bytes().startswith(whole)
    assert frames(Path(path).read_bytes()) == frames(whole)


def test_a_power_failure_that_took_the_end_of_the_file(path: str) -> None:
    """What would stand behind a gap is not read."""
    logged(path).close()
    os.truncate(path, os.stat(path).st_size - 10)
    rest = Path(path).read_bytes()
    assert recent.read(path, 0) == rest
    assert recent.size(path) == len(rest)
    assert recent.settle(path)
    assert Path(path).read_bytes() == rest


def test_no_flipped_bit_or_cut_reads_as_a_record(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that a reader sees half written gives fewer frames, never others, and no damage."""
    whole = expected(path, monkeypatch, 40)
    logged(path, 40).close()
    memory = Path(path + recent.ENDING).read_bytes()
    border = os.stat(path).st_size
    for place in range(0, recent.START + len(whole) - border, 5):
        broken = bytearray(memory)
        broken[place] ^= 1 << (place % 8)
        for data in (bytes(broken), memory[:place]):
            Path(path + recent.ENDING).write_bytes(data)
            found = recent.read(path, 0)
            assert whole.startswith(found)
            assert len(found) >= border
            frames(found)


def test_a_failed_write_keeps_what_had_returned(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full as the memory is emptied, all calls that returned are read, and later ones work."""
    writer = logged(path, 10)
    real, broken = os.write, [True]

    def write(descriptor: int, data: bytes) -> int:
        if broken[0] and len(data) > 5:
            return real(descriptor, data[:5])
        if broken[0]:
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr("madang.formats.segment.os.write", write)
    kept = 10
    for step in range(10, CALLS):
        try:
            writer.metrics({"x": step / 3, "y": step}, step)
            kept += 1
        except StorageError:
            assert writer.is_whole()
            break
    else:
        raise AssertionError("nothing was refused")
    broken[0] = False
    writer.metrics({"x": 0.5, "y": 1}, kept)
    assert frames(recent.read(path, 0)) == 2 + kept + 1  # behind the header and the keys
    writer.close()


def test_numbers_of_other_types_are_packed_by_their_own_layout(path: str) -> None:
    """Keys whose values change their type call by call keep it, and share the sets of keys that have one layout."""
    import numpy as np

    writer = RunWriter(path, SEGMENT, HEADER, now=1)
    values = [1.5, 2, True, np.float32(0.25), np.int64(7), np.float64(9.5), np.bool_(False), 2**70, "text"]
    for turn in range(3):
        for step, value in enumerate(values):
            writer.metrics({"x": value}, turn * 10 + step)
    writer.sync()
    writer.close()
    keys: dict[int, journal.KeySet] = {}
    found: list[object] = []
    for frame in journal.read_frames(Path(path).read_bytes(), journal.Position()):
        if frame.kind == 2:
            event = journal.decode_event(frame.payload, SEGMENT, frame.sequence)[1]
            keys[event.id] = journal.KeySet(event.names, event.types)  # type: ignore[union-attr]
        elif frame.kind == 3:
            found += keys[journal.keyset_of(frame.payload)].row(frame.payload)[2]
    plain = [1.5, 2, True, 0.25, 7, 9.5, False, 2**70, "text"] * 3
    assert [(type(value), value) for value in found] == [(type(value), value) for value in plain]
    assert [item.types for item in keys.values()] == ["d", "q", "?", "v"]


class Interrupted(BaseException):
    """What a signal handler raises, which may be between any two instructions where a debugger looks on."""


def interrupted(writer: RunWriter, instruction: int, step: int) -> bool:
    """Log, but be interrupted before so manieth instruction of what goes on at the file; whether it came so far."""
    left = [instruction]

    def within(frame: FrameType, event: str, _: Any) -> Any:
        left[0] -= event == "opcode"
        if not left[0]:
            raise Interrupted
        return within

    def entered(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_name not in ("_file", "_append", "_overflow", "_hasten"):
            return None
        frame.f_trace_opcodes = True
        return within

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        writer.metrics({"x": 0.5, "y": 1}, step)
    except Interrupted:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("calls", [1, 2, 3, FULL])
def test_an_interrupt_anywhere_leaves_a_whole_segment_or_is_found_out(path: str, calls: int) -> None:
    """Before the memory, as it is made and as it is emptied: who goes on where all is whole spoils nothing."""
    instruction, came = 0, True
    while came:
        instruction += 1
        for left in (path, path + recent.ENDING):
            Path(left).unlink(missing_ok=True)
        writer = logged(path, calls)
        came = interrupted(writer, instruction, calls)
        more = 3 if writer.is_whole() else 0
        for step in range(more):
            writer.metrics({"x": 0.25, "y": 2}, step)
        assert not more or writer.offset == recent.size(path)
        writer.close()
        assert frames(recent.read(path, 0)) >= 2 + calls + more
