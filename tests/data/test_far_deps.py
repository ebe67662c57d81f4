"""Stages that read what lies elsewhere: a web server, a bucket, a data set of dvc."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.data.helpers import Tool, make
from tests.data.test_repro import ran, twin

from madang.testing.web_server import WebServer

PIPELINE = """\
stages:
  web: {{cmd: cp in w, deps: ["{web}/d/한글.txt", in], outs: [w]}}
  file: {{cmd: cp in f, deps: ["remote://bucket/f.csv", in], outs: [f]}}
  folder: {{cmd: cp in d, deps: ["remote://bucket/d", in], outs: [d]}}
"""
CONFIG = """\
['remote "bucket"']
    url = s3://{bucket}
    endpointurl = {s3}
    access_key_id = k
    secret_access_key = s
    region = us-east-1
"""
DATASETS = """\
datasets:
- {name: numbers, type: dvc, url: URL, path: in}
stages:
  s: {cmd: cp in o, deps: ["ds://numbers", in], outs: [o]}
"""


@pytest.fixture(params=["plain", "versions"])
def far(request: pytest.FixtureRequest) -> Iterator[tuple[WebServer, Callable[[str, bytes | None], None], str]]:
    """A web server, what puts (or deletes) an object of a bucket, and how the bucket is configured."""
    bucket = f"bucket-{os.urandom(4).hex()}"  # servers of one process share what they hold
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", aws_access_key_id="k",
        aws_secret_access_key="s",
    )  # fmt: skip
    client.create_bucket(Bucket=bucket)
    if request.param == "versions":
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def put(key: str, body: bytes | None) -> None:
        if body is None:
            client.delete_object(Bucket=bucket, Key=key)
        else:
            client.put_object(Bucket=bucket, Key=key, Body=body)

    with WebServer(tells_tag=True) as web:
        yield web, put, CONFIG.format(bucket=bucket, s3=f"http://{host}:{port}")
    server.stop()


def test_stages_read_what_lies_elsewhere_as_in_dvc(
    root: Path, dvc: Tool, madang: Tool, far: tuple[WebServer, Callable[[str, bytes | None], None], str]
) -> None:
    """Both tools record the same tags and versions, see the same changes, and take each other's records."""
    web, put, config = far
    web.files["/d/한글.txt"] = b"1"
    for key in ("f.csv", "d/a", "d/s/b"):
        put(key, b"1")
    make(root, {"dvc.yaml": PIPELINE.format(web=web.address).encode(), "in": b"x"})
    with (root / ".dvc" / "config").open("a") as file:
        file.write(config)
    other = twin(root, "other")

    def both(*line: str) -> list[str]:
        texts = []
        for tool, folder in ((dvc, other), (madang, root)):
            said = tool(folder, *line)
            assert said.code == 0, said.err
            texts.append(said.out)
        assert (root / "dvc.lock").read_text() == (other / "dvc.lock").read_text()
        return texts

    both("repro")
    assert all(ran(text)["unchanged"] == {"web", "file", "folder"} for text in both("repro"))
    assert json.loads(madang(other, "status", "--json").out) == json.loads(dvc(root, "status", "--json").out) == {}
    [run] = json.loads(madang(root, "runs", "list", "--filter", "name = 'web'", "--json").out)["runs"]
    read = json.loads(madang(root, "runs", "show", run["id"], "--json").out)["inputs"]
    assert [(one["path"], one["digest"][:9]) for one in read if "://" in one["path"]] == [
        (f"{web.address}/d/한글.txt", "checksum:")
    ]
    web.files["/d/한글.txt"] = b"2"
    put("d/new", b"2")
    put("f.csv", None)
    found = [json.loads(text) for text in both("status", "--json")]
    assert found[0] == found[1]
    assert found[0]["file"] == [{"changed deps": {"remote://bucket/f.csv": "deleted"}}]
    assert all(ran(text)["ran"] == {"web", "folder"} for text in both("repro", "web", "folder"))
    assert "f.csv" in madang(root, "repro", "file").err
    web.tells_tag = False
    assert "tells nothing" in madang(root, "repro", "web").err


def test_stages_read_data_sets_as_in_dvc(root: Path, dvc: Tool, madang: Tool) -> None:
    """A data set must be in sync; what is recorded of it is what dvc records; its change is seen."""
    make(root, {"dvc.yaml": DATASETS.replace("URL", str(root)).encode(), "in": b"x"})

    def states() -> list[object]:
        found = [json.loads(tool(root, "status", "--json").out) for tool in (madang, dvc)]
        assert found[0] == found[1]
        return [part.get("changed deps", {}).get("ds://numbers") for part in found[0].get("s", [])]

    assert states()[0] == "not in sync"
    assert "madang dataset update numbers" in madang(root, "repro").err
    lock = """\
schema: '2.0'
datasets:
- {name: numbers, type: dvc, url: URL, path: in, rev_lock: REV}
"""
    text = lock.replace("URL", str(root))
    (root / "dvc.lock").write_text(text.replace("REV", "a" * 40))
    assert states()[0] == "new"
    assert madang(root, "repro").code == 0
    assert states() == []
    assert ran(dvc(root, "repro").out)["unchanged"] == {"s"}
    (root / "dvc.lock").write_text((root / "dvc.lock").read_text().replace("a" * 40, "b" * 40, 1))
    assert states()[0] == "modified"
    assert ran(madang(root, "repro").out)["ran"] == {"s"}
