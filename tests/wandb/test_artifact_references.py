"""References in artifacts of the real client: to files, web servers, clouds and other artifacts; read by both sides."""

from __future__ import annotations

import subprocess
from pathlib import Path

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
print(json.dumps([told, read, got.digest, art.digest, got.get_entry("other.txt").ref_target() if False else ""]))
"""


def test_references(wandb_client: Client, hub: Hub, tmp_path: Path) -> None:
    """A reference keeps its address; both clients fetch what it refers to, and one to an artifact has its bytes."""
    with WebServer() as web:
        web.files["/page.txt"] = b"from the web"
        told, read, digest, own, _ = wandb_client(REFER, f"{web.address}/page.txt")
        assert read == {"one.txt": "one", "two.txt": "two", "web.txt": "from the web", "other.txt": "one"}
        assert digest == own
        assert told["cloud.bin"][0] == "s3://bucket/key/of/it"
        version = hub.native("projects/refs/artifacts/refs/v0")
        entries = {entry["path"]: entry for entry in version["entries"]}
        assert entries["other.txt"]["digest"].startswith("blake3:")
        assert entries["web.txt"]["uri"] == f"{web.address}/page.txt"
        command = [PROGRAM, "artifacts", "get", "refs:kept", "web.txt", "--to", "web.txt"]
        env = {**hub.env, "MADANG_HUB": hub.address}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "web.txt").read_text() == "from the web"
