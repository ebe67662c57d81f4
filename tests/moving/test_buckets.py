"""Files of runs that lie in a bucket come from there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.moving.conftest import Place, left_out


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an S3 server on loopback; its address."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    for name, text in (("ENDPOINT_URL", address), ("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s"),
                       ("DEFAULT_REGION", "us-east-1"), ("REGION", "us-east-1"), ("ALLOW_HTTP", "true")):  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", text)
    boto3.client("s3").create_bucket(Bucket="lab")
    yield "s3://lab/mlflow"
    server.stop()


def test_files_come_from_a_bucket(bucket: str, unpacked: Callable[[str], Path], here: Place) -> None:
    """Artifacts and the files of versions are read from s3:// addresses as the records name them."""
    folder = unpacked("mlflow-2.22")
    client = boto3.client("s3")
    for path in (folder / "mlartifacts").rglob("*"):
        if path.is_file():
            key = f"mlflow/{path.relative_to(folder / 'mlartifacts')}"
            client.put_object(Bucket="lab", Key=key, Body=path.read_bytes())
    with sqlite3.connect(folder / "mlflow.db") as db:
        for table, column in (("runs", "artifact_uri"), ("model_versions", "source"),
                              ("model_versions", "storage_location")):  # fmt: skip
            db.execute(
                f"UPDATE {table} SET {column} = replace({column}, 'file:///srv/mlflow/mlartifacts', ?)", [bucket]
            )
    (folder / "mlartifacts").rename(folder / "gone")
    report = here.bring(folder / "mlflow.db")
    assert report.ok, left_out(report)
    assert report.here.counts["files"] == 9
    paths = {item.path for run in here.runs().values() for item in run.files}
    assert paths == {"a.txt", "sub 폴더/x/한글.bin", "model/MLmodel"}
