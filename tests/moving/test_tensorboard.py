"""`madang import tensorboard`: event files of PyTorch and TensorFlow, whole, torn and hostile."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.moving.conftest import left_out
from tests.moving.wire import event, event_file, message, scalar, tensor

from madang.domain.fidelity import Report
from madang.domain.foreign import Run
from madang.errors import CorruptData, NotFound
from madang.formats.tensorboard.events import EventReader, Media
from madang.formats.tensorboard.records import TORN, masked_crc, read_records
from madang.wiring import local_user, open_store
from madang.workspace.moving.exact import ExactStore
from madang.workspace.moving.importing import Wanted, bring
from madang.workspace.moving.local_target import LocalTarget
from madang.workspace.moving.tensorboard import EventFolders

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


def carried(folder: Path, store: Path, **wanted: Any) -> tuple[Report, dict[str, Run]]:
    """Import a folder; the report, and the runs by name."""
    source = EventFolders(str(folder), "demo")
    engine = open_store(store=str(store))
    try:
        own = ExactStore(engine, local_user())
        report = bring(source, LocalTarget(own), Wanted(freely=True, **wanted), lambda _: None)
        return report, {run.name: run for item in own.experiments() for run in own.runs(item)}
    finally:
        engine.close()


def place(folder: Path, *events: bytes, name: str = "events.out.tfevents.1700000000.my.host.12.0") -> Path:
    """Write an event file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(event_file(events))
    return path


def read(data: bytes) -> tuple[list[bytes], list[str]]:
    """The records of a file, and what is said of damage."""
    damage: list[str] = []
    return [record for _, record in read_records(io.BytesIO(data), damage)], damage


def test_the_checksum_is_the_one_of_the_format() -> None:
    """CRC-32C of the digits 1 to 9 is a known number, masked as the format says."""
    crc = 0xE3069283
    assert masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@given(st.lists(st.binary(max_size=80), max_size=6), st.data())
def test_torn_and_flipped_files(records: list[bytes], data: st.DataObject) -> None:
    """Of a torn file the beginning is read, of a damaged one what can be; both are told."""
    whole = event_file(records)
    every, _ = read(whole)
    size = data.draw(st.integers(0, len(whole)))
    found, damage = read(whole[:size])
    assert found == every[: len(found)]
    assert set(damage) <= {TORN}
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    found, damage = read(bytes(flipped))
    rest = iter(every)
    assert all(record in rest for record in found)
    assert damage


def test_a_huge_length_is_not_believed() -> None:
    """A record that says to have petabytes ends the file; nothing is allocated for it."""
    head = struct.pack("<Q", 1 << 50)
    found, damage = read(event_file([]) + head + struct.pack("<I", masked_crc(head)) + b"x")
    assert len(found) == 1
    assert "which is too much" in damage[0]


@given(st.binary(max_size=150))
def test_any_bytes_are_an_event_or_refused(data: bytes) -> None:
    """No bytes lead to anything but values or `CorruptData`."""
    for body in (data, message({5: {1: data}}), message({5: {1: {1: "t", 8: data, 9: {1: {1: "histograms"}}}}})):
        try:
            list(EventReader().read(body))
        except CorruptData:
            continue


def value_of(*values: bytes) -> Any:
    """What the last of some values of one event means."""
    return list(EventReader().read(event(1, *values)))[-1].value


def test_tensors() -> None:
    """Numbers of every type, packed or listed, are read; the last one listed stands for what is missing."""
    half = struct.pack("<e", 1.5)
    cases: list[tuple[dict[int, Any], float]] = [
        ({1: 1, 4: struct.pack("<f", 0.5)}, 0.5),
        ({1: 2, 4: struct.pack("<d", 0.25)}, 0.25),
        ({1: 3, 7: -3}, -3.0),
        ({1: 9, 10: b"\x05"}, 5.0),
        ({1: 19, 4: half}, 1.5),
        ({1: 19, 13: int.from_bytes(half, "little")}, 1.5),
        ({1: 14, 13: 0x3FC0}, 1.5),
        ({1: 10, 11: 1}, 1.0),
    ]
    for body, wanted in cases:
        assert value_of(tensor("t", "scalars", body)) == wanted, body
    shape = {2: [{1: 2}, {1: 3}]}
    rows = value_of(tensor("h", "histograms", {1: 2, 2: shape, 4: struct.pack("<6d", 0, 1, 5, 1, 2, 6)}))
    assert rows.facts == {"counts": [5.0, 6.0], "edges": [0.0, 1.0, 2.0]}
    with pytest.raises(CorruptData, match="too many"):
        value_of(tensor("t", "scalars", {1: 1, 2: {2: [{1: 1 << 40}]}, 5: b"\0\0\0\0"}))


