"""How the archives in this folder were made: by the real client of an old MLflow, which also says what it reads.

    uv run --no-project --with "mlflow-skinny==1.30.1,sqlalchemy<2,alembic<2,protobuf<4,setuptools<70,pandas<2,numpy<2"
        python tests/moving/stores/make.py /tmp/made mlflow-1.30
    uv run --no-project --with "mlflow-skinny==2.9.2,sqlalchemy<2.1,alembic,setuptools<70,pandas<2.2,numpy<2" …
    uv run --no-project --with "mlflow-skinny==2.22.1,sqlalchemy<2.1,alembic,pandas,numpy<2" …

Each archive holds `mlruns` (a file store), `mlflow.db` with `mlartifacts` (a SQL store), and what the client that has
written them reads of each, as JSON. Addresses of files name `/srv/mlflow`, as after a move from another machine.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_ALLOW_FILE_STORE="true")

import mlflow
from mlflow import MlflowClient, entities
from mlflow.entities import Metric, Param, RunTag

HERE = Path(__file__).parent
MOVED = "/srv/mlflow"
AT = 1_700_000_000_000
MODEL = "위스키 model"
_COLUMNS = (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("model_versions", "source"),
            ("model_versions", "storage_location"))  # fmt: skip


def fill(client: MlflowClient, root: str | None) -> bool:
    """Write what this release of MLflow can hold; whether the store has a registry."""
    homes = {"iris": "iris", "한국어 실험 1e3": "kr", "gone": "gone"}
    ids = {
        name: client.create_experiment(name, artifact_location=f"{root}/{folder}" if root else None)
        for name, folder in homes.items()
    }
    client.set_experiment_tag(ids["iris"], "team", "비전")
    runs = [_run(client, ids["iris"], number) for number in range(3)]
    child = client.create_run(ids["iris"], tags={"mlflow.parentRunId": runs[0], "mlflow.runName": "1e3"}, start_time=AT)
    client.set_terminated(child.info.run_id, "FINISHED", AT + 900)
    client.create_run(ids["한국어 실험 1e3"], start_time=AT)
    deleted = client.create_run(ids["한국어 실험 1e3"], start_time=AT, tags={"mlflow.runName": "deleted"}).info.run_id
    client.set_terminated(deleted, "FAILED", AT + 1000)
    client.delete_run(deleted)
    client.log_param(client.create_run(ids["gone"], start_time=AT).info.run_id, "p", "1")
    client.delete_experiment(ids["gone"])
    if hasattr(client, "log_inputs"):
        _log_data(client, runs)
    return _register(client, runs)


def _run(client: MlflowClient, experiment: str, number: int) -> str:
    tags = {"mlflow.runName": f"run-{number}", "mlflow.note.content": "note *md*\n줄2", "mlflow.user": "ann"}
    run: str = client.create_run(experiment, tags=tags, start_time=AT + number).info.run_id
    odd = [("nan", float("nan"), 0), ("inf", float("inf"), 1), ("ninf", float("-inf"), 1), ("twice", 1.0, 5),
           ("twice", 2.0, 5), ("neg", 1.5, -7), ("huge", 1e308, 2**62), ("val/f 1", 0.5, 0)]  # fmt: skip
    points = [Metric("loss", 1 / (step + 1), AT + step, step) for step in range(20)]
    points += [Metric(key, value, AT + 1000, step) for key, value, step in odd] + [Metric("twice", 3.0, AT + 2000, 5)]
    params = [Param("C", "1.0"), Param("이름", "값 값"), Param("a.b/c d", "x" * 200)]
    client.log_batch(run, points, params, [RunTag("k", "v"), RunTag("path/태그", "줄\n바꿈 'q' \"d\"")])
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        (top / "sub 폴더" / "x").mkdir(parents=True)
        (top / "model").mkdir()
        (top / "a.txt").write_text(f"hello {number}")
        (top / "sub 폴더" / "x" / "한글.bin").write_bytes(bytes(range(256)))
        (top / "model" / "MLmodel").write_text("flavors: {}\n")
        client.log_artifacts(run, folder)
    client.set_terminated(run, ["FINISHED", "FAILED", "KILLED"][number], end_time=AT + 9000 + number)
    return run


def _log_data(client: MlflowClient, runs: list[str]) -> None:
    wine = entities.Dataset("wine", "12e4567", "local", '{"uri": "/data/wine.csv"}', '{"cols": 3}', '{"rows": 10}')
    other = entities.Dataset("검증", "abc", "http", '{"url": "http://x"}')
    context = entities.InputTag("mlflow.data.context", "train")
    for run in runs:
        client.log_inputs(run, [entities.DatasetInput(wine, [context]), entities.DatasetInput(other, [])])


def _register(client: MlflowClient, runs: list[str]) -> bool:
    try:
        client.create_registered_model(MODEL, tags={"t": "1"}, description="a model\nof two lines")
    except mlflow.exceptions.MlflowException:  # a file store before 2.0 has no registry
        return False
    for number, run in enumerate(runs):
        source = f"{client.get_run(run).info.artifact_uri}/model"
        client.create_model_version(MODEL, source, run, {"n": str(number)}, f"http://x/{number}", f"version {number}")
    client.create_registered_model("empty")
    for version, stage in (("1", "Production"), ("3", "Staging"), ("1", "Archived")):
        client.transition_model_version_stage(MODEL, version, stage)
    client.delete_model_version(MODEL, "2")
    if hasattr(client, "set_registered_model_alias"):
        client.set_registered_model_alias(MODEL, "Champion", "1")
        client.set_registered_model_alias(MODEL, "best_one", "3")
    return True


def read(uri: str, *, registry: bool) -> dict[str, Any]:
    """What this client reads of a store."""
    sys.path.insert(0, str(HERE.parents[2]))
    from tests.moving.reading import everything

    with tempfile.TemporaryDirectory() as scratch:
        found: dict[str, Any] = everything(MlflowClient(uri), Path(scratch), registry=registry)
    return found


def main(folder: Path, name: str) -> None:
    """Make both stores and pack them."""
    folder.mkdir(parents=True)
    for kind, uri, root in (
        ("mlruns", f"file://{folder}/mlruns", None),
        ("mlflow.db", f"sqlite:///{folder}/mlflow.db", f"file://{folder}/mlartifacts"),
    ):
        mlflow.set_tracking_uri(uri)
        registry = fill(MlflowClient(uri), root)
        found = read(uri, registry=registry)
        (folder / f"{kind}.json").write_text(json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True))
    with sqlite3.connect(folder / "mlflow.db") as database:
        for table, column in _COLUMNS:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            if column in columns:
                database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(folder), MOVED))
    for path in folder.rglob("meta.yaml"):
        path.write_text(path.read_text().replace(str(folder), MOVED))
    subprocess.run(["find", str(folder), "-empty", "-type", "d", "-delete"], check=True)
    with tarfile.open(HERE / f"{name}.tar.xz", "w:xz") as archive:
        archive.add(folder, ".", filter=_anonymous)


def _anonymous(item: tarfile.TarInfo) -> tarfile.TarInfo:
    item.uid = item.gid = item.mtime = 0
    item.uname = item.gname = ""
    return item


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
