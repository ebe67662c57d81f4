"""`madang.autolog()` records what the real client's `mlflow.autolog()` does, under the same names."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from tests.mlflow.conftest import Hub, serving

from madang.wiring import open_store

DATA = """
import warnings
warnings.simplefilter("ignore")
import lightgbm, xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
"""
TRAININGS = {
    "pipeline": """
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X_train, y_train)
guess = model.predict(X_test)
accuracy_score(y_test, guess), f1_score(y_test, y_pred=guess), accuracy_score(y_test, guess)
model.score(X_test, y_test), model.score(X_train, y_train)
cross_val_score(Ridge(), X, y)
""",
    "regression": "Ridge(alpha=2, copy_X=False).fit(*load_diabetes(return_X_y=True))",
    "three classes": "RandomForestClassifier(n_estimators=3, random_state=0).fit(*load_iris(return_X_y=True))",
    "weights": "LogisticRegression(max_iter=9).fit(X_train[:, :3], y_train, sample_weight=X_train[:, 0] + 1)",
    "xgboost": """
model = xgboost.XGBClassifier(n_estimators=5, max_depth=2, n_jobs=1)
model.fit(X_train, y_train, eval_set=[(X_test, y_test)], verbose=False)
accuracy_score(y_test, model.predict(X_test))
""",
    "xgboost.train": """
sets = [(xgboost.DMatrix(X_train, y_train), "train"), (xgboost.DMatrix(X_test, y_test), "val")]
booster = {"max_depth": 2, "objective": "binary:logistic", "eval_metric": ["logloss", "ndcg@3"], "nthread": 1}
xgboost.train(booster, sets[0][0], 30, evals=sets, early_stopping_rounds=2, verbose_eval=False)
""",
    "lightgbm": """
model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1)
model.fit(X_train, y_train, eval_set=[(X_test, y_test)])
model.score(X_test, y_test)
""",
    "lightgbm.train": """
sets = [lightgbm.Dataset(X_train, y_train), lightgbm.Dataset(X_test, y_test)]
stop = lightgbm.early_stopping(2, verbose=False)
booster = {"objective": "binary", "verbose": -1, "num_threads": 1, "learning_rate": 0.8}
lightgbm.train(booster, sets[0], 40, valid_sets=sets, valid_names=["train", "val"], callbacks=[stop])
""",
    "search": """
forest = RandomForestClassifier(n_estimators=2, random_state=0)
GridSearchCV(forest, {"max_depth": [2, 3]}, cv=2).fit(X_train, y_train)
""",
}
THEIRS = "import mlflow; mlflow.autolog(log_models=False)\n" + DATA
OURS = "import madang; madang.autolog(log_models=False)\n" + DATA


def program(begin: str, end: str = "") -> str:
    """All trainings, each in a run of its own."""
    steps = [f"{begin.format(name=name)}\n{code}\n{end}" for name, code in TRAININGS.items()]
    return "\n".join(steps)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Run]]:
    """All runs of a store by who recorded them and by name, read by the real client."""
    folder = tmp_path_factory.mktemp("trained")
    store = str(folder / "store")
    env = {**os.environ, "MADANG_FOLLOWER": "0", "MADANG_DIR": store, "OMP_NUM_THREADS": "1"}
    train(folder, OURS + program("madang.init('ours', '{name}')", "madang.finish()"), env)
    (found,) = [train_and_read(folder, hub, env) for hub in serving(open_store(store=store))]
    return found


def train(folder: Path, code: str, env: dict[str, str]) -> None:
    """Run a program to its good end."""
    Path(folder, "train.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "train.py"], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "not recorded" not in done.stderr


def train_and_read(folder: Path, hub: Hub, env: dict[str, str]) -> dict[str, dict[str, Run]]:
    """Train with the real client too, then read what both have recorded; child runs by their depth."""
    env = {**env, "MLFLOW_TRACKING_URI": hub.address, "MLFLOW_EXPERIMENT_NAME": "theirs"}
    train(folder, THEIRS + program("mlflow.start_run(run_name='{name}')", "mlflow.end_run()"), env)
    client = MlflowClient(hub.address)
    found: dict[str, dict[str, Run]] = {}
    for side in ("ours", "theirs"):
        experiment = client.get_experiment_by_name(side)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
        found[side] = {run.info.run_name or "": run for run in runs if run not in children}
        found[f"{side} below"] = {run.data.params["max_depth"]: run for run in children}
    return found


def plain(run: Run) -> dict[str, str]:
    """Parameters whatever was written of them: JSON is ours, a text of Python the client's."""
    return {name: value.lower().replace('"', "'") for name, value in run.data.params.items()}


def same(ours: Run, theirs: Run) -> None:
    """Both have the same parameters, metrics and estimator."""
    assert plain(ours) == plain(theirs)
    numbers = {name: value for name, value in ours.data.metrics.items() if not name.endswith("_time")}
    assert sorted(ours.data.metrics) == sorted(theirs.data.metrics)
    for name, value in numbers.items():
        assert math.isclose(value, theirs.data.metrics[name], rel_tol=1e-9), name
    for tag in ("estimator_name", "estimator_class"):
        assert ours.data.tags.get(tag) == theirs.data.tags.get(tag)


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_is_recorded_as_mlflow_does(trained: dict[str, dict[str, Run]], name: str) -> None:
    """Parameters, training scores, scores on other data by the name of its variable, and the kind of estimator."""
    same(trained["ours"][name], trained["theirs"][name])


def test_candidates_of_a_search_are_child_runs(trained: dict[str, dict[str, Run]]) -> None:
    """Each has its own parameters and the means over the folds."""
    assert sorted(trained["ours below"]) == ["2", "3"]
    for depth, run in trained["ours below"].items():
        theirs = trained["theirs below"][depth]
        assert run.data.params == theirs.data.params
        assert sorted(run.data.metrics) == sorted(theirs.data.metrics)
        assert run.data.tags["mlflow.parentRunId"] == trained["ours"]["search"].info.run_id


def test_training_data_is_an_input(trained: dict[str, dict[str, Run]]) -> None:
    """The same data has the same digest in every run, other data another."""
    told = {
        name: run.inputs.dataset_inputs[0].dataset
        for name, run in trained["ours"].items()
        if run.inputs is not None and run.inputs.dataset_inputs
    }
    assert told["pipeline"].digest == told["search"].digest
    assert told["pipeline"].digest != told["regression"].digest
    assert '"features_shape": [426, 30]' in (told["pipeline"].profile or "")
