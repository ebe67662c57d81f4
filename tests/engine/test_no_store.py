"""Who only reads makes nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from tests.engine.conftest import RUN, make_segment

from madang.cli.main import run
from madang.domain.query import RunQuery
from madang.formats import store as layout
from madang.wiring import local_reader


@pytest.mark.parametrize(
    "command", [["runs"], ["runs", "list", "--json"], ["models"], ["artifacts", "list"], ["compare", "1" * 8, "2" * 8]]
)
def test_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """Commands that read where no store is leave no folder behind, neither there nor among temporary files."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("MADANG_DIR", str(tmp_path / "없음" / "store"))
    code = run(command)
    assert (code == 0) == (command[0] != "compare")
    assert [path.name for path in tmp_path.rglob("*")] == ["tmp"]


def test_what_comes_meanwhile_is_seen(tmp_path: Path) -> None:
    """A page that was opened before the first run shows that run."""
    store = tmp_path / "store"
    reader = local_reader(store=str(store))
    assert not reader.runs(RunQuery()).runs
    layout.ensure(str(store))
    Path(layout.run_dir(str(store), RUN)).mkdir(parents=True)
    Path(layout.segment_path(str(store), RUN, "a" * 32)).write_bytes(make_segment(tmp_path, [(0, {"loss": 1.0})]))
    layout.announce(str(store), RUN)
    assert [run.id for run in reader.runs(RunQuery()).runs] == [RUN]
    reader.close()
    assert not (store / "records.db").exists()
