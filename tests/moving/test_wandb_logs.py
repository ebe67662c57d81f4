"""W&B's transaction logs, whole and damaged."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.moving.wire import history, items, log, message, run

from madang.errors import CorruptData
from madang.formats.protobuf import Message
from madang.formats.wandb.datastore import TORN, read_log
from madang.formats.wandb.records import Output, RunLog, gather
from madang.formats.wandb.terminal import console_lines

RECORDS = st.lists(
    st.one_of(st.binary(max_size=60), st.integers(0, 90_000).map(lambda size: bytes([size % 251]) * size)), max_size=12
)


def read(data: bytes) -> tuple[list[bytes], list[str]]:
    """The records of a log, and what is said of damage."""
    damage: list[str] = []
    return list(read_log(io.BytesIO(data), damage)), damage


@given(RECORDS)
@settings(max_examples=60, deadline=None)
def test_a_log_is_read_as_it_was_written(records: list[bytes]) -> None:
    """Records of any size come back, also those that lie over several blocks."""
    assert read(log(records)) == (records, [])


@given(RECORDS, st.data())
@settings(max_examples=60, deadline=None)
def test_of_a_torn_log_the_beginning_is_read(records: list[bytes], data: st.DataObject) -> None:
    """Wherever its writer was stopped, the records that are whole come, and the loss is told."""
    whole = log(records)
    size = data.draw(st.integers(7, len(whole)))
    found, damage = read(whole[:size])
    assert found == records[: len(found)]
    assert len(found) == len(records) or size < len(whole)
    assert set(damage) <= {TORN}
    if whole[:size] not in {log(records[:count]) for count in range(len(records) + 1)}:
        assert damage or not whole[len(log(records[: len(found)])) : size].strip(b"\0")


@given(RECORDS, st.data())
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_costs_little(records: list[bytes], data: st.DataObject) -> None:
    """A damaged record is left out and told; what is read besides was written, in its order."""
    whole = bytearray(log(records))
    if len(whole) == 7:
        return
    place = data.draw(st.integers(7, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    found, damage = read(bytes(whole))
    rest = iter(records)
    assert all(record in rest for record in found)
    assert damage or found == records  # padding does not matter


def test_only_one_record_is_lost_where_its_length_is_right() -> None:
    """Behind a record with damaged content the next one is found in the same block."""
    records = [b"a" * 50, b"b" * 50, b"c" * 50]
    whole = bytearray(log(records))
    whole[7 + 57 + 20] ^= 1
    found, damage = read(bytes(whole))
    assert found == [records[0], records[2]]
    assert damage == ["the record at byte 64 is damaged"]


@pytest.mark.parametrize("data", [b"", b":W&", b"not a log at all", b":W&B\xe1\xbe\x07" + bytes(20)])
def test_what_is_no_log(data: bytes) -> None:
    """Another file, an empty one or a later version of the format is named as such."""
    with pytest.raises(CorruptData):
        read(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    """No bytes lead to anything but a message or `CorruptData`, also deep inside."""
    told = RunLog()
    gather(iter([data]), told)
    try:
        found = Message(data)
    except CorruptData:
        assert told.damage
        return
    for number in found.numbers():
        found.integer(number), found.text(number), found.doubles(number), found.singles(number)


def test_numbers_of_every_kind() -> None:
    """Negative numbers, zigzag, doubles, floats and packed lists are read as they were written."""
    made = Message(message({1: -5, 2: 7, 3: 0.25, 5: b"\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}))
    assert (made.integer(1), made.zigzag(2), made.double(3), made.integers(5)) == (-5, -4, 0.25, [1, 2, -1])
    assert (made.integer(9), made.text(9), made.double(9), made.message(9).text(1)) == (0, "", 0.0, "")


def test_values_of_a_run() -> None:
    """Nested keys, changes and removals give what the run has in the end; a bad value costs itself alone."""
    told = RunLog()
    records = [
        run("r1", {4: {1: items({"opt": {"lr": 1, "b": 2}, "x": 3})}, 10: ["one"], 9: "first"}),
        message({5: {1: items({"opt/lr": 5, "y": [1]}), 2: [{1: "x"}]}}),
        run("r1", {9: "second", 10: ["one", "two"]}),
        message({2: {1: [{2: ["loss"], 6: 0.5}, {1: "n", 5: 7}, {1: "t", 7: "text"}, {1: "b", 4: 1}], 2: {1: 3}}}),
        message({2: {1: [{1: "bad", 16: "{"}]}}),
        message({3: {1: items({"loss/min": 0.1, "loss/max": 1, "gone": 1})}}),
        message({3: {1: items({"loss/min": 0.05}), 2: [{1: "gone"}]}}),
        message({77: b"?"}),
        message({18: {1: 3, 2: 9}}),
        history({"loss": float("nan"), "a/b": float("inf")}, 9),
    ]
    gather(iter(records), told)
    assert told.config == {"opt": {"lr": 5, "b": 2}, "y": [1]}
    assert (told.notes, told.tags, told.exit_code, told.seconds) == ("second", ["one", "two"], 3, 9)
    assert told.history[0] == {"loss": 0.5, "n": -4, "t": "text", "b": True, "_step": 3}
    assert repr(told.history[1]["loss"]) == "nan"
    assert told.history[1]["a"] == {"b": float("inf")}
    assert told.summary == {"loss": {"min": 0.05, "max": 1}}
    assert told.unknown == {77: 1}
    assert len(told.damage) == 1


def test_console_lines() -> None:
    """A progress bar leaves one line, streams keep apart, and a cursor that goes up rewrites a line."""
    output = [
        Output(1, False, "one\ntw"),
        Output(2, True, "oops\n"),
        Output(3, False, "o\r10%\r100%\n"),
        Output(4, False, "a\nb\n\x1b[A\x1b[AX\n\x1b[31mred"),
        Output(5, False, "written\nby hand\n", is_line=True),
    ]
    lines = console_lines(output)
    told = [(line.n, line.stream, line.text) for line in lines]
    assert told == [
        (1, "out", "one"), (2, "out", "100%"), (3, "err", "oops"), (4, "out", "X"), (5, "out", "\x1b[31mred"),
        (6, "out", "written"), (7, "out", "by hand"),
    ]  # fmt: skip
    assert [line.time for line in lines] == [1, 1, 2, 4, 4, 5, 5]
