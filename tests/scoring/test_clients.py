"""Models as MLflow logs them, MLflow's own server beside ours, its client, and a hub whose alias moves."""

from __future__ import annotations

import os

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_TRACKING_URI="")

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import urllib3
from tests.mlflow.conftest import serving
from tests.scoring.conftest import Registry, Server

from madang.config import HubConfig
from madang.testing.hubs import free_port
from madang.testing.patience import wait_for
from madang.wiring import open_hub

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it says of its own types
    import mlflow
    from mlflow.models import infer_signature
    from mlflow.pyfunc.model import PythonModel
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient
    from sklearn.linear_model import LinearRegression

    class Twice(PythonModel):
        """Only MLflow can load this."""

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            """Two times what came, or as often as a parameter says."""
            return [value * (params or {}).get("times", 2) for value in model_input["x"]]


FRAME = pd.DataFrame({"넓이": [10.0, 20.0, 30.0], "방": [1, 2, 3]})
REQUESTS: list[tuple[str, bytes]] = [
    ("application/json", json.dumps(body, ensure_ascii=False).encode())
    for body in (
        {"dataframe_split": {"columns": ["방", "넓이"], "data": [[2, 15.5], [3, 1]]}},
        {"dataframe_records": [{"넓이": 15.5, "방": 2, "색": "red"}]},
        {"inputs": {"넓이": [1.5], "방": [2]}},
        {"instances": [{"넓이": 1.5, "방": 2}, {"넓이": 2.5, "방": 3}]},
        {"dataframe_records": [{"넓이": 15.5}]},
        {"dataframe_records": [{"넓이": "넓다", "방": 2}]},
        {"dataframe_records": [{"넓이": float("inf"), "방": 2}]},
        {"dataframe_records": [{"넓이": float("nan"), "방": 2}]},
        {"columns": ["넓이"], "data": [[1]]},
    )
] + [
    ("text/csv", "넓이,방\n1.5,2\n2.5,3\n".encode()),
    ("text/csv; charset=utf-8", "방\n1\n".encode()),
    ("text/csv; charset=euc-kr", b"x"),
    ("application/json", b"{"),
    ("text/plain", b""),
]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that MLflow has saved, with a signature and an example."""
    folder = tmp_path_factory.mktemp("logged") / "모델"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = LinearRegression().fit(FRAME, [1.0, 2.0, 3.5])
        signature = infer_signature(FRAME, [1.0])
        example = FRAME.head(1)
        mlflow.sklearn.save_model(
            fitted, folder, signature=signature, input_example=example, pip_requirements=["scikit-learn==0.1"]
        )
    return folder


def answers(url: str) -> list[tuple[int, Any]]:
    """What a server says to each request: predictions, or the code of the error."""
    found: list[tuple[int, Any]] = []
    for kind, body in REQUESTS:
        answer = urllib3.request("POST", f"{url}/invocations", body=body, headers={"content-type": kind}, retries=False)
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        told = json.loads(answer.data) if is_json else None
        found.append((answer.status, told and told.get("predictions", told.get("error_code"))))
    return found


def test_a_server_of_mlflow_beside_ours(registry: Registry, logged: Path) -> None:
    """`mlflow models serve` and ours give the same answers of the same model; MLflow's client scores with ours."""
    port = free_port()
    mine = registry.serve(name=str(logged))
    command = ["-m", "mlflow", "models", "serve", "-m", str(logged), "--env-manager", "local", "--port", str(port)]
    theirs = subprocess.Popen(
        [sys.executable, *command], env=registry.project.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def is_up() -> bool:
        try:
            return urllib3.request("GET", f"http://127.0.0.1:{port}/ping", retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            assert theirs.poll() is None
            return False

    try:
        wait_for(is_up)
        assert answers(mine.url) == answers(f"http://127.0.0.1:{port}")
    finally:
        theirs.terminate()
        theirs.wait()
    connect: Any = ScoringServerClient  # it has no types
    client = connect("127.0.0.1", int(mine.url.rpartition(":")[2]))
    assert client.invoke(FRAME).get_predictions().shape == (3, 1)
    assert "scikit-learn: the model was made with 0.1" in mine.said()


@pytest.mark.filterwarnings("ignore")  # of MLflow, about its own types
def test_a_model_that_only_mlflow_can_load(registry: Registry, tmp_path: Path) -> None:
    """Its code runs when it is asked for by name, through MLflow; else it is refused."""
    signature = infer_signature(pd.DataFrame({"x": [1.0]}), [1.0], params={"times": 2})
    folder = tmp_path / "own"
    mlflow.pyfunc.save_model(folder, python_model=Twice(), signature=signature, pip_requirements=[])
    refused = registry.serve(name=str(folder), ready=False)
    assert refused.process.wait() == 1
    assert "mlflow.pyfunc.model" in refused.said()
    assert "--allow-pickle" in refused.said()
    server = registry.serve("--allow-pickle", name=str(folder), PYTHONPATH=str(Path(__file__).parents[2]))
    asked: dict[str, Any] = {"dataframe_records": [{"x": 1.5}], "params": {"times": 3}}
    answer = urllib3.request("POST", f"{server.url}/invocations", json=asked, retries=False)
    assert (answer.status, answer.json()) == (200, {"predictions": [4.5]})
    del asked["dataframe_records"][0]["x"]
    answer = urllib3.request("POST", f"{server.url}/invocations", json=asked, retries=False)
    assert (answer.status, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "stack_trace" not in answer.json()


@pytest.mark.filterwarnings("ignore")  # of MLflow, about its own types
def test_a_model_of_a_hub_swaps_when_mlflow_moves_its_stage(registry: Registry, tmp_path: Path) -> None:
    """A model logged by MLflow's client is served by its stage, also when that moves, and by its run."""
    with contextmanager(serving)(open_hub(HubConfig(store=str(tmp_path / "hub")))) as hub:
        mlflow.set_tracking_uri(hub.address)
        client, runs = mlflow.MlflowClient(), []
        for slope in (1.0, 2.0):
            with mlflow.start_run(experiment_id="0") as run:  # whichever another test has chosen
                fitted = LinearRegression().fit(FRAME, FRAME["넓이"] * slope)
                told = mlflow.sklearn.log_model(
                    fitted, name="model", registered_model_name="집값", pip_requirements=["scikit-learn"]
                )
                runs.append(run.info.run_id)
        client.transition_model_version_stage("집값", "1", "Production")
        server = registry.serve(name="models:/집값/Production", MADANG_HUB=hub.address)
        assert slope_of(server) == 1
        client.transition_model_version_stage("집값", "2", "Production", archive_existing_versions=True)
        wait_for(lambda: slope_of(server) == 2)
        assert slope_of(registry.serve("--no-record", name=f"runs:/{runs[0]}/model", MADANG_HUB=hub.address)) == 1
        assert slope_of(registry.serve("--no-record", name=told.model_uri, MADANG_HUB=hub.address)) == 2


@pytest.fixture(autouse=True)
def _no_tracking() -> Iterator[None]:
    """No later test meets the hub of this one."""
    yield
    mlflow.set_tracking_uri("")


def slope_of(server: Server) -> float:
    """What the model that answers multiplies by."""
    status, body = server.ask([[10.0, 1]])
    assert status == 200, body
    return round(float(body["predictions"][0]) / 10, 3)
