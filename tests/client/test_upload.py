"""Uploads: whatever the hub or the network does, the hub ends with the same bytes, or with a named error."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from madang.client import segments as reading
from madang.client.http import HubClient
from madang.client.segments import SegmentFile, runs_of
from madang.client.sync import sync
from madang.client.upload import RunUpload
from madang.errors import Diverged, MadangError, NotFound, Unavailable
from madang.formats import journal, zstd
from madang.formats import segment as codec
from madang.testing.chaos_hub import FAULTS, ChaosHub
from madang.testing.written_store import WrittenStore


def test_a_run_arrives_whole(store: WrittenStore, hub: ChaosHub) -> None:
    """Every segment and blob arrives, blobs before the frames that name them; a second push sends nothing."""
    run = store.run()
    upload = RunUpload(HubClient(hub.address), store.path, run)
    assert upload.push()
    assert hub.segments == store.segments(run)
    assert len(hub.blobs) == 3
    assert hub.projects == {"프로젝트"}
    asked = len(hub.asked)
    assert not upload.push()
    assert len(hub.asked) == asked
    upload.write_synced()
    lines = (Path(store.path) / "segments" / run[:2] / run / "synced").read_text().splitlines()
    assert {f"{run}/{line.split()[0]}": int(line.split()[1]) for line in lines} == {
        name: len(data) for name, data in hub.segments.items()
    }


@pytest.mark.parametrize("seed", range(25))
def test_faults_change_nothing(seed: int, store: WrittenStore, hub: ChaosHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any series of faults, repeating the upload leads to the same bytes, and no call gives a foreign error."""
    monkeypatch.setattr(reading, "PIECE", 900)
    dice = random.Random(seed)
    run = store.run(20)
    hub.faults = [dice.choice((*FAULTS, "")) for _ in range(60)]
    attempts = 0
    upload = RunUpload(HubClient(hub.address, attempts=2), store.path, run)
    while True:
        attempts += 1
        try:
            upload.push()
            break
        except Unavailable:
            if dice.random() < 0.3:  # the client is killed and starts anew
                upload = RunUpload(HubClient(hub.address, attempts=2), store.path, run)
        assert attempts < 200
    assert hub.segments == store.segments(run)
    assert len(hub.blobs) == 3
    assert upload.acknowledged == {name.partition("/")[2]: len(data) for name, data in hub.segments.items()}


