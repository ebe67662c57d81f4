"""`madang import mlflow` and `madang export mlflow` as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.moving.conftest import Place

from madang.cli.main import run


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MADANG_DIR", str(tmp_path / "here"))
    monkeypatch.delenv("MADANG_HUB", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_report(
    unpacked: Callable[[str], Path], here: Place, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A trial writes nothing; then everything comes, or one experiment alone; what is missing makes the exit code 1."""
    source = unpacked("mlflow-2.22")
    assert run(["import", "mlflow", str(source / "mlflow.db"), "--dry", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["new"]["runs"], told["new"]["points"]) == (7, 87)
    assert not here.folder.exists()
    assert run(["import", "mlflow", f"sqlite:///{source}/mlflow.db", "-e", "iris", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {item["kind"]: item["target"] for item in told["kinds"]}["runs"] == 4
    assert all(item["source_hash"] == item["target_hash"] for item in told["kinds"])
    (source / "mlartifacts").rename(source / "moved")
    assert run(["import", "mlflow", str(source / "mlflow.db")]) == 1
    out = capsys.readouterr()
    assert "--artifacts DIR" in out.err
    assert run(["import", "mlflow", str(source / "mlflow.db"), "--artifacts", str(source / "moved")]) == 0
    assert "DIFFERS" not in capsys.readouterr().out
    assert run(["export", "mlflow", str(tmp_path / "out")]) == 0
    assert run(["import", "mlflow", "./nothing"]) == 1


def test_data_and_runs_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The word mlflow in the first place means the tracker; a repository called so is written ./mlflow."""
    assert run(["import", "mlflow", "x"]) == 1
    assert "no file store" in capsys.readouterr().err
    for line in (["import", "./mlflow", "x"], ["import", "x", "mlflow"], ["import", "-o", "o", "mlflow", "x"]):
        assert run(line) == 253, line  # outside of a data repository, as dvc says
    assert run(["import", "--help"]) == 0
    assert "madang import mlflow SOURCE" in capsys.readouterr().out
    assert run(["import", "mlflow", "--help"]) == 0
    assert "SOURCE is a file store" in capsys.readouterr().out
