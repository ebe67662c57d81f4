"""Models as MLflow logs them, MLflow's own server beside ours, its client, and a hub whose alias moves."""

from __future__ import annotations

import os

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_TRACKING_URI="")

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import urllib3
from starlette.testclient import TestClient
from tests.mlflow.conftest import serving
from tests.scoring.conftest import Registry, Server

from madang.config import HubConfig
from madang.testing.patience import wait_for
from madang.wiring import open_hub

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it says of its own types
    import mlflow
    from mlflow.models import infer_signature
    from mlflow.pyfunc import scoring_server
    from mlflow.pyfunc.model import PythonModel
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

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


def fitted(wanted: Any) -> Any:
    """A model of the table. What it is of takes seconds to load, which each process that collects tests would spend."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(FRAME, wanted)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that MLflow has saved, with a signature and an example."""
    folder = tmp_path_factory.mktemp("logged") / "모델"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fitted([1.0, 2.0, 3.5])
        signature = infer_signature(FRAME, [1.0])
        example = FRAME.head(1)
        mlflow.sklearn.save_model(
            model, folder, signature=signature, input_example=example, pip_requirements=["scikit-learn==0.1"]
        )
    return folder


def said(status: int, kind: str, body: bytes) -> tuple[int, Any]:
    """What an answer says: predictions, or the code of the error."""
    told = json.loads(body) if kind.startswith("application/json") else None
    return status, told and told.get("predictions", told.get("error_code"))


def ours(url: str) -> list[tuple[int, Any]]:
    """What our server says to each request."""
    found = []
    for kind, body in REQUESTS:
        answer = urllib3.request("POST", f"{url}/invocations", body=body, headers={"content-type": kind}, retries=False)
        found.append(said(answer.status, answer.headers.get("content-type", ""), answer.data))
    return found


def theirs(folder: Path) -> list[tuple[int, Any]]:
    """What the application says that `mlflow models serve` serves."""
    found = []
    with TestClient(scoring_server.init(mlflow.pyfunc.load_model(str(folder)))) as asked:
        for kind, body in REQUESTS:
            answer = asked.post("/invocations", content=body, headers={"content-type": kind})
            found.append(said(answer.status_code, answer.headers.get("content-type", ""), answer.content))
    return found


@pytest.mark.filterwarnings("ignore")  # of MLflow, about the model's packages
def test_a_server_of_mlflow_beside_ours(registry: Registry, logged: Path) -> None:
    """MLflow's server and ours give the same answers of the same model; MLflow's client scores with ours."""
    mine = registry.serve(name=str(logged))
    assert ours(mine.url) == theirs(logged)
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
                told = mlflow.sklearn.log_model(
                    fitted(FRAME["넓이"] * slope),
                    name="model",
                    registered_model_name="집값",
                    pip_requirements=["scikit-learn"],
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
