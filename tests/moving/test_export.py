"""What madang itself recorded goes out whole: MLflow reads it, and what it has no place for lies beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from tests.moving.conftest import Place, left_out

from madang.domain import events
from madang.domain.commands import CreateRun, Fact, Log, Points
from madang.domain.files import BlobRef
from madang.domain.versions import Entry
from madang.errors import Conflict
from madang.wiring import local_user

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # MLflow's own: stages are deprecated


@pytest.fixture
def filled(here: Place) -> str:
    """A store with a run that has what MLflow has no place for, and a model; the run's id."""
    engine, who = here.opened(), local_user()
    code = engine.artifacts.put_blob(who, "포도주", [b"diff"])
    facts: list[Fact] = [
        events.Code(commit="c" * 40, diff=BlobRef(code.digest, code.size)),
        events.Environment(python="3.11.2", packages=[("numpy", "2.0", "")]),
        events.Config({"C": 1.0, "nested.a": [1, 2], "on": True}),
        events.Tags({"label": ""}),
        events.File("model/w.bin", code.digest, code.size),
        Points({"loss": 0.5, "ok": True, "count": 3}, 1, 1_700_000_000_000_123),
        Points({"loss": float("nan"), "word": "text"}, 2, 1_700_000_000_001_000),
        events.Dataset("wine", "d1", "local", "{}"),
    ]
    made = engine.tracking.create(
        who, "포도주", CreateRun(name="첫 run", notes="note", command=["train.py"], facts=facts)
    )
    engine.tracking.log(who, made.id, Log(console=["hello", "세계"], finish="finished"))
    entries = [Entry("w.bin", code.digest, code.size)]
    version = engine.artifacts.create(who, "포도주", "grape", "model", entries, run=made.id, aliases=["production"])
    engine.artifacts.create(who, "포도주", "rows", "dataset", entries, run=made.id)
    engine.registry.point(who, "포도주", "grape", "best", version.number)
    engine.close()
    return made.id


def test_mlflow_reads_what_madang_recorded(
    filled: str, here: Place, tmp_path: Path, exported: Callable[..., Any]
) -> None:
    """Parameters, metrics, tags, files and models are MLflow's; code, environment and console are artifacts."""
    report = exported(here, tmp_path / "out")
    assert report.ok, left_out(report)
    assert {item.kind for item in report.changed} >= {"code", "environment", "command", "console"}
    client = MlflowClient(f"sqlite:///{tmp_path}/out/mlflow.db")
    run = client.get_run(filled)
    assert run.data.params == {"C": "1.0", "nested.a": "[1, 2]", "on": "True"}
    assert run.data.tags == {
        "label": "", "mlflow.runName": "첫 run", "mlflow.note.content": "note", "mlflow.source.name": "train.py",
        "mlflow.source.git.commit": "c" * 40, "mlflow.user": run.info.user_id,
    }  # fmt: skip
    assert {key: [item.step for item in client.get_metric_history(filled, key)] for key in run.data.metrics} == {
        "loss": [1, 2], "ok": [1], "count": [1]
    }  # fmt: skip
    aside = {item.path for item in client.list_artifacts(filled, "madang")}
    assert aside == {f"madang/{name}" for name in ("record.json", "console.txt", "code", "versions")}
    record = json.loads(Path(client.download_artifacts(filled, "madang/record.json", str(tmp_path))).read_text())
    assert (record["environment"]["python"], record["config"]["nested.a"]) == ("3.11.2", [1, 2])
    model = client.get_registered_model("grape")
    assert {alias: int(version) for alias, version in model.aliases.items()} == {"best": 1}
    assert [(int(item.version), item.current_stage, item.run_id) for item in model.latest_versions] == [
        (1, "Production", filled)
    ]
    uri = client.get_model_version_download_uri("grape", "1")
    assert Path(uri.removeprefix("file://")).joinpath("w.bin").read_bytes() == b"diff"


def test_it_comes_back_as_the_same_runs(filled: str, here: Place, tmp_path: Path, exported: Callable[..., Any]) -> None:
    """Exported and imported again, a run is the same run; at home nothing but the files below madang/ is new."""
    exported(here, tmp_path / "out")
    other = Place(tmp_path / "other")
    report = other.bring(tmp_path / "out" / "mlflow.db")
    assert report.ok, left_out(report)
    ours, theirs = here.runs()[filled], other.runs()[filled]
    for field in ("name", "status", "started_at", "ended_at", "params", "tags", "notes", "datasets"):
        assert getattr(theirs, field) == getattr(ours, field), field
    assert {key: list(map(repr, points)) for key, points in theirs.metrics.items()} == {
        key: list(map(repr, points)) for key, points in ours.metrics.items()
    }
    again = here.bring(tmp_path / "out" / "mlflow.db")
    assert again.ok, left_out(again)
    assert set(again.new) <= {"files", "runs that have grown"}


def test_an_export_is_whole_or_not_there(
    filled: str, here: Place, tmp_path: Path, exported: Callable[..., Any]
) -> None:
    """What is there is not overwritten, and an export that fails leaves no database under its name."""
    exported(here, tmp_path / "out")
    with pytest.raises(Conflict):
        exported(here, tmp_path / "out")
    with pytest.raises(Exception, match="no experiment"):
        exported(here, tmp_path / "failed", experiments=("nothing",))
    assert [item.name for item in (tmp_path / "failed").iterdir()] == ["mlartifacts"]
