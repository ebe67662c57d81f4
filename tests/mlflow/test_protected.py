"""Protected stages, reasons and rules of promotion, seen by MLflow's own client."""

from __future__ import annotations

from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import RestException
from tests.mlflow.conftest import Hub
from tests.mlflow.test_registry import registered, stages

from madang.domain.access import Permission, Principal, local
from madang.domain.projects import DEFAULT
from madang.domain.promotion import Rule
from madang.domain.reviews import Protection
from madang.domain.versions import Entry

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # MLflow's own
ME = local("me")


def test_a_protected_stage_stays_as_it_is(client: MlflowClient, hub: Hub) -> None:
    """Every way to change it is answered with PERMISSION_DENIED and how to ask, and nothing is changed."""
    registered(client, "guarded", 3)
    client.transition_model_version_stage("guarded", "1", "Production")
    client.set_registered_model_alias("guarded", "champion", "1")
    row = hub.engine.models.find(ME, "guarded")
    for alias in ("production", "champion"):
        hub.engine.reviews.protect(ME, Protection(row.project, "guarded", alias, ("lee",)))
    before = client.get_registered_model("guarded")
    attempts: list[Any] = [
        lambda: client.transition_model_version_stage("guarded", "2", "Production"),
        lambda: client.transition_model_version_stage("guarded", "2", "Production", archive_existing_versions=True),
        lambda: client.transition_model_version_stage("guarded", "1", "Archived"),
        lambda: client.set_registered_model_alias("guarded", "Champion", "2"),
        lambda: client.delete_registered_model_alias("guarded", "champion"),
        lambda: client.delete_model_version("guarded", "1"),
        lambda: client.delete_registered_model("guarded"),
        lambda: client.rename_registered_model("guarded", "free"),
    ]
    for attempt in attempts:
        with pytest.raises(RestException, match="protected") as caught:
            attempt()
        assert caught.value.error_code == "PERMISSION_DENIED"
    with pytest.raises(RestException, match="madang models request guarded:v2 production"):
        attempts[0]()
    after = client.get_registered_model("guarded")
    assert (after.aliases, after.last_updated_timestamp) == (before.aliases, before.last_updated_timestamp)
    assert stages(client, "guarded") == {"1": "Production", "2": "None", "3": "None"}
    client.transition_model_version_stage("guarded", "3", "Staging")
    request = hub.engine.reviews.request(ME, row.project, "guarded:v2", "production")
    lee = local("lee")
    hub.engine.reviews.review(lee, row.project, "guarded", request.number, is_approval=True)
    assert stages(client, "guarded") == {"1": "None", "2": "Production", "3": "Staging"}
    hub.engine.reviews.rollback(lee, row.project, "guarded", "production")
    assert [one.version for one in client.get_latest_versions("guarded", ["Production"])] == ["1"]


def test_the_client_says_why(client: MlflowClient, hub: Hub) -> None:
    """A tag of the version is the reason of the next move to it, once; a comment of the call is one as well."""
    registered(client, "reasoned", 2)
    client.set_model_version_tag("reasoned", "1", "madang.reason", "더 낮은 손실")
    client.transition_model_version_stage("reasoned", "1", "Production")
    client.set_registered_model_alias("reasoned", "champion", "1")
    body = {
        "name": "reasoned",
        "version": "2",
        "stage": "Production",
        "comment": "better",
        "archive_existing_versions": True,
    }
    assert hub.ask("POST", "model-versions/transition-stage", body)[0] == 200
    client.update_registered_model("reasoned", "what it is")
    row = hub.engine.models.find(ME, "reasoned")
    moves = [(one.alias, one.number, one.reason) for one in hub.engine.registry.history(ME, row.project, "reasoned")]
    assert ("production", 1, "더 낮은 손실") in moves
    assert ("production", 2, "better") in moves
    assert ("champion", 1, "") in moves
    assert "madang.reason" not in client.get_model_version("reasoned", "1").tags
    kinds = {(one.kind, one.after) for one in hub.engine.reviews.history(ME, row.project, "reasoned")}
    assert {("description", "what it is"), ("stage", "v2"), ("version", "made")} <= kinds


def test_the_end_of_a_run_promotes_the_best(hub: Hub, client: MlflowClient) -> None:
    """The rule of the project is applied when MLflow's run ends, and when a model is registered after that."""
    mlflow.set_tracking_uri(hub.address)
    experiment = client.create_experiment("best only")
    hub.engine.projects.named(["Default"])
    client.create_registered_model("best-only")
    row = hub.engine.models.find(ME, "best-only")
    hub.engine.promotion.put_rules(ME, row.project, [Rule("val_f1", alias="champion", model="best-only")])
    found = []
    for score, is_late in ((0.7, False), (0.9, True), (0.8, False), (float("nan"), False)):
        run = client.create_run("0").info.run_id
        client.log_text(run, f"weights {score}", "model/w.txt")
        client.log_metric(run, "val_f1", score)
        if is_late:
            client.set_terminated(run)
        client.create_model_version("best-only", f"runs:/{run}/model", run)
        client.set_terminated(run)
        found.append(client.get_registered_model("best-only").aliases.get("champion"))
    assert found == ["1", "2", "2", "2"]
    assert experiment


def test_a_rule_of_another_experiment_on_an_open_hub(hub: Hub, client: MlflowClient) -> None:
    """Whoever may write everywhere sets a rule of an experiment, and it counts for its models where MLflow has them."""
    experiment = client.create_experiment("ruled")
    body = {"rules": [{"metric": "val_f1", "alias": "champion"}]}
    assert hub.ask("PUT", "/api/v1/projects/ruled/promotion", body)[0] == 200
    client.create_registered_model("ruled model")
    for score in (0.7, 0.6, 0.8):
        run = client.create_run(experiment).info.run_id
        client.log_text(run, f"weights {score}", "model/w.txt")
        client.log_metric(run, "val_f1", score)
        client.create_model_version("ruled model", f"runs:/{run}/model", run)
        client.set_terminated(run)
    assert hub.engine.models.find(ME, "ruled model").project == DEFAULT
    assert client.get_registered_model("ruled model").aliases == {"champion": "3"}


def test_a_name_does_not_take_the_place_of_ones_own(hub: Hub) -> None:
    """Where several projects have a name, one that the caller may write is meant, however old the others are."""
    for project in ("their open project", "my project"):
        blob = hub.engine.artifacts.put_blob(ME, project, [project.encode()])
        hub.engine.artifacts.create(ME, project, "contested", "model", [Entry("w", blob.digest, blob.size)])
    mine = Principal("me", projects={"their open project": Permission.READ, "my project": Permission.WRITE})
    guest = Principal("guest", projects={"their open project": Permission.READ})
    assert hub.engine.models.find(mine, "contested").project == "my project"
    assert hub.engine.models.find(guest, "contested").project == "their open project"
    assert hub.engine.models.find(ME, "contested").project == "their open project"
    assert [row.project for row in hub.engine.models.all(mine) if row.name == "contested"] == ["my project"]
