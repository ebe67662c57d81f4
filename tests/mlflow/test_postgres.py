"""The same over PostgreSQL: projects, data sets, searches and the registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Metric, Param
from tests.mlflow.conftest import serving

from madang.config import HubConfig
from madang.testing.postgres import postgres_server
from madang.wiring import open_hub

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # MLflow's own: stages are deprecated


@pytest.fixture
def client(tmp_path: Path) -> Iterator[MlflowClient]:
    """A client of a hub with a database server of its own."""
    with postgres_server(str(tmp_path / "postgres")) as address:
        for hub in serving(open_hub(HubConfig(store=str(tmp_path / "hub"), database=address))):
            yield MlflowClient(hub.address)


def test_it_is_the_same(client: MlflowClient) -> None:
    """What is logged is found by metric, parameter, data set and time, in order; a model is registered and renamed."""
    experiment = client.create_experiment("실험", tags={"k": "v"})
    runs = []
    for number in range(3):
        run = client.create_run(experiment, start_time=1_700_000_000_000 + number).info.run_id
        client.log_batch(run, [Metric("acc", number / 2, 1, 1)], [Param("lr", "9" if number else "10")])
        runs.append(run)
    client.log_inputs(runs[1], [DatasetInput(Dataset("iris", "d", "local", "{}"), [])])
    client.set_terminated(runs[2], "FAILED", end_time=1_700_000_000_500)

    def found(text: str, *order: str) -> list[int]:
        return [runs.index(item.info.run_id) for item in client.search_runs([experiment], text, order_by=list(order))]

    assert found("metrics.acc > 0.2 AND params.lr LIKE '9'", "metrics.acc ASC") == [1, 2]
    assert found("datasets.name = 'iris' AND datasets.digest LIKE 'd%'") == [1]
    assert found("status = 'FAILED'") == [2]
    assert found("tags.nothing IS NULL", "params.lr", "start_time DESC") == [0, 2, 1]
    assert found("", "end_time") == [2, 1, 0]
    client.rename_experiment(experiment, "renamed")
    assert [item.name for item in client.search_experiments(filter_string="tags.k = 'v'")] == ["renamed"]
    client.create_registered_model("M")
    client.create_model_version("M", f"runs:/{runs[0]}/model", runs[0])
    client.transition_model_version_stage("M", "1", "Production")
    client.rename_registered_model("M", "N")
    assert [(item.version, item.current_stage) for item in client.search_model_versions("name = 'N'")] == [
        ("1", "Production")
    ]
    client.delete_experiment(experiment)
    assert found("") == []
