"""`madang sync --check` without a hub: the store's index says what its segments say, or the difference is named."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

import madang
from madang.cli.main import run as command


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one finished run, which has been read once."""
    folder = tmp_path / "store"
    for name, value in {"MADANG_DIR": str(folder), "MADANG_FOLLOWER": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MADANG_HUB", raising=False)
    monkeypatch.chdir(tmp_path)
    with madang.init(project="검사") as run:
        for step in range(50):
            run.log({"loss": 1 / (step + 1), "step": step}, step=step)
    assert command(["runs", "--json"]) == 0
    return folder


def checked(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = command(["sync", "--check", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_sound_store_passes(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is wrong with a store nobody touched, and the check leaves nothing behind."""
    code, answer = checked(capsys)
    assert (code, answer["ok"]) == (0, True)
    assert list((store / "tmp").iterdir()) == []


def test_a_process_that_died_before_its_first_record_is_no_run(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder that it had made for its run already is neither counted nor missed."""
    folder = store / "segments" / "0a" / ("0a" * 16)
    folder.mkdir(parents=True)
    (folder / "claimed").touch()
    code, answer = checked(capsys)
    assert (code, answer["ok"]) == (0, True)


def test_a_damaged_segment_is_named(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A flipped byte in a segment that had been read before is found."""
    (segment,) = store.glob("segments/*/*/*.seg")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    code, answer = checked(capsys)
    assert code == 1
    assert segment.name.removesuffix(".seg") in json.dumps(answer)
    assert "damaged" in json.dumps(answer)


def test_an_index_that_says_otherwise_is_named(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """History that differs from the segments is found."""
    with sqlite3.connect(store / "records.db") as database:
        assert database.execute("DELETE FROM chunks").rowcount > 0
    code, answer = checked(capsys)
    assert code == 1
    assert "history of loss" in json.dumps(answer)
