"""Remotes of dvc that keep files under their own names, with the versions of S3: what dvc pushed there is read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.data.helpers import Tool, make, read

from madang.errors import Incompatible, InvalidInput
from madang.formats.dvc import dvcfile
from madang.formats.dvc.dvcfile import Content


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server that speaks S3, on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def absent(madang: Tool, root: Path) -> list[str]:
    """What the remote lacks, by the records."""
    answer = madang(root, "data", "status", "--not-in-remote", "--json")
    assert answer.code == 0, answer.err
    return sorted(json.loads(answer.out).get("not_in_remote", []))


@pytest.mark.parametrize("kind", ["version_aware", "worktree"])
def test_what_dvc_pushed_is_read(root: Path, s3: str, dvc: Tool, madang: Tool, kind: str) -> None:
    """Both versions of a folder and a file come back, also a single path of the folder; pushing is left to dvc."""
    bucket = f"b{uuid.uuid4().hex}"
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=s3, **keys)
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    options = {"endpointurl": s3, "access_key_id": "k", "secret_access_key": "s", "region": "us-east-1", kind: "true"}
    assert madang(root, "remote", "add", "-d", "cloud", f"s3://{bucket}/pre fix").code == 0
    for key, value in options.items():
        assert madang(root, "remote", "modify", "cloud", key, value).code == 0
    contents = [{"a": b"1", "sub/한 글": b"22"}, {"a": b"333", "sub/한 글": b"22", "new": b""}]
    records = []
    for number, files in enumerate(contents):
        make(root / "d", files)
        make(root, {"below/s": b"single %d" % number})
        assert dvc(root, "add", "d", "below/s").code == 0
        assert absent(madang, root) == ["below/s", "d/"]
        assert dvc(root, "push").code == 0
        assert absent(madang, root) == []
        records.append(((root / "d.dvc").read_bytes(), (root / "below" / "s.dvc").read_bytes()))
    (root / ".dvc" / "cache").rename(root.parent / "cache")
    for number, (folder, single) in enumerate(records):
        (root / "d.dvc").write_bytes(folder)
        (root / "below" / "s.dvc").write_bytes(single)
        for path in (root / "d", root / "below" / "s"):
            if path.exists():
                path.rename(root.parent / f"{path.name} {number}")
        assert madang(root, "pull", "d/sub").code == 0
        assert read(root / "d") == {"sub/한 글": b"22"}
        answer = madang(root, "pull", "--json")
        assert answer.code == 0, answer.err
        assert read(root / "d") == contents[number]
        assert (root / "below" / "s").read_bytes() == b"single %d" % number
        assert "up to date" in madang(root, "status").out
        assert "up to date" in dvc(root, "status").out
    refused = madang(root, "push")
    assert refused.code == 1
    assert "dvc push" in refused.err


FILES = """\
outs:
- hash: md5
  path: d
  files:
  - relpath: {path}
    md5: b026324c6904b2a9cb4b88d6d61c81d1
    size: 2
    cloud: {{r: {{version_id: v}}}}
"""


def test_hostile_and_changed_records() -> None:
    """A path that leaves the folder is refused; an entry of named files is changed by dvc alone."""
    assert dvcfile.parse(FILES.format(path="a"), "d.dvc").outs[0].md5 == "978ca45691cd12e610fb0788867f8252.dir"
    for path in ("../x", "/etc/passwd", "a//b", "''", "."):
        with pytest.raises(InvalidInput):
            dvcfile.parse(FILES.format(path=path), "d.dvc")
    with pytest.raises(Incompatible, match="version-aware"):
        dvcfile.updated(FILES.format(path="a"), "d.dvc", {"d": Content("d751713988987e9331980363e24189ce.dir", 0, 0)})
    single = (
        "outs:\n- md5: b026324c6904b2a9cb4b88d6d61c81d1\n  size: 2\n  hash: md5\n  path: s\n  cloud: {r: {etag: x}}\n"
    )
    changed = dvcfile.updated(single, "s.dvc", {"s": Content("4fbafd6948b6529caa2b78e476359875", 3)})
    assert "cloud" not in changed
    assert "cloud" in dvcfile.updated(single, "s.dvc", {"s": Content("b026324c6904b2a9cb4b88d6d61c81d1", 2)})
