"""The client's registry is versions and pointers of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException, RestException
from tests.mlflow.conftest import Hub

from madang.domain.access import local
from madang.domain.versions import Entry

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # MLflow's own
ME = local("me")


def logged(client: MlflowClient, name: str) -> str:
    """A run with a file `model/weights.txt`."""
    run: str = client.create_run(client.create_experiment(name)).info.run_id
    client.log_text(run, f"weights of {name}", "model/weights.txt")
    return run


def registered(client: MlflowClient, name: str, versions: int = 1) -> str:
    """A model with some versions of the same run; the run's id."""
    run = logged(client, f"experiment of {name}")
    client.create_registered_model(name)
    for _ in range(versions):
        client.create_model_version(name, f"runs:/{run}/model", run)
    return run


def stages(client: MlflowClient, name: str) -> dict[str, str]:
    """The stage of each version."""
    return {item.version: str(item.current_stage) for item in client.search_model_versions(f"name = '{name}'")}


def test_a_file_of_a_version(client: MlflowClient, hub: Hub) -> None:
    """A file of a version comes by its name; a path out of it is refused as by MLflow, after two slashes as well."""
    registered(client, "filed")
    place = "/model-versions/get-artifact?name=filed&version=1&path="
    assert hub.ask("GET", f"{place}weights.txt") == (200, b"weights of experiment of filed")
    assert hub.ask("GET", f"{place}model/weights.txt")[0] == 404
    for slashes in ("", "/", "//"):
        status, said = hub.ask("GET", f"{slashes}{place}../path")
        assert (status, said["error_code"], said["message"]) == (400, "INVALID_PARAMETER_VALUE", "Invalid path")


def test_a_version_is_a_version(client: MlflowClient, hub: Hub) -> None:
    """Description, tags, source and run come back, and the store has the files under the same name and number."""
    run = logged(client, "one")
    client.create_registered_model("모델", {"a": "b"}, "about it")
    made = client.create_model_version("모델", f"runs:/{run}/model", run, {"t": "1"}, description="first")
    assert (made.version, made.status, made.run_id, made.tags) == ("1", "READY", run, {"t": "1"})
    client.update_model_version("모델", "1", "better")
    client.set_model_version_tag("모델", "1", "u", "2")
    client.delete_model_version_tag("모델", "1", "t")
    found = client.get_model_version("모델", "1")
    assert (found.description, found.tags) == ("better", {"u": "2"})
    model = client.get_registered_model("모델")
    assert (model.description, model.tags, [item.version for item in model.latest_versions]) == (
        "about it", {"a": "b"}, ["1"],
    )  # fmt: skip
    row = hub.engine.models.find(ME, "모델")
    assert [item.path for item in hub.engine.artifacts.manifest(ME, row.project, "모델:v1")] == ["weights.txt"]
    assert client.get_model_version_download_uri("모델", "1") == f"runs:/{run}/model"


def test_stages(client: MlflowClient, hub: Hub) -> None:
    """Several versions may be in a stage; the store's pointer is at the newest, and archiving takes the others out."""
    registered(client, "staged", 4)
    for version in ("2", "1", "3"):
        client.transition_model_version_stage("staged", version, "production")
    assert stages(client, "staged") == {"1": "Production", "2": "Production", "3": "Production", "4": "None"}
    assert hub.engine.models.find(ME, "staged").aliases["production"] == 3
    client.transition_model_version_stage("staged", "3", "None")
    assert hub.engine.models.find(ME, "staged").aliases["production"] == 2
    client.transition_model_version_stage("staged", "4", "Production", archive_existing_versions=True)
    assert stages(client, "staged") == {"1": "Archived", "2": "Archived", "3": "None", "4": "Production"}
    latest = {item.current_stage: item.version for item in client.get_latest_versions("staged")}
    assert latest == {"Archived": "2", "None": "3", "Production": "4"}
    for stage, archive in (("Best", False), ("Archived", True)):
        with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
            client.transition_model_version_stage("staged", "1", stage, archive)
    row = hub.engine.models.find(ME, "staged")
    moves = hub.engine.registry.history(ME, row.project, "staged")
    assert {(move.alias, move.number) for move in moves} >= {("production", 4), ("archived", 2)}


