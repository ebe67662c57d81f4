"""MLflow on SQLite, straight from the training process: the fastest way it has that keeps what was logged."""

from __future__ import annotations

import mlflow
from mlflow.tracking import MlflowClient

from peers.base import Points, Values


def _connect(store: str) -> MlflowClient:
    mlflow.set_tracking_uri(f"sqlite:///{store}/mlflow.db")
    return MlflowClient()


class Tracker:
    def __init__(self, store: str, name: str) -> None:
        _connect(store)
        mlflow.set_experiment("bench")
        mlflow.start_run(run_name=name, log_system_metrics=False)

    def log(self, values: Values, step: int) -> None:
        mlflow.log_metrics(values, step=step)

    def close(self) -> None:
        mlflow.end_run()


def read(store: str) -> dict[str, Points]:
    client = _connect(store)
    experiment = client.get_experiment_by_name("bench")
    runs: dict[str, Points] = {}
    for run in client.search_runs([experiment.experiment_id], max_results=1000):
        runs[run.info.run_name] = {
            key: {item.step: item.value for item in client.get_metric_history(run.info.run_id, key)}
            for key in run.data.metrics
        }
    return runs
