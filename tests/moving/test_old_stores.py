"""Stores that MLflow 1.30, 2.9, 2.22 and the newest have written come whole: its own client reads the same here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from tests.moving.conftest import Place, left_out
from tests.moving.reading import differences, everything

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # MLflow's own: stages are deprecated

RELEASES = ("mlflow-1.30", "mlflow-2.9", "mlflow-2.22")


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("kind", ["mlruns", "mlflow.db"])
def test_everything_of_an_old_store_is_here(
    release: str, kind: str, unpacked: Callable[[str], Path], here: Place, tmp_path: Path
) -> None:
    """The newest client reads from us what the old one has read from its own store, under the same ids."""
    folder = unpacked(release)
    report = here.bring(folder / kind)
    assert left_out(report) == []
    assert report.ok
    expected = json.loads((folder / f"{kind}.json").read_text())
    assert differences(plain(here.read(tmp_path)), expected) == []
    assert here.bring(folder / kind).new == {}


@pytest.mark.parametrize("release", RELEASES)
def test_a_round_trip_loses_nothing(
    release: str, unpacked: Callable[[str], Path], here: Place, tmp_path: Path, exported: Callable[..., Any]
) -> None:
    """What is exported again is read by the newest client as the old one read its store."""
    folder = unpacked(release)
    here.bring(folder / "mlflow.db")
    report = exported(here, tmp_path / "out")
    assert report.ok, left_out(report)
    client = MlflowClient(f"sqlite:///{tmp_path}/out/mlflow.db")
    expected = json.loads((folder / "mlflow.db.json").read_text())
    assert differences(plain(everything(client, tmp_path)), expected) == []
    again = Place(tmp_path / "again")
    assert again.bring(tmp_path / "out" / "mlflow.db").ok
    assert _comparable(again) == _comparable(here)


def _comparable(place: Place) -> dict[str, Any]:
    return {
        run.id: [
            run.name, run.status, run.started_at, run.ended_at, run.params, run.tags, run.files, run.datasets,
            {key: sorted(map(repr, points)) for key, points in run.metrics.items()},
        ]
        for run in place.runs().values()
    }  # fmt: skip


def plain(found: dict[str, Any]) -> Any:
    """As JSON has it."""
    return json.loads(json.dumps(found))


def test_logged_models_come_with_their_runs(
    here: Place, tmp_path: Path, tracked: Callable[[str], MlflowClient]
) -> None:
    """Logged models with parameters, tags, metrics and files, links to them, and versions made of them come along."""
    root = tmp_path / "mlruns"
    client = tracked(f"file://{root}")
    fill_newest(client, tmp_path)
    report = here.bring(root)
    assert report.ok, left_out(report)
    assert report.there.counts["logged models"] == 2
    assert differences(here.read(tmp_path / "a"), everything(client, tmp_path / "b")) == []


def fill_newest(client: MlflowClient, scratch: Path) -> str:
    """A run with a logged model that is registered, and one that is deleted; the id of the run."""
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    home = client.create_experiment("logged")
    run = client.create_run(home, run_name="maker", start_time=1_700_000_000_000).info.run_id
    model = client.create_logged_model(home, "net", run, {"x": "y"}, {"depth": "3"}, "tree")
    files = scratch / "files 파일"
    files.mkdir(parents=True)
    (files / "MLmodel").write_text("flavors: {}\n")
    client.log_model_artifacts(model.model_id, str(files))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(model.model_id, 3)])
    reader = client.create_run(home, run_name="reader", start_time=1_700_000_000_000).info.run_id
    client.log_inputs(reader, models=[LoggedModelInput(model.model_id)])
    client.log_metric(run, "acc", 0.5, 1_700_000_001_000, 3, model_id=model.model_id)
    client.delete_logged_model(client.create_logged_model(home, "lost").model_id)
    client.create_registered_model("net")
    client.create_model_version("net", f"models:/{model.model_id}", run, model_id=model.model_id)
    return str(run)