def test_aliases(client: MlflowClient) -> None:
    """An alias keeps its letters, moves, goes, and goes with its version."""
    registered(client, "aliased", 2)
    client.set_registered_model_alias("aliased", "Champion", "1")
    client.set_registered_model_alias("aliased", "Champion", "2")
    assert client.get_registered_model("aliased").aliases == {"Champion": "2"}
    assert client.get_model_version_by_alias("aliased", "Champion").aliases == ["Champion"]
    client.delete_model_version("aliased", "2")
    with pytest.raises(RestException, match="alias Champion not found"):
        client.get_model_version_by_alias("aliased", "Champion")
    client.delete_registered_model_alias("aliased", "never")
    for alias in ("latest", "v1", "a b", "x" * 256):
        with pytest.raises(MlflowException, match="alias"):
            client.set_registered_model_alias("aliased", alias, "1")


def test_names_and_numbers(client: MlflowClient) -> None:
    """A deleted number is not given again; a model that was renamed or deleted leaves its name free."""
    registered(client, "first", 2)
    client.delete_model_version("first", "2")
    assert client.create_model_version("first", "s3://bucket/x").version == "3"
    client.rename_registered_model("first", "second")
    assert [item.version for item in client.search_model_versions("name = 'second'")] == ["3", "1"]
    client.create_registered_model("first")
    with pytest.raises(RestException, match="RESOURCE_ALREADY_EXISTS"):
        client.rename_registered_model("second", "first")
    client.delete_registered_model("second")
    assert client.search_model_versions("name = 'second'") == []
    client.create_registered_model("second")
    assert client.create_model_version("second", "s3://bucket/x").version == "1"


def test_search(client: MlflowClient) -> None:
    """By name, tag, run and number, in the order asked for."""
    run = registered(client, "zz-found", 3)
    client.set_registered_model_tag("zz-found", "k", "v")
    assert [item.name for item in client.search_registered_models("name LIKE 'zz-%' AND tags.k = 'v'")] == ["zz-found"]
    assert [item.name for item in client.search_registered_models("name ILIKE 'ZZ-%'", order_by=["name DESC"])] == [
        "zz-found"
    ]
    found = client.search_model_versions(f"run_id = '{run}' AND version_number > 1", order_by=["version_number ASC"])
    assert [item.version for item in found] == ["2", "3"]
    for bad in ("stage = 'x'", "name > 'x'", "version_number = 'x'", "tags.k = 5"):
        with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
            client.search_model_versions(bad)


@pytest.mark.parametrize("source", ["/etc/passwd", "file:///etc/passwd", "model", "s3://b/../x", "runs:/x/%2e%2e/y"])
def test_no_path_of_the_server_is_a_source(client: MlflowClient, source: str) -> None:
    """A version is never made of a file that lies beside the server."""
    name = f"source {hash(source)}"
    client.create_registered_model(name)
    with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE: Invalid model version source"):
        client.create_model_version(name, source)


def test_a_native_model_is_loaded(client: MlflowClient, hub: Hub, tmp_path: Path) -> None:
    """A version that another client of the store made is found by name, stage and alias, with its files."""
    blob = hub.engine.artifacts.put_blob(ME, "elsewhere", [b"native"])
    entries = [Entry("deep/w.bin", blob.digest, blob.size)]
    hub.engine.artifacts.create(ME, "elsewhere", "native-model", "model", entries, aliases=("production", "best"))
    version = client.get_model_version_by_alias("native-model", "best")
    assert (version.version, version.current_stage) == ("1", "Production")
    place = client.get_model_version_download_uri("native-model", "1")
    mlflow.set_tracking_uri(hub.address)
    got = Path(mlflow.artifacts.download_artifacts(place, dst_path=str(tmp_path)))
    assert (got / "deep/w.bin").read_bytes() == b"native"


def test_a_copy(client: MlflowClient) -> None:
    """A version copied to another name has the run and the files of the first."""
    run = registered(client, "original")
    copy = client.copy_model_version("models:/original/1", "copied")
    assert (copy.version, copy.run_id, copy.source) == ("1", run, "models:/original/1")
    assert client.get_model_version_download_uri("copied", "1") == f"runs:/{run}/model"


