"""Who may do what over MLflow's API, and how refusals are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import RestException
from tests.mlflow.conftest import Hub, serving

from madang.config import HubConfig
from madang.domain import events
from madang.domain.access import Permission, local
from madang.domain.commands import CreateRun, Log
from madang.domain.versions import Entry
from madang.edges.mlflow.table import table
from madang.wiring import open_hub

ME = local("me")
CANARY = "canary-of-mine"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that has tokens, with a run and a model in the project `mine`."""
    for hub in serving(open_hub(HubConfig(store=str(tmp_path_factory.mktemp("guarded"))))):
        engine = hub.engine
        run = engine.tracking.create(ME, "mine", CreateRun(id="1" * 32, name=CANARY, config={"secret": CANARY}))
        engine.tracking.log(ME, run.id, Log({CANARY: 1.0}))
        blob = engine.artifacts.put_blob(ME, "mine", [CANARY.encode()])
        engine.artifacts.create(ME, "mine", CANARY, "model", [Entry("f", blob.digest, blob.size)])
        yield hub


@pytest.fixture(scope="module")
def secrets(guarded: Hub) -> dict[str, str]:
    """A token of each kind."""
    people = {
        "reader": (Permission.READ, ["mine"]),
        "writer": (Permission.WRITE, ["mine"]),
        "neighbour": (Permission.ADMIN, ["theirs"]),
    }
    return {name: guarded.engine.access.create_token(ME, name, *what)[1] for name, what in people.items()}


def bodies(guarded: Hub) -> dict[str, Any]:
    """Everything that any call might want, naming what is in `mine`."""
    number = guarded.engine.projects.named(["mine"])["mine"].number
    return {
        "experiment_id": str(number), "experiment_name": "mine", "name": CANARY, "new_name": "x", "key": "k",
        "value": 1, "run_id": "1" * 32, "metric_key": CANARY, "timestamp": 1, "version": "1", "alias": "a",
        "stage": "Production", "source": "runs:/" + "1" * 32 + "/x", "status": "READY", "model_json": "{}",
        "max_results": 5,
    }  # fmt: skip


def every(guarded: Hub, headers: dict[str, str]) -> Iterator[tuple[str, str, Permission, int, str]]:
    """Every route of the client's API asked with all arguments: method, pattern, permission, status and text."""
    given = bodies(guarded)
    for route in table().routes:
        if not route.pattern.startswith(("/api/2.0/", "/version", "/get-artifact", "/model-versions/")):
            continue
        path = route.pattern.replace("{path...}", f"0/{'1' * 32}/artifacts/f").replace("{key...}", "k")
        path = path.replace("{model_id}", "m-" + "1" * 32)
        body = {**given, "value": "1"} if "tag" in path or "param" in path else given
        more: dict[str, Any] = {"fields": {**body, "path": "f"}} if route.method == "GET" else {}
        status, said = guarded.ask(route.method, path, None if more else body, headers=headers, **more)
        yield route.method, route.pattern, route.permission, status, str(said)


def test_a_stranger_learns_nothing(guarded: Hub, secrets: dict[str, str]) -> None:
    """Without a credential all but the questions about features end with 401, in MLflow's words."""
    for method, pattern, permission, status, said in every(guarded, {}):
        assert status == (200 if permission is Permission.NONE else 401), (method, pattern, said)
        assert CANARY not in said
        assert permission is Permission.NONE or "UNAUTHENTICATED" in said


def test_an_admin_of_another_project_learns_nothing(guarded: Hub, secrets: dict[str, str]) -> None:
    """What is in this project is not there for them: no name, no value, and no change."""
    before = guarded.engine.search.run(ME, "1" * 32)
    headers = {"authorization": f"Bearer {secrets['neighbour']}"}
    for method, pattern, _, status, said in every(guarded, headers):
        assert status < 500 or status == 501, (method, pattern, said)
        assert "secret" not in said, (method, pattern, said)
        if status == 200:
            assert CANARY not in said, (method, pattern, said)
    assert guarded.engine.search.run(ME, "1" * 32) == before
    assert guarded.engine.models.find(ME, CANARY).aliases == {}