def test_media_of_both_apis() -> None:
    """Images, lists of images, texts, sounds, histograms and curves of the older and the newer API."""
    old = value_of(message({1: "i", 4: {1: 4, 2: 5, 4: PNG}}))
    assert (old.kind, old.ending, old.facts) == ("image", ".png", {"width": 5, "height": 4})
    new = value_of(tensor("i", "images", {1: 7, 2: {2: {1: 4}}, 8: ["5", "4", PNG, PNG + b"2"]}))
    assert (new.kind, len(new.data), new.facts) == ("images", 2, {"width": 5, "height": 4})
    assert value_of(tensor("x", "text", {1: 7, 8: "# hi"})).data == (b"# hi",)
    table = value_of(tensor("x", "text", {1: 7, 2: {2: [{1: 2}, {1: 2}]}, 8: ["a", "b", "1|2", "3"]}))
    assert table.data == (b"| a | b |\n| --- | --- |\n| 1\\|2 | 3 |",)
    assert value_of(message({1: "a", 6: {4: b"RIFFwave", 5: "audio/wav"}})).ending == ".wav"
    counts = {1: -1.0, 2: 3.0, 6: struct.pack("<6d", -2, 0, 1, 2, 3, 1.8e308), 7: struct.pack("<6d", 0, 4, 0, 0, 5, 1)}
    assert value_of(message({1: "h", 5: counts})).facts == {
        "counts": [4.0, 0.0, 5.0, 1.0], "edges": [-1.0, 0.0, 2.0, 3.0, 3.0],
    }  # fmt: skip
    numbers = [float(item) for item in range(12)]
    curve = value_of(tensor("p", "pr_curves", {1: 2, 2: {2: [{1: 6}, {1: 2}]}, 4: struct.pack("<12d", *numbers)}))
    assert curve.facts["data"] == [[0.0, 0, 2, 4, 6, 8, 10], [1.0, 1, 3, 5, 7, 9, 11]]
    assert isinstance(curve, Media)


def test_runs_come_as_tensorboard_shows_them(tmp_path: Path) -> None:
    """Each folder is a run by its path, several files are one run, and a second import brings only what is new."""
    logs = tmp_path / "logs"
    place(logs, event(0, scalar("loss", 1.0)), event(1, scalar("loss", float("nan")), scalar("acc", 0.5)))
    place(logs / "a" / "b", event(3, scalar("loss", 2.0)), name="x.tfevents.1.v2")
    image = message({1: "../up/pic", 4: {1: 1, 2: 1, 4: PNG}})
    place(logs / "a" / "b", event(4, scalar("loss", 3.0), image), name="y.tfevents.2")
    report, runs = carried(logs, tmp_path / "store")
    assert report.ok, left_out(report)
    assert sorted(runs) == ["a/b", "logs"]
    assert [point[0] for point in runs["a/b"].metrics["loss"]] == [3, 4]
    assert repr(runs["logs"].metrics["loss"][1][2]) == "nan"
    assert runs["logs"].details.host == "my.host"
    assert (runs["logs"].started_at, runs["logs"].ended_at) == (1_700_000_000_000_000, 1_700_000_001_000_000)
    assert [file.path for file in runs["a/b"].files] == [runs["a/b"].metrics["../up/pic"][0][2]["path"]]
    assert ".." not in runs["a/b"].files[0].path.split("/")
    place(logs / "a" / "b", event(5, scalar("loss", 4.0)), name="z.tfevents.3")
    report, runs = carried(logs, tmp_path / "store")
    assert report.ok
    assert report.new == {"runs that have grown": 1}
    assert [point[2] for point in runs["a/b"].metrics["loss"]] == [2.0, 3.0, 4.0]


def test_what_a_restart_hides_stays_hidden(tmp_path: Path) -> None:
    """After a session began anew at a step, what had that step or a later one before is void."""
    events = [event(step, scalar("loss", float(step))) for step in range(5)]
    restart = message({1: 1_700_000_100.0, 2: 2, 7: {1: 1}})
    place(tmp_path / "logs", *events, restart, event(2, scalar("loss", 20.0)))
    _, runs = carried(tmp_path / "logs", tmp_path / "store")
    assert [point[2] for point in runs["logs"].metrics["loss"]] == [0.0, 1.0, 20.0]


