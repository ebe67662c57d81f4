"""The same over a workspace's own store, as `madang ui` serves it: all of it outlives the index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.mlflow.conftest import serving

from madang.wiring import open_store

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # MLflow's own: stages are deprecated


def client_of(store: Path) -> Iterator[MlflowClient]:
    """A client of the store while it is served."""
    for hub in serving(open_store(store=str(store))):
        yield MlflowClient(hub.address)


def test_nothing_is_in_the_index_alone(tmp_path: Path) -> None:
    """Experiments with their numbers, runs, files and the registry are the same when records.db is made anew."""
    store = tmp_path / "store"
    for client in client_of(store):
        first, second = client.create_experiment("one", tags={"k": "v"}), client.create_experiment("둘")
        client.rename_experiment(first, "uno")
        run = client.create_run(second, run_name="r", start_time=1_700_000_000_000).info.run_id
        client.log_metric(run, "m", 0.5, 7, 1)
        client.log_param(run, "p", "1")
        client.log_text(run, "weights", "model/w.txt")
        client.log_text(run, "gone", "gone.txt")
        client.set_terminated(run, "KILLED", end_time=1_700_000_009_000)
        for name in ("gone", "M"):
            client.create_registered_model(name)
        for _ in range(3):
            client.create_model_version("M", f"runs:/{run}/model", run)
        client.transition_model_version_stage("M", "1", "Staging")
        client.set_registered_model_alias("M", "Best", "2")
        client.delete_model_version("M", "3")
        client.delete_registered_model("gone")
        client.rename_registered_model("M", "N")
        before = (client.get_run(run).to_dictionary(), client.get_registered_model("N"), client.search_experiments())
    for path in store.glob("records.db*"):
        path.unlink()
    for client in client_of(store):
        assert client.get_run(run).to_dictionary() == before[0]
        assert [dict(item) for item in client.search_experiments()] == [dict(item) for item in before[2]]
        model = client.get_registered_model("N")
        assert (model.aliases, {item.version: item.current_stage for item in model.latest_versions}) == (
            {"Best": "2"}, {"1": "Staging", "2": "None"},
        )  # fmt: skip
        assert client.create_model_version("N", "s3://b/x").version == "4"
        assert [item.name for item in client.search_registered_models()] == ["N"]
        assert [item.path for item in client.list_artifacts(run)] == ["gone.txt", "model"]
        assert client.create_experiment("three") == "3"