def test_a_reader_changes_nothing(guarded: Hub, secrets: dict[str, str]) -> None:
    """Whoever may only read is refused by every call that writes."""
    headers = {"authorization": f"Bearer {secrets['reader']}"}
    for method, pattern, permission, status, said in every(guarded, headers):
        if permission > Permission.READ:
            assert (status, "PERMISSION_DENIED" in said) == (403, True), (method, pattern, said)


def test_a_digest_that_is_only_named_opens_nothing(guarded: Hub) -> None:
    """Whoever knows the digest of another project's file, and registers a run that names it, reads nothing."""
    engine = guarded.engine
    _, secret = engine.access.create_token(ME, "writer of theirs", Permission.WRITE, ["theirs"])
    who, headers = engine.access.authenticate(secret), {"authorization": f"Bearer {secret}"}
    wanted = engine.artifacts.put_blob(ME, "mine", [b"what they must not read"])
    own = engine.artifacts.put_blob(who, "theirs", [b"their own"])
    files = [events.File("wanted", wanted.digest, wanted.size), events.File("own", own.digest, own.size)]
    run = engine.tracking.create(who, "theirs", CreateRun(facts=files)).id
    engine.artifacts.create(who, "theirs", "model", "model", [Entry("own", own.digest, own.size)])
    for source in (f"runs:/{run}", f"mlflow-artifacts:/0/{run}/artifacts", "models:/model/2"):
        made = {"name": "model", "source": source}
        status, answer = guarded.ask("POST", "model-versions/create", made, headers=headers)
        assert status == 200, answer
        place = f"/api/2.0/mlflow-artifacts/artifacts/versions/theirs/model/v{answer['model_version']['version']}"
        assert guarded.ask("GET", f"{place}/artifacts/own", headers=headers) == (200, b"their own")
        assert guarded.ask("GET", f"{place}/artifacts/wanted", headers=headers)[0] == 404
    assert guarded.ask("GET", f"/get-artifact?run_id={run}&path=wanted", headers=headers)[0] == 404


@pytest.mark.parametrize("odd", ["text", ["source"], {"source": 5, "run_id": ["x"]}, {"location": None}])
def test_odd_models_of_others_break_no_search(guarded: Hub, odd: Any) -> None:
    """What anyone may write about a model of theirs keeps nobody from listing and reading all models."""
    engine = guarded.engine
    blob = engine.artifacts.put_blob(ME, "theirs", [b"x"])
    name = f"odd {odd}".replace(":", " ").replace("/", " ")
    engine.artifacts.create(ME, "theirs", name, "model", [Entry("f", blob.digest, 1)], metadata={"mlflow": odd})
    row = engine.models.find(ME, name)
    for aliases in ("[" * 100_000, "5", '{"latest": [], "a": {}}'):
        engine.models.edit(ME, row, tags={"madang.aliases": aliases})
        engine.models.point(ME, row, "a", 1)
        _, secret = engine.access.create_token(ME, "reader of all", Permission.READ)
        headers = {"authorization": f"Bearer {secret}"}
        given = {"name": name, "version": "1"}
        for path in ("registered-models/search", "model-versions/search"):
            assert guarded.ask("GET", path, headers=headers)[0] == 200
        for path in ("registered-models/get", "model-versions/get", "model-versions/get-download-uri"):
            assert guarded.ask("GET", path, headers=headers, fields=given)[0] == 200


