"""Packing and giving up segments: only what has ended, and one readable truth wherever it is interrupted."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import ME, RUN, Place, event, make_segment, place

from madang.client.dropping import Finding, drop, missing
from madang.domain.commands import CreateRun, Log
from madang.domain.held import HeldSegment
from madang.errors import MadangError
from madang.formats import packed
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.formats.journal import Position, read_frames
from madang.services.packing import Packing
from madang.testing.segment_files import segment_bytes, segment_files

A, B = "a" * 32, "b" * 32
STARTED, FINISHED = event(codec.STARTED, name="n"), event(codec.FINISHED, status="finished")
POINTS = [(step, {"x": step / 7}) for step in range(50)]
OPERATIONS = ("open", "fsync", "rename", "link", "unlink", "replace")


def ended(at: Place, folder: Path) -> bytes:
    """A run with one segment that has ended; its bytes."""
    data = make_segment(folder, [STARTED, *POINTS, FINISHED], segment=A)
    at.write(A, data)
    at.tracking.catch_up()
    return data


def packing(at: Place) -> Packing:
    return Packing(at.records, at.tracking, at.files)


def test_only_what_has_ended_is_packed(at: Place, tmp_path: Path) -> None:
    """A run that still runs keeps its segments as they are, those of writers that ended too."""
    finished = make_segment(tmp_path, [STARTED, *POINTS, FINISHED], segment=A, header={"host": "elsewhere"})
    position = Position()
    read_frames(finished[:-1], position)
    at.write(A, finished[: position.offset])
    at.write(B, make_segment(tmp_path, [FINISHED], segment=B, header={"writer": "fork"}))
    assert list(packing(at).pack(RUN)) == []
    assert packing(at).stays(RUN)
    at.write(A, finished)
    assert sorted(packing(at).pack(RUN)) == [A, B]
    assert segment_bytes(at.path(A)) == finished
    assert not packing(at).stays(RUN)


def test_a_living_writer_is_left_alone(at: Place, tmp_path: Path) -> None:
    """As long as somebody holds a segment's lock it is not packed, whatever was said of its end."""
    ended(at, tmp_path)
    lock = layout.lock_path(at.store, RUN, A)
    layout.hold(lock)
    try:
        assert list(packing(at).pack(RUN)) == []
        assert not at.files.pack(RUN, A)
    finally:
        layout.release(lock)
    assert list(packing(at).pack(RUN)) == [A]


def test_an_edges_segment_is_packed_after_its_run(at: Place) -> None:
    """An edge has no lock: only the end of the run says that nothing more comes; then it reads the same."""
    run = at.tracking.create(ME, "p", CreateRun(name="n")).id
    at.tracking.log(ME, run, Log(metrics={"x": 1.0}))
    assert list(packing(at).pack(run)) == []
    at.tracking.log(ME, run, Log(metrics={"x": 2.0}))
    at.tracking.log(ME, run, Log(finish="finished"))
    assert len(list(packing(at).pack(run))) == 1
    assert at.search.history(ME, [run], None)[run]["x"].values == [1.0, 2.0]


