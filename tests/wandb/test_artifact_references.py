"""References in artifacts of the real client: to files, web servers, clouds and other artifacts; read by both sides."""

from __future__ import annotations

import subprocess
from pathlib import Path

from moto.server import ThreadedMotoServer
from tests.wandb.conftest import Client, Hub

from madang.testing.project import PROGRAM
from madang.testing.web_server import WebServer

REFER = """
import json, os, wandb, sys
run = wandb.init(project="refs")
os.makedirs("d")
open("d/one.txt", "w").write("one")
open("d/two.txt", "w").write("two")
base = wandb.Artifact("base", type="dataset")
base.add_file("d/one.txt", name="deep/one.txt")
run.log_artifact(base).wait()
art = wandb.Artifact("refs", type="dataset")
art.add_reference(f"file://{os.getcwd()}/d")
art.add_reference(sys.argv[1], name="web.txt")
art.add_reference("s3://bucket/key/of/it", name="cloud.bin", checksum=False)
art.add_reference(base.get_entry("deep/one.txt"), name="other.txt")
run.log_artifact(art, aliases=["kept"]).wait()
run.finish()
got = wandb.Api().artifact("refs/refs:kept")
entries = got.manifest.entries
told = {name: [entry.ref, entry.size, entry.digest] for name, entry in entries.items()}
folder = "out"
read = {}
for name in ("one.txt", "two.txt", "web.txt", "other.txt"):
    read[name] = open(got.get_entry(name).download(folder)).read()
print(json.dumps([told, read, got.digest, art.digest]))
"""


def test_references(wandb_client: Client, hub: Hub, tmp_path: Path) -> None:
    """A reference keeps its address; both clients fetch what it refers to, and one to an artifact has its bytes."""
    with WebServer() as web:
        web.files["/page.txt"] = b"from the web"
        told, read, digest, own = wandb_client(REFER, f"{web.address}/page.txt")
        assert read == {"one.txt": "one", "two.txt": "two", "web.txt": "from the web", "other.txt": "one"}
        assert digest == own
        assert told["cloud.bin"][0] == "s3://bucket/key/of/it"
        version = hub.native("projects/refs/artifacts/refs/v0")
        entries = {entry["path"]: entry for entry in version["entries"]}
        assert entries["other.txt"]["digest"].startswith("blake3:")
        assert entries["web.txt"]["uri"] == f"{web.address}/page.txt"
        _get(hub, tmp_path, "refs:kept", "web.txt")
        assert (tmp_path / "web.txt").read_text() == "from the web"
        web.files["/page.txt"] = b"changed"
        assert _get(hub, tmp_path, "refs:kept", "web.txt", code=1) != ""


BUCKET = """
import boto3, json, sys, wandb
s3 = boto3.client("s3", endpoint_url=sys.argv[1])
s3.create_bucket(Bucket="data")
s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
for name in ("a b.bin", "two.bin"):
    s3.put_object(Bucket="data", Key=f"in/{name}", Body=b"first " + name.encode())
run = wandb.init(project="refs")
art = wandb.Artifact("bucket", type="dataset")
art.add_reference("s3://data/in")
run.log_artifact(art).wait()
run.finish()
s3.put_object(Bucket="data", Key="in/two.bin", Body=b"second")
got = wandb.Api().artifact("refs/bucket:v0")
folder = got.download("out")
print(json.dumps({name: open(f"{folder}/{name}").read() for name in sorted(got.manifest.entries)}))
"""


def test_references_to_a_bucket(wandb_client: Client, hub: Hub, tmp_path: Path) -> None:
    """A reference to S3 names the version of the object: both sides read that one when there is a newer."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}
    try:
        wandb_client.more = {**keys, "AWS_S3_ENDPOINT_URL": address, "AWS_ENDPOINT_URL": address}
        read = wandb_client(BUCKET, address)
        assert read == {"a b.bin": "first a b.bin", "two.bin": "first two.bin"}
        for name, text in read.items():
            _get(hub, tmp_path, "bucket:v0", name, {"AWS_ENDPOINT_URL": address, **keys})
            assert (tmp_path / name).read_text() == text
    finally:
        server.stop()


def _get(hub: Hub, folder: Path, ref: str, name: str, more: dict[str, str] | None = None, code: int = 0) -> str:
    command = [PROGRAM, "artifacts", "get", ref, name, "--to", name, "--force"]
    env = {**hub.env, "MADANG_HUB": hub.address, **(more or {})}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == code, done.stderr
    return done.stderr
