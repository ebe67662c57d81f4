"""`dataset add` and `update`: the same records as dvc's, and what stages that depend on them see."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.data.helpers import Tool, make
from tests.data.source import git
from tests.data.test_remotes import good


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A repository with two commits, the first of them tagged."""
    folder = tmp_path / "registry"
    make(folder, {"images/가": b"1"})
    git(folder, "init", "-q")
    for number in (1, 2):
        make(folder, {"images/n": b"%d" % number})
        git(folder, "add", "-A")
        git(folder, "-c", "user.name=n", "-c", "user.email=e@e", "commit", "-q", "-m", str(number))
        git(folder, "tag", f"v{number}")
    return folder


def test_a_repository_as_a_data_set(root: Path, registry: Path, dvc: Tool, madang: Tool) -> None:
    """Both tools leave the same dvc.yaml and dvc.lock; a stage that depends on it is stale after an update."""
    text = "# 데이터\nstages:\n  s: {cmd: cp in o, deps: ['ds://photos', in], outs: [o]}\n"
    make(root, {"in": b"1", "dvc.yaml": text.encode()})
    theirs = root.parent / "theirs"
    shutil.copytree(root, theirs, symlinks=True)
    steps = (
        ("dataset", "add", "--dvc", str(registry), "--path", "images", "--rev", "v1", "photos"),
        ("ds", "add", "--dvc", str(registry), "all"),
        ("repro", "-q"),
        ("dataset", "update", "photos", "--rev", "v2"),
        ("dataset", "add", "--dvc", str(registry), "--force", "all"),
        ("status", "--json"),
    )
    for step in steps:
        expected, answer = dvc(theirs, *step), madang(root, *step)
        assert answer.code == expected.code == 0, (step, answer.err, expected.err)
        for name in ("dvc.yaml", "dvc.lock"):
            assert (root / name).read_bytes() == (theirs / name).read_bytes(), step
    assert json.loads(answer.out) == json.loads(expected.out)
    assert "Nothing to update" in good(madang(root, "dataset", "update", "photos")).out


def test_versions_of_a_bucket_as_a_data_set(root: Path, dvc: Tool, madang: Tool) -> None:
    """A file and a folder of a bucket: the same records, before and after a file changed."""
    bucket = f"bucket-{os.urandom(4).hex()}"  # servers of one process share what they hold
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        keys = {"access_key_id": "k", "secret_access_key": "s", "region": "us-east-1"}
        client = boto3.client(
            "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", aws_access_key_id="k",
            aws_secret_access_key="s",
        )  # fmt: skip
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for name, body in (("d/a", b"1"), ("d/b/c", b"22"), ("f", b"333")):
            client.put_object(Bucket=bucket, Key=name, Body=body)
        good(madang(root, "remote", "add", "r", f"s3://{bucket}"))
        for key, text in {**keys, "endpointurl": f"http://{host}:{port}"}.items():
            good(madang(root, "remote", "modify", "r", key, text))
        theirs = root.parent / "theirs"
        shutil.copytree(root, theirs, symlinks=True)
        for step in (("add", "--url", "remote://r/d", "folder"), ("add", "--url", "remote://r/f", "file")):
            for tool, folder in ((dvc, theirs), (madang, root)):
                good(tool(folder, "dataset", *step))
        for name in ("dvc.yaml", "dvc.lock"):
            assert (root / name).read_text() == (theirs / name).read_text()
        client.put_object(Bucket=bucket, Key="d/a", Body=b"other")
        for tool, folder in ((dvc, theirs), (madang, root)):
            good(tool(folder, "dataset", "update", "folder"))
        assert (root / "dvc.lock").read_text() == (theirs / "dvc.lock").read_text()
    finally:
        server.stop()


def test_what_is_no_data_set(root: Path, registry: Path, madang: Tool) -> None:
    """A name that is taken, one that is not there, a wrong revision, options that do not go together: told, and nothing
    is written.
    """
    good(madang(root, "dataset", "add", "--dvc", str(registry), "photos"))
    before = (root / "dvc.yaml").read_bytes(), (root / "dvc.lock").read_bytes()
    for words, name in (
        (("add", "--dvc", str(registry), "photos"), "photos"),
        (("add", "--dvc", str(registry), "--rev", "v9", "other"), "v9"),
        (("add", "--dvc", str(root.parent / "nowhere"), "other"), "nowhere"),
        (("add", "--url", "s3://b/x", "--rev", "v1", "other"), "--rev"),
        (("add", "--url", "/tmp", "other"), "/tmp"),
        (("add", "--dc", "cats", "other"), "dc"),
        (("add", "other"), "--dvc"),
        (("update", "other"), "photos"),
    ):
        answer = madang(root, "dataset", *words)
        assert answer.code in (254, 255), words
        assert name in answer.err, (words, answer.err)
        assert "Traceback" not in answer.err
    assert before == ((root / "dvc.yaml").read_bytes(), (root / "dvc.lock").read_bytes())