def test_damaged_segments_stay(at: Place, tmp_path: Path) -> None:
    """What cannot be read to its end is neither packed nor given up."""
    data = bytearray(make_segment(tmp_path, [STARTED, *POINTS, FINISHED], segment=A))
    data[len(data) // 2] ^= 1
    at.write(A, bytes(data))
    assert A not in list(packing(at).pack(RUN))
    assert packing(at).stays(RUN)


def test_the_plain_file_counts_while_both_are_there(at: Place, tmp_path: Path) -> None:
    """A packed file beside a plain one, as a crash leaves it, is not looked at, and replaced by the next packing."""
    data = ended(at, tmp_path)
    Path(f"{at.path(A)}{packed.ENDING}").write_bytes(b"half")
    assert at.files.read(RUN, A, 0, 1 << 30) == data
    assert at.files.pack(RUN, A)
    assert at.files.read(RUN, A, 0, 1 << 30) == data


def test_a_damaged_packed_segment_is_told(at: Place, tmp_path: Path) -> None:
    """A store that is read anew from it shows the run with its damage, and does not stop at it."""
    ended(at, tmp_path)
    other = "5" * 32
    at.write(B, make_segment(tmp_path, [STARTED, FINISHED], run=other, segment=B), other)
    at.files.pack(RUN, A)
    path = Path(f"{at.path(A)}{packed.ENDING}")
    path.write_bytes(path.read_bytes()[:-20])
    at.records.close()
    (Path(at.store) / "records.db").unlink()
    again = place(Path(at.store))
    assert again.search.run(ME, other).status == "finished"
    assert any(A in text for text in again.search.run(ME, RUN).damage)
    again.records.close()


def held(at: Place, data: bytes) -> Finding:
    position = Position()
    read_frames(data, position)
    return Finding(RUN, "p", "n", 1, (HeldSegment(A, len(data), position.chain.hex(), "http://hub"),))


def steps(at: Place, data: bytes) -> dict[str, Callable[[], Any]]:
    record = at.search.run(ME, RUN)
    return {"pack": lambda: at.files.pack(RUN, A), "drop": lambda: drop(at.store, record, held(at, data))}


def one_truth(at: Place, data: bytes) -> None:
    """The segment is here, whole, or there is the note which hub holds it."""
    found = segment_files(at.path(A).parent)
    if A in found:
        assert found[A] == data
        assert [(item.segment, item.size) for item in at.files.of_run(RUN)] == [(A, len(data))]
    else:
        assert [(item.id, item.size) for item in missing(at.store, RUN)] == [(A, len(data))]


class Stop(Exception):
    """What stops an operation, as a full disk or a kill does."""


def interrupted(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    """Have ``act`` called in the place of the n-th operation on the file system from now on."""
    left = [number]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                act()
            return real(*args, **named)

        return call

    for name in OPERATIONS:
        monkeypatch.setattr(os, name, counted(getattr(os, name)))


@pytest.mark.parametrize("what", ["pack", "drop"])
def test_an_operation_that_fails_leaves_one_truth(at: Place, tmp_path: Path, what: str) -> None:
    """Whichever operation the disk refuses: an error of ours, one truth, nothing left aside; again, and it is done."""

    def refuse() -> None:
        raise OSError(28, "No space left on device")

    data = ended(at, tmp_path)
    for number in range(1, 40):
        if A not in segment_files(at.path(A).parent):
            at.write(A, data)
        work = steps(at, data)[what]
        with pytest.MonkeyPatch.context() as patch:
            interrupted(patch, number, refuse)
            with suppress(MadangError):
                if work():
                    break
        one_truth(at, data)
        assert list((Path(at.store) / "tmp").iterdir()) == []
    else:
        raise AssertionError("it never came to its end")
    one_truth(at, data)
    assert number > 4


@pytest.mark.parametrize("what", ["pack", "drop"])
def test_a_kill_at_any_operation_leaves_one_truth(at: Place, tmp_path: Path, what: str) -> None:
    """Killed before any operation on the file system, in a process of its own: one truth; again, and it is done."""
    data = ended(at, tmp_path)
    for number in range(1, 40):
        if A not in segment_files(at.path(A).parent):
            at.write(A, data)
        work = steps(at, data)[what]
        child = os.fork()
        if not child:
            with pytest.MonkeyPatch.context() as patch:
                interrupted(patch, number, lambda: os.kill(os.getpid(), signal.SIGKILL))
                work()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        one_truth(at, data)
        if not os.WIFSIGNALED(status):
            break
    else:
        raise AssertionError("it never came to its end")
    assert number > 4


def test_a_run_given_up_is_read_and_not_lost(at: Place, tmp_path: Path) -> None:
    """Its history stays; without the index it is listed with where it is; back from the hub it is as it was."""
    data = ended(at, tmp_path)
    before = at.search.history(ME, [RUN], None)[RUN]
    record = at.search.run(ME, RUN)
    assert drop(at.store, record, held(at, data)) > 0
    assert at.search.history(ME, [RUN], None)[RUN] == before
    assert at.search.run(ME, RUN) == record
    at.records.close()
    (Path(at.store) / "records.db").unlink()
    again = place(Path(at.store))
    listed = again.search.run(ME, RUN)
    assert (listed.name, listed.project, listed.status) == ("n", "p", "finished")
    assert any("held by http://hub" in text and "--fetch" in text for text in listed.damage)
    assert again.files.bring(RUN, A, iter([data]))
    back = again.search.run(ME, RUN)
    assert replace(back, revision=record.revision) == record
    assert again.search.history(ME, [RUN], None)[RUN] == before
    again.records.close()


def test_a_hub_packs_what_it_took_in(hub: Place, tmp_path: Path) -> None:
    """Pieces of an ended run become packed ones and read the same; those of a run that goes on are left."""
    data = make_segment(tmp_path, [STARTED, *POINTS, FINISHED], segment=A)
    cut = 0
    position = Position()
    for size in (len(data) // 3, 2 * len(data) // 3, len(data)):
        read_frames(data[position.offset : size], position)
        at = hub.tracking.segment(ME, RUN, A)
        hub.tracking.append(ME, "p", RUN, A, at.offset, at.chain, data[cut : position.offset])
        cut = position.offset
        if cut < len(data):
            assert Packing(hub.records, hub.tracking, None).pack_pieces(1 << 62) == 0
    work = Packing(hub.records, hub.tracking, None)
    assert work.pack_pieces(0) == 0
    work.pack_pieces(1 << 62)
    assert work.pack_pieces(1 << 62) == 0
    assert hub.tracking.segment_bytes(ME, RUN, A, 0, 1 << 30) == data
    assert hub.tracking.segment_bytes(ME, RUN, A, 100, 50) == data[100:150]