def test_a_logged_model(client: MlflowClient, hub: Hub) -> None:
    """It has parameters, tags, metrics, files and a status, is found by them, and is no run."""
    experiment = client.create_experiment("logged models")
    run = client.create_run(experiment).info.run_id
    made = client.create_logged_model(experiment, "lm", run, {"t": "1"}, {"p": "2"}, "kind")
    client.log_metric(run, "acc", 0.5, 7, 1, model_id=made.model_id, dataset_name="iris", dataset_digest="d")
    client.log_batch(run, [Metric("own", 1.0, 7, step) for step in (1, 2)] + [Metric("f1", 2.0, 7, 1, made.model_id)])
    done = client.finalize_logged_model(made.model_id, "READY")
    found = client.get_logged_model(made.model_id)
    assert (found.name, found.model_type, found.source_run_id, found.params, found.tags) == (
        "lm", "kind", run, {"p": "2"}, {"t": "1"},
    )  # fmt: skip
    assert (done.status, [(item.key, item.value, item.dataset_name, item.run_id) for item in found.metrics or []]) == (
        "READY", [("acc", 0.5, "iris", run), ("f1", 2.0, None, run)],
    )  # fmt: skip
    assert [item.info.run_id for item in client.search_runs([experiment])] == [run]
    text = "name = 'lm' AND params.p = '2' AND tags.t = '1' AND metrics.acc > 0.2 AND status = 'READY'"
    assert [item.model_id for item in client.search_logged_models([experiment], text)] == [made.model_id]
    assert client.search_logged_models([experiment], "metrics.acc > 0.7") == []
    for text, what in (("name > 'l'", "attributes.name: '>'"), ("metrics.acc LIKE '1'", "metrics.acc: 'LIKE'")):
        with pytest.raises(RestException, match=f"^INVALID_PARAMETER_VALUE: Invalid comparison operator for {what}. E"):
            client.search_logged_models([experiment], text)
    client.delete_logged_model(made.model_id)
    with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
        client.get_logged_model(made.model_id)


def test_versions_of_a_hidden_model_are_found_by_their_run(client: MlflowClient, hub: Hub) -> None:
    """Of two models with one name the client sees one; what a run wrote in the other is found by the run."""
    seen = registered(client, "twice", 2)
    run = client.create_run(client.create_experiment("hidden")).info.run_id
    project = hub.engine.search.run(ME, run).project
    row = hub.engine.models.create(ME, project, "twice")
    hub.engine.models.add(ME, row, [], run=run)
    for text in (f"run_id = '{run}'", f"run_id IN ('{run}', 'x')", f"name = 'twice' AND run_id = '{run}'"):
        found = [(item.name, item.version, item.run_id) for item in client.search_model_versions(text)]
        assert found == [("twice", "1", run)], text
    assert {item.run_id for item in client.search_model_versions("name = 'twice'")} == {seen}
    assert client.search_model_versions(f"run_id = '{run}' AND name = 'other'") == []


def test_fluent_models_and_prompts(hub: Hub) -> None:
    """What people type: log a model and register it, load it by stage and alias; keep a prompt."""
    mlflow.set_tracking_uri(hub.address)
    mlflow.set_experiment("fluent")

    from mlflow.pyfunc.model import PythonModel

    class Echo(PythonModel):
        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input

    with mlflow.start_run() as run:
        info = mlflow.pyfunc.log_model(
            name="echo", python_model=Echo(), pip_requirements=[], registered_model_name="Echo"
        )
    client = MlflowClient(hub.address)
    client.set_registered_model_alias("Echo", "best", "1")
    assert client.get_model_version("Echo", "1").run_id == run.info.run_id
    outputs = client.get_run(run.info.run_id).outputs
    assert outputs is not None
    assert [item.model_id for item in outputs.model_outputs] == [info.model_id]
    prompt = mlflow.genai.register_prompt("greeting", "hello {{name}}")
    assert prompt.version == 1
    assert "greeting" not in {model.name for model in client.search_registered_models()}