def test_two_uploaders_at_once(store: WrittenStore, hub: ChaosHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The follower and `madang sync` may send one run at the same time."""
    monkeypatch.setattr(reading, "PIECE", 700)
    run = store.run(100)
    failures: list[MadangError] = []

    def work() -> None:
        try:
            RunUpload(HubClient(hub.address), store.path, run).push()
        except MadangError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert hub.segments == store.segments(run)


def test_a_live_segment_is_sent_as_it_grows(store: WrittenStore, hub: ChaosHub) -> None:
    """Only whole frames are sent; the rest follows when it is whole."""
    writer = store.writer()
    run = Path(writer.path).parent.name
    upload = RunUpload(HubClient(hub.address), store.path, run)
    name = f"{run}/{writer.segment}"
    for step in range(5):
        writer.metrics({"x": float(step)}, step)
        whole = Path(writer.path).read_bytes()
        frame, _ = codec.frame(writer._sequence, writer.chain, b"\x19{}")
        with open(writer.path, "ab") as file:  # somebody is just writing
            file.write(frame[: 5 + step])
        upload.push()
        assert hub.segments[name] == whole
        with open(writer.path, "rb+") as file:
            file.truncate(len(whole))
    writer.close()


def test_a_frame_larger_than_a_piece(store: WrittenStore, hub: ChaosHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single large record goes in one piece."""
    monkeypatch.setattr(reading, "PIECE", 1000)
    writer = store.writer()
    run = Path(writer.path).parent.name
    writer.append(codec.CONFIG, {"set": {"text": "x" * 10_000}})
    writer.metrics({"x": 1.0}, 0)
    writer.close()
    RunUpload(HubClient(hub.address), store.path, run).push()
    assert hub.segments == store.segments(run)


def test_a_sealed_segment_is_the_same_bytes(store: WrittenStore, hub: ChaosHub) -> None:
    """A compressed segment is sent as the bytes that it holds, from where the hub stopped."""
    run = store.run()
    before = store.segments(run)
    for name, data in before.items():
        path = Path(store.path) / "segments" / run[:2] / run / f"{name.partition('/')[2]}.seg"
        path.with_suffix(".seg.zst").write_bytes(zstd.compress(data))
        path.unlink()
        cut = SegmentFile(store.path, run, path.stem).position_at(len(data) // 2)
        hub.segments[name] = data[: cut.offset]
    upload = RunUpload(HubClient(hub.address), store.path, run)
    upload.push()
    assert hub.segments == before
    assert upload.progress.bytes < sum(map(len, before.values()))


def test_other_bytes_under_the_same_name_are_told(store: WrittenStore, hub: ChaosHub) -> None:
    """A hub with another history of a segment is told with both hashes, and neither side changes."""
    run = store.run()
    ours = store.segments(run)
    name = max(ours, key=lambda name: len(ours[name]))
    other = store.writer(run)
    other.metrics({"x": 2.0}, 1)
    other.close()
    theirs = Path(other.path).read_bytes()
    Path(other.path).unlink()
    hub.segments[name] = theirs
    with pytest.raises(Diverged) as told:
        RunUpload(HubClient(hub.address), store.path, run).push()
    assert hub.chain(name).chain.hex() in str(told.value)
    assert name.partition("/")[2] in str(told.value)
    assert hub.segments[name] == theirs
    assert store.segments(run) == ours


def test_a_hub_that_has_more_is_left_alone(store: WrittenStore, hub: ChaosHub) -> None:
    """A copy of the store that lags behind the hub sends nothing and breaks nothing."""
    run = store.run()
    hub.segments = dict(store.segments(run))
    name, data = sorted(hub.segments.items())[0]
    position = SegmentFile(store.path, run, name.partition("/")[2]).position_at(len(data) - 1)
    with open(Path(store.path) / "segments" / run[:2] / f"{name}.seg", "rb+") as file:
        file.truncate(position.offset)
    (sent,) = sync(HubClient(hub.address), store.path)
    assert sent.ahead == (name.partition("/")[2],)
    assert hub.segments[name] == data


def test_damage_here_ends_at_the_damage(store: WrittenStore, hub: ChaosHub) -> None:
    """What is sound before the damage is sent; the run is not stuck."""
    run = store.run()
    name = sorted(store.segments(run))[0]
    path = Path(store.path) / "segments" / run[:2] / f"{name}.seg"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    upload = RunUpload(HubClient(hub.address), store.path, run)
    upload.push()
    position = journal.Position()
    journal.read_frames(bytes(data), position)
    assert hub.segments[name] == bytes(data[: position.offset])
    assert not upload.push()


def test_a_missing_blob_is_named(store: WrittenStore, hub: ChaosHub) -> None:
    """A blob that was deleted here does not hold up the run; it is named in the result."""
    run = store.run()
    for path in (Path(store.path) / "blobs").glob("*/*"):
        if path.read_bytes().startswith(b"plot"):
            digest = "blake3:" + path.parent.name + path.name
            path.unlink()
    hub.blobs[digest] = b""  # another copy had brought it
    (sent,) = sync(HubClient(hub.address), store.path)
    assert sent.missing == (digest,)
    assert not sent.error
    assert hub.segments == store.segments(run)


def test_sync_sends_all_and_goes_on_after_a_refusal(store: WrittenStore, hub: ChaosHub) -> None:
    """One run that the hub refuses is reported; the others arrive."""
    runs = sorted(store.run(5) for _ in range(6))
    bad = max(store.segments(runs[2]).items(), key=lambda item: len(item[1]))[0]
    other = store.writer()
    other.close()
    hub.segments[bad] = Path(other.path).read_bytes()
    Path(other.path).unlink()
    Path(other.path).parent.rmdir()
    assert runs_of(store.path) == runs
    found = list(sync(HubClient(hub.address), store.path))
    assert [item.run for item in found] == runs
    assert [item.diverged for item in found] == [run == runs[2] for run in runs]
    for run in runs:
        if run != runs[2]:
            for name, data in store.segments(run).items():
                assert hub.segments[name] == data
    with pytest.raises(NotFound):
        list(sync(HubClient(hub.address), store.path, ["0" * 32]))


def test_a_hub_that_is_down_is_said_to_be(store: WrittenStore) -> None:
    """No connection is `Unavailable`, with the address and what to do."""
    store.run(1)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9.*refused") as told:
        list(sync(HubClient("http://127.0.0.1:9", attempts=1), store.path))
    assert "madang sync" in told.value.hint
