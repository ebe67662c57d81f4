"""Input examples and the signatures that follow from them, as MLflow's client and our server read them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_TRACKING_URI="")

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import Model, infer_signature

import madang
from madang.domain import events
from madang.formats import mlmodel
from madang.scoring.worker import scorer
from madang.sdk import models
from madang.testing.programs import Place

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, about its own types

TABLE = pd.DataFrame(
    {
        "넓이": [1.0, float("nan"), 3.0],
        "방": [1, 2, 3],
        "참": [True, False, True],
        "text": ["x", None, "y"],
        "at": pd.to_datetime(["2020-01-01 00:00:00", None, "2021-02-03 04:05:06"]),
        "small": np.array([1, 2, 3], "int32"),
        "single": np.array([1, 2, 3], "float32"),
        "bytes": [b"1", b"2", b"\xff"],
        "kind": pd.Categorical(["a", "b", "a"]),
    }
)
EXAMPLES: list[Any] = [
    TABLE,
    np.eye(3, dtype="float32"),
    np.zeros((2, 4, 4, 3), dtype="uint8"),
    {"x": np.eye(2), "y": np.arange(2)},
    [{"a": 1.0, "b": 2}, {"a": None, "b": 3}],
    {"a": 1.0, "b": 2},
]


def fitted(frame: Any, *, is_linear: bool = False) -> Any:
    """A small model. What it is of takes seconds to load, which each process that collects tests would spend."""
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LinearRegression

    return (LinearRegression() if is_linear else DummyClassifier()).fit(frame, range(len(frame)))


def described(folder: Path) -> dict[str, Any]:
    """What the `MLmodel` file says beyond flavors."""
    return mlmodel.load((folder / "MLmodel").read_text()).extra


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_inputs_are_those_that_mlflow_infers(tmp_path: Path, number: int) -> None:
    """The signature has MLflow's inputs for the same example, and its client predicts from the stored example."""
    example = EXAMPLES[number]
    models.save(fitted([[1]]), str(tmp_path), input_example=example)
    said = Model.load(str(tmp_path)).signature.to_dict()
    wanted = infer_signature(example).to_dict()
    assert json.loads(said["inputs"]) == json.loads(wanted["inputs"])
    assert said["outputs"]
    loaded = mlflow.pyfunc.load_model(str(tmp_path))
    assert len(loaded.predict(loaded.input_example)) in (1, 2, 3)


def test_both_servers_hold_requests_against_it(tmp_path: Path) -> None:
    """A request without a column, or with a text for a number, is refused by MLflow's client and by our scoring."""
    frame = TABLE[["방", "small"]]
    models.save(fitted(frame, is_linear=True), str(tmp_path), input_example=frame)
    said = described(tmp_path)
    assert said["signature"]["outputs"] == '[{"type": "double", "required": true}]'
    told = {"folder": str(tmp_path), "flavors": mlmodel.load((tmp_path / "MLmodel").read_text()).flavors}
    score = scorer(told | {"signature": said["signature"]})
    stored = (tmp_path / said["saved_input_example_info"]["serving_input_path"]).read_bytes()
    assert score(stored, "application/json").status == 200
    loaded = mlflow.pyfunc.load_model(str(tmp_path))
    for row in ({"방": 1}, {"방": "many", "small": 1}):
        assert score(json.dumps({"dataframe_records": [row]}).encode(), "application/json").status == 400
        with pytest.raises(mlflow.exceptions.MlflowException, match=r"missing inputs|Incompatible input types"):
            loaded.predict(pd.DataFrame([row]))


def test_a_signature_of_mlflow_is_taken(tmp_path: Path) -> None:
    """One that MLflow has made is written as it is, with an example or without; what is none is refused."""
    given = infer_signature(np.eye(2), np.array([1]), params={"times": 2})
    model = fitted([[1]])
    for number, example in enumerate((None, np.eye(2))):
        folder = tmp_path / str(number)
        folder.mkdir()
        models.save(model, str(folder), signature=given, input_example=example)
        assert described(folder)["signature"] == given.to_dict()
    junks: list[Any] = [3, "x", {"columns": []}, {"inputs": "["}]
    for junk in junks:
        with pytest.raises((madang.InvalidInput, madang.CorruptData)):
            models.save(model, str(tmp_path), signature=junk)


@pytest.mark.parametrize(
    "example", [3, object(), [], {}, [[1], [1, 2]], np.empty((0, 2)), pd.DataFrame(), [[1.0, 2.0]]]
)
def test_a_model_is_worth_more_than_its_example(place: Place, example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no example, or cannot be scored, is said in one line; the model is recorded without it."""
    with madang.init("p") as run:
        run.log_model(fitted([[1.0]], is_linear=True), "m", input_example=example)
    (version,) = place.events(events.VersionWritten)
    assert not [path for path, _, _ in version.entries if "example" in path]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("madang: the model is recorded without its input example: ")


def test_a_large_example_is_cut(tmp_path: Path) -> None:
    """Of many rows the first hundred are stored, of large rows fewer."""
    model = fitted([[1]])
    for number, (example, rows) in enumerate(((np.zeros((5000, 2)), 100), (np.zeros((9, 40_000)), 3))):
        folder = tmp_path / str(number)
        folder.mkdir()
        models.save(model, str(folder), input_example=example)
        assert len(json.loads((folder / "input_example.json").read_text())) == rows
