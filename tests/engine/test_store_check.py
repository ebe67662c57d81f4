"""``madang fsck --store``: damage to blobs, segments, records and versions of a store or a hub is found."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from madang.cli.main import run as command
from madang.config import HubConfig
from madang.domain.access import local
from madang.testing.written_store import WrittenStore
from madang.wiring import open_hub, open_store

WHO = local("somebody")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The store of a workspace with two runs."""
    store = WrittenStore(tmp_path / "store")
    store.run()
    store.run()
    engine = open_store(store=store.path)
    engine.tracking.catch_up()
    engine.close()
    return tmp_path / "store"


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A hub that was sent a run."""
    made = WrittenStore(tmp_path / "sender")
    run = made.run(points=3000)
    engine = open_hub(HubConfig(store=str(tmp_path / "hub")))
    try:
        for blob in (tmp_path / "sender" / "blobs").glob("*/*"):
            engine.artifacts.put_blob(WHO, "프로젝트", [blob.read_bytes()])
        for name, data in made.segments(run).items():
            engine.tracking.append(WHO, "프로젝트", run, name.split("/")[1], 0, "0" * 32, data)
    finally:
        engine.close()
    return tmp_path / "hub"


def checked(capsys: pytest.CaptureFixture[str], store: Path, *arguments: str) -> tuple[Counter[str], dict[str, Any]]:
    """How many problems of each kind, and the whole answer."""
    capsys.readouterr()
    code = command(["fsck", "--store", str(store), "--json", *arguments])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if found["ok"] else 1)
    return Counter(problem["kind"] for problem in found["problems"]), found


def large(store: Path) -> Path:
    """The blob of a version's file."""
    return next(path for path in (store / "blobs").glob("*/*") if path.stat().st_size == 100_000)


def rot(store: Path) -> None:
    """Other bytes of the same length in a blob."""
    large(store).chmod(0o644)
    large(store).write_bytes(b"W" * 100_000)


def shorten(store: Path) -> None:
    """A blob that was cut."""
    large(store).chmod(0o644)
    large(store).write_bytes(b"w")


def lose(store: Path) -> None:
    """A blob that is gone."""
    large(store).unlink()


def litter(store: Path) -> None:
    """A file among the blobs that is none."""
    (store / "blobs" / "aa").mkdir(exist_ok=True)
    (store / "blobs" / "aa" / "note").write_bytes(b"x")


def statement(text: str) -> Callable[[Path], None]:
    """Change the records behind the store's back."""

    def change(store: Path) -> None:
        database = sqlite3.connect(store / "records.db")
        with database:
            database.execute(text)
        database.close()

    return change


def flip(store: Path) -> None:
    """One byte in the middle of a segment's file."""
    path = max((store / "segments").glob("*/*/*.seg"), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def cut(store: Path) -> None:
    """The end of a segment's file."""
    path = max((store / "segments").glob("*/*/*.seg"), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("kind", ["workspace", "hub"])
def test_a_sound_store(kind: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is wrong, and everything was looked at."""
    store: Path = request.getfixturevalue(kind)
    problems, found = checked(capsys, store, "--read-data")
    assert not problems
    runs = 2 if kind == "workspace" else 1
    assert (found["runs"], found["segments"], found["blobs"]) == (runs, 2 * runs, 2 * runs + 1)
    assert found["bytes_read"] > 100_000
    assert checked(capsys, store)[1]["bytes_read"] == 0


@pytest.mark.parametrize("kind", ["workspace", "hub"])
@pytest.mark.parametrize(("damage", "problem"), [(rot, "blob"), (shorten, "blob"), (lose, "blob"), (litter, "stray")])
def test_blobs(
    kind: str,
    damage: Callable[[Path], None],
    problem: str,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A blob that rotted, was cut or is gone is found by its digest, its size or by who names it."""
    store: Path = request.getfixturevalue(kind)
    damage(store)
    assert set(checked(capsys, store, "--read-data")[0]) == {problem}


@pytest.mark.parametrize("damage", [flip, cut])
def test_segments_of_a_workspace(
    workspace: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A byte that changed, or an end that is gone, of what was read already breaks the hash chain."""
    damage(workspace)
    assert checked(capsys, workspace)[0] == {"segment": 1}


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ("UPDATE segments SET chain = zeroblob(16)", {"segment"}),
        ("UPDATE segments SET read_to = read_to - 1", {"segment"}),
        ("DELETE FROM pieces", {"segment"}),
        ("UPDATE pieces SET data = zeroblob(10)", {"segment"}),
        ("DELETE FROM manifests", {"version"}),
    ],
)
def test_records_of_a_hub(hub: Path, change: str, kinds: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Records that disagree with the bytes of segments, or with the digest of a version, are found."""
    statement(change)(hub)
    assert kinds <= set(checked(capsys, hub)[0])


def test_a_record_that_lies(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The state of a run in the index that is not what its segments say is found."""
    engine = open_store(store=str(workspace))
    (first, *_) = engine.records.runs.load([1])
    stored = engine.records.runs.get(first.state.run)
    assert stored is not None
    stored.state.scalars["name"] = (stored.state.scalars["name"][0], "another name")
    with engine.records.transaction():
        engine.records.runs.put(stored)
    engine.close()
    assert checked(capsys, workspace)[0] == {"record": 1}


def test_data_of_a_hub(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An object of a data remote whose blob is gone, or has another MD5 than its key, is found, in every project."""
    engine = open_hub(HubConfig(store=str(hub)))
    keys = {}
    for body, project in ((b"one", "프로젝트"), (b"two", "data alone"), (b"three", "data alone")):
        name = hashlib.md5(body).hexdigest()
        keys[body] = f"files/md5/{name[:2]}/{name[2:]}"
        engine.data.put(WHO, project, keys[body], [body])
    engine.close()
    problems, found = checked(capsys, hub, "--read-data")
    assert not problems
    assert found["data_objects"] == 3
    statement(f"UPDATE data_objects SET key = '{keys[b'one'][:-1]}x' WHERE key = '{keys[b'one']}'")(hub)
    other = f"{keys[b'three'][:-1]}{(int(keys[b'three'][-1], 16) + 1) % 16:x}"
    statement(f"UPDATE data_objects SET key = '{other}' WHERE key = '{keys[b'three']}'")(hub)
    blob = next(path for path in (hub / "blobs").glob("*/*") if path.read_bytes() == b"two")
    blob.unlink()
    problems, found = checked(capsys, hub, "--read-data")
    assert problems == {"data": 3}
    assert any(problem["name"] == f"data alone/{keys[b'two']}" for problem in found["problems"])


def test_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is no store is named, and nothing is made there."""
    assert command(["fsck", "--store", str(tmp_path)]) == 1
    assert "is no store" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
