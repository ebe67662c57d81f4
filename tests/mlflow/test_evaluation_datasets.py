"""Evaluation data sets of the real client."""

from __future__ import annotations

import time
from collections.abc import Iterator

import mlflow
import pytest
from mlflow import MlflowClient, MlflowException
from tests.mlflow.conftest import Hub


@pytest.fixture(autouse=True)
def here(hub: Hub) -> Iterator[None]:
    """Data sets speak to the server of the fluent API."""
    mlflow.set_tracking_uri(hub.address)
    yield
    mlflow.set_tracking_uri("")


def test_rows_are_merged_by_their_inputs(client: MlflowClient) -> None:
    """A row with known inputs changes the one that is there; counts, schema and profile follow."""
    experiment = client.create_experiment(f"sets-{time.time_ns()}")
    made = client.create_dataset("질문", experiment_id=[experiment], tags={"team": "a"})
    made.merge_records([{"inputs": {"q": "1"}, "expectations": {"a": 1}}, {"inputs": {"q": "2"}}])
    made.merge_records([{"inputs": {"q": "1"}, "expectations": {"b": True}, "tags": {"t": "x"}}])
    found = client.get_dataset(made.dataset_id)
    rows = {row.inputs["q"]: row for row in found.records}
    assert rows["1"].expectations == {"a": 1, "b": True}
    assert found.tags["team"] == "a"
    assert '"num_records":2' in (found.profile or "").replace(" ", "")
    assert '"b":"boolean"' in (found.schema or "").replace(" ", "")
    assert found.experiment_ids == [experiment]
    client.set_dataset_tags(made.dataset_id, {"team": "b"})
    assert [item.name for item in client.search_datasets(filter_string="tags.team = 'b' AND name LIKE '질%'")] == [
        "질문"
    ]
    client.delete_dataset(made.dataset_id)
    with pytest.raises(MlflowException, match="not found"):
        client.get_dataset(made.dataset_id)
    assert client.search_runs([experiment]) == []
