"""Scorers by MLflow's own client."""

from __future__ import annotations

import json

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from tests.mlflow.conftest import Hub

JUDGE = json.dumps(
    {"name": "j", "instructions_judge_pydantic_data": {"model": "openai:/x", "instructions": "gateway:/"}}
)


def test_scorers_have_versions(client: MlflowClient) -> None:
    """Each registration is the next version of its name; one or all of them go away, and others stay."""
    store = client._tracking_client.store
    home, other = client.create_experiment("평가"), client.create_experiment("other")
    for number in (1, 2, 3):
        assert store.register_scorer(home, "a:b / c@d", JUDGE).scorer_version == number
    store.register_scorer(home, "B", JUDGE)
    store.register_scorer(other, "B", JUDGE)
    assert [(one.scorer_name, one.scorer_version) for one in store.list_scorers(home)] == [("B", 1), ("a:b / c@d", 3)]
    found = store.list_scorer_versions(home, "a:b / c@d")
    assert [one.scorer_version for one in found] == [1, 2, 3]
    assert len({one.scorer_id for one in found}) == 1
    assert store.get_scorer(home, "a:b / c@d", 2)._serialized_scorer == JUDGE
    store.delete_scorer(home, "a:b / c@d", 3)
    assert store.get_scorer(home, "a:b / c@d").scorer_version == 2
    store.delete_scorer(home, "a:b / c@d")
    for call in (store.get_scorer, store.list_scorer_versions, store.delete_scorer):
        with pytest.raises(MlflowException, match="not found for experiment") as told:
            call(home, "a:b / c@d")
        assert told.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert [one.scorer_name for one in store.list_scorers(other)] == ["B"]
    assert store.register_scorer(home, "a:b / c@d", JUDGE).scorer_version == 1


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        (" ", JUDGE, "INVALID_PARAMETER_VALUE"),
        ("a", "no json", "INVALID_PARAMETER_VALUE"),
        ("a", json.dumps({"of": [{"call_source": "import os"}]}), "INVALID_PARAMETER_VALUE"),
        ("a", "[" * 100_000, "INVALID_PARAMETER_VALUE"),
        ("a", json.dumps({"instructions_judge_pydantic_data": {"model": "  "}}), "INVALID_PARAMETER_VALUE"),
        ("a", json.dumps({"judge": {"model": "gateway:/mine"}}), "RESOURCE_DOES_NOT_EXIST"),
        ("a" * 300, JUDGE, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_what_no_server_should_keep_is_refused(hub: Hub, name: str, text: str, code: str) -> None:
    """Code that a reader would run, among others; an experiment that is not there too."""
    body = {"experiment_id": "0", "name": name, "serialized_scorer": text}
    assert hub.ask("POST", "/api/3.0/mlflow/scorers/register", body)[1]["error_code"] == code
    status, told = hub.ask("POST", "/api/3.0/mlflow/scorers/register", {**body, "experiment_id": "999"})
    assert (status, told["error_code"]) in ((404, "RESOURCE_DOES_NOT_EXIST"), (400, "INVALID_PARAMETER_VALUE"))


def test_no_scorer_runs_by_itself(client: MlflowClient) -> None:
    """Asked which scorers run by themselves, the hub says none; told to run one, why it does not."""
    store = client._tracking_client.store
    home = client.create_experiment("by itself")
    made = store.register_scorer(home, "judge", JUDGE)
    with pytest.raises(MlflowException, match="does not use a gateway model"):
        store.upsert_online_scoring_config(home, "judge", 0.5)
    with pytest.raises(MlflowException, match="not found"):
        store.upsert_online_scoring_config(home, "nobody", 0.5)
    assert store.get_online_scoring_configs([made.scorer_id]) == []