def test_tokens_as_the_client_sends_them(
    guarded: Hub, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token is taken as Bearer, and as the password of Basic with any user name; a wrong one is refused."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", secrets["writer"])
    client = MlflowClient(guarded.address)
    client.log_metric("1" * 32, "m", 1.0)
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anybody")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", secrets["reader"])
    assert client.get_run("1" * 32).data.metrics["m"] == 1.0
    with pytest.raises(RestException, match="PERMISSION_DENIED"):
        client.log_metric("1" * 32, "m", 2.0)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "mdg_wrong")
    with pytest.raises(RestException, match="UNAUTHENTICATED"):
        client.get_run("1" * 32)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "said"),
    [
        ("POST", "runs/create", {"experiment_id": "999"}, 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=999"),
        ("POST", "runs/create", {"experiment_id": 5}, 400, "INVALID_PARAMETER_VALUE", "Invalid value 5 for parameter"),
        ("POST", "runs/log-metric", {"run_id": "x"}, 400, "INVALID_PARAMETER_VALUE", "required parameter 'key'"),
        ("POST", "runs/log-metric", {"run_id": None}, 400, "INVALID_PARAMETER_VALUE", "required parameter 'run_id'"),
        ("POST", "runs/log-batch", {"run_id": "1", "metrics": [{"key": "a"}]}, 400, "INVALID_PARAMETER_VALUE",
         "metrics[0].value"),
        ("POST", "runs/log-batch", {"run_id": "1", "params": [{"key": "k"}] * 101}, 400, "INVALID_PARAMETER_VALUE", ""),
        ("POST", "experiments/create", {"name": "Default"}, 400, "RESOURCE_ALREADY_EXISTS", "already exists"),
        ("GET", "nothing/here", None, 404, "ENDPOINT_NOT_FOUND", ""),
        ("PUT", "runs/create", {}, 405, "ENDPOINT_NOT_FOUND", ""),
        ("POST", "runs/log-metric", {"run_id": "1", "key": "k", "value": 1, "timestamp": 1 << 62}, 400,
         "INVALID_PARAMETER_VALUE", "'timestamp'"),
        ("POST", "runs/log-metric", {"run_id": "1", "key": "k", "value": 1, "timestamp": 1, "step": -1 << 64}, 400,
         "INVALID_PARAMETER_VALUE", "'step'"),
        ("POST", "runs/create", {"experiment_id": "9" * 30}, 400, "INVALID_PARAMETER_VALUE", "Invalid experiment ID"),
        ("POST", "runs/log-model", {"run_id": "1", "model_json": "5"}, 400, "INVALID_PARAMETER_VALUE", "missing"),
        ("POST", "model-versions/create", {"name": "endless", "source": "s3://a/%" + "25" * 1_000_000}, 400,
         "INVALID_PARAMETER_VALUE", "Invalid path"),
        ("POST", "/api/2.0/mlflow-artifacts/mpu/create/a", {}, 400, "INVALID_PARAMETER_VALUE", "'path'"),
        ("POST", "/api/2.0/mlflow-artifacts/mpu/create/1/" + "0" * 32 + "/artifacts", {"path": "../x"}, 404,
         "RESOURCE_DOES_NOT_EXIST", "not found"),
    ],
)  # fmt: skip
def test_errors(hub: Hub, method: str, path: str, body: Any, status: int, code: str, said: str) -> None:
    """An error has MLflow's status, code and words, and comes before a server can be kept busy."""
    hub.ask("POST", "registered-models/create", {"name": "endless"})
    got, answer = hub.ask(method, path, body)
    assert (got, answer["error_code"]) == (status, code)
    assert said in answer["message"]


def test_other_content_types_are_refused(hub: Hub) -> None:
    """A form, which a page of another site could send, makes nothing."""
    headers = {"content-type": "text/plain"}
    status, answer = hub.ask("POST", "experiments/create", b'{"name": "x"}', headers=headers)
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_values_in_any_of_jsons_forms(hub: Hub, client: MlflowClient) -> None:
    """Numbers as texts, NaN in three spellings, nulls and unknown fields are read as MLflow reads them."""
    run = client.create_run("0").info.run_id
    for value in ('"NaN"', "NaN", '"Infinity"', "1e3", '"2"', "null"):
        text = f'{{"run_id": "{run}", "key": "m", "value": {value}, "timestamp": "5", "step": "1", "more": null}}'
        headers = {"content-type": "application/json; charset=utf-8"}
        status, _ = hub.ask("POST", "runs/log-metric", text.encode(), headers=headers)
        assert status == (400 if value == "null" else 200), value
    for body in (b"{", b"[]", b"\xff", b'"text"', b"[" * 100_000):
        status, _ = hub.ask("POST", "runs/log-metric", body, headers={"content-type": "application/json"})
        assert status == 400, body[:20]