def test_hyperparameters(tmp_path: Path) -> None:
    """What the plugin says of a run: its parameters with their types, group, times and status."""
    plain = {"lr": {2: 0.5}, "n": {2: 32.0}, "opt": {3: "adam"}, "on": {4: 1}, "list": {6: {1: [{2: 1.0}, {3: "x"}]}}}
    start = message({3: {1: [{1: key, 2: item} for key, item in plain.items()], 4: "g", 5: 1_699_999_999.0}})
    end = message({4: {1: 2, 2: 1_700_000_050.0}})
    place(
        tmp_path / "logs",
        event(0, tensor("_hparams_/session_start_info", "hparams", {}, start)),
        event(0, tensor("_hparams_/session_end_info", "hparams", {}, end)),
    )
    report, runs = carried(tmp_path / "logs", tmp_path / "store")
    assert report.ok, left_out(report)
    found = runs["logs"]
    assert found.params == {"lr": 0.5, "n": 32, "opt": "adam", "on": True, "list": [1, "x"]}
    assert (found.group, found.status, found.ended_at) == ("g", "failed", 1_700_000_050_000_000)


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    """A torn tail, graphs and values of unknown plugins are in the report; links that lead away are not followed."""
    outside = place(tmp_path / "away", event(1, scalar("secret", 1.0)))
    whole = place(tmp_path / "logs" / "a", event(1, scalar("loss", 1.0)), message({4: b"graph"}))
    whole.write_bytes(whole.read_bytes() + b"\x05\0\0")
    place(tmp_path / "logs" / "b", event(1, tensor("m", "mesh", {1: 1, 2: {2: [{1: 2}]}, 4: bytes(8)})))
    (tmp_path / "logs" / "c").mkdir()
    (tmp_path / "logs" / "c" / "e.tfevents.1").symlink_to(outside)
    report, runs = carried(tmp_path / "logs", tmp_path / "store")
    assert sorted(runs) == ["a", "b"]
    told = "\n".join(left_out(report))
    assert TORN in told
    assert "graphs 1" in told
    assert "plugin mesh 1" in told
    with pytest.raises(NotFound):
        EventFolders(str(tmp_path / "logs" / "c"), "demo")


def test_what_real_writers_wrote(tmp_path: Path, unpacked: Callable[[str], Path]) -> None:
    """Event files of tensorboardX: everything that its writer has for it comes, with nothing left out."""
    report, runs = carried(unpacked("tensorboardx-2.6") / "runs", tmp_path / "store")
    assert report.ok, left_out(report)
    train = runs["train"]
    assert {key: type(points[0][2]).__name__ for key, points in train.metrics.items()} == {
        "loss": "float", "weights": "dict", "pic": "dict", "note/text_summary": "dict", "pr": "dict",
    }  # fmt: skip
    kinds = {points[0][2]["media"] for points in train.metrics.values() if isinstance(points[0][2], dict)}
    assert kinds == {"histogram", "image", "text", "table"}
    assert len(train.metrics["loss"]) == 5
    assert len(train.metrics["weights"][0][2]["counts"]) < 200
    session = next(run for name, run in runs.items() if name.startswith("train/1"))
    assert session.params == {"lr": 0.1, "bsize": 32, "opt": "adam", "flag": True}
    assert json.dumps(session.metrics["hp/acc"][0][2]).startswith("0.89")


def test_what_the_writers_of_pytorch_and_tensorflow_wrote(tmp_path: Path, unpacked: Callable[[str], Path]) -> None:
    """All of both, of the callback of Keras and of the older API comes; meshes and graphs are told."""
    report, runs = carried(unpacked("tensorboard-writers") / "runs", tmp_path / "store")
    kinds = {
        name: {
            key: points[-1][2]["media"] if isinstance(points[-1][2], dict) else f"{points[-1][2]:.3f}"
            for key, points in run.metrics.items()
        }
        for name, run in runs.items()
    }
    common = {"loss": "0.333", "weights": "histogram", "sound": "audio"}
    layers = {f"sequential/dense/{part}/histogram": "histogram" for part in ("kernel", "bias")}
    assert kinds == {
        "torch": {**common, "image": "image", "images": "image", "note/text_summary": "text", "curve": "table"},
        "torch/both_a": {"both": "2.000"},
        "torch/both_b": {"both": "4.000"},
        "torch/session": {"hp/acc": "0.900"},
        "tensorflow": {**common, "images": "images", "note": "text"},
        "keras/train": {"epoch_loss": "1.161", "epoch_learning_rate": "0.010", **layers},
        "keras/validation": {"epoch_loss": "1.026", "evaluation_loss_vs_iterations": "1.026"},
        "older": {"loss": "3.000"},
    }
    assert runs["torch/session"].params == {"lr": 0.1, "opt": "sgd"}
    assert runs["tensorflow"].params == {"lr": 0.1, "opt": "adam"}
    told = "\n".join(left_out(report))
    assert "plugin mesh 1" in told
    assert "graphs 1" in told
