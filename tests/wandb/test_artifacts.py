"""Artifacts of the real client as versions of ours: logged, used, changed, linked, deleted; seen by both."""

from __future__ import annotations

from pathlib import Path

from tests.wandb.conftest import Client, Hub

LOG = """
import json, os, wandb
run = wandb.init(project="art")
os.makedirs("d/sub", exist_ok=True)
for name in ("d/a.txt", "d/sub/b.txt", "d/sub/공백 이름.txt"):
    open(name, "w").write(name * 10)
one = wandb.Artifact("ds", type="dataset", description="first", metadata={"rows": 3, "deep": {"x": [1, 2.5]}})
one.add_dir("d")
with one.new_file("new.txt") as file:
    file.write("made here")
one.add(wandb.Table(columns=["id", "picture"], data=[[1, wandb.Image(os.environ["PICTURE"])], [2, None]]), "table")
run.log_artifact(one, aliases=["best", "Kept"], tags=["small"]).wait()
again = wandb.Artifact("ds", type="dataset")
again.add_dir("d")
with again.new_file("new.txt") as file:
    file.write("made here")
again.add(wandb.Table(columns=["id", "picture"], data=[[1, wandb.Image(os.environ["PICTURE"])], [2, None]]), "table")
run.log_artifact(again).wait()
two = wandb.Artifact("ds", type="dataset")
two.add_file("d/a.txt")
open("c.txt", "w").write("c")
two.add_file("c.txt")
run.log_artifact(two).wait()
run.log({"logged": wandb.Table(columns=["x"], data=[[1], [2]])})
run.finish()
print(json.dumps([run.id, one.version, again.version, two.version, one.digest]))
"""
USE = """
import json, wandb, sys
run = wandb.init(project="art")
one = run.use_artifact("ds:best")
folder = one.download("out")
found = {name: open(f"{folder}/{name}", "rb").read().decode("utf8", "replace") for name in
         ("a.txt", "sub/b.txt", "sub/공백 이름.txt", "new.txt")}
one.verify("out")
table = one.get("table")
assert table.columns == ["id", "picture"] and table.data[0][1]._width == 4, table.data
assert one.get_entry("a.txt").download("single").endswith("a.txt")
newest = run.use_artifact("art/ds:latest", type="dataset")
by_number = run.use_artifact("madang/art/ds:v0")
run.finish()
api = wandb.Api()
art = api.artifact("art/ds:v0")
print(json.dumps({
    "files": found, "aliases": sorted(art.aliases), "tags": art.tags, "metadata": art.metadata, "size": art.size,
    "description": art.description, "count": art.file_count, "newest": newest.version, "same": by_number.id == one.id,
    "by": art.logged_by().id, "used": [one.id for one in art.used_by()], "run": run.id, "digest": art.digest,
    "versions": [one.version for one in api.artifacts("dataset", "art/ds")],
    "exists": [api.artifact_exists("art/ds:v1"), api.artifact_exists("art/ds:v9"), api.artifact_exists("art/none:v0")],
    "collections": sorted(one.name for one in api.artifact_type("dataset", "art").collections()),
    "types": sorted(one.name for one in api.artifact_types("art")),
    "listed": sorted(file.name for file in art.files()),
    "logged": [one.name for one in api.run(f"art/{sys.argv[1]}").logged_artifacts()],
    "inputs": [one.name for one in api.run(f"art/{run.id}").used_artifacts()],
    "checkout": sorted(__import__("os").listdir(art.checkout("exact"))),
}))
"""


def _picture(folder: Path) -> str:
    from PIL import Image

    path = folder / "picture.png"
    Image.new("RGB", (4, 2), (9, 99, 9)).save(path)
    return str(path)


def test_an_artifact_is_a_version(wandb_client: Client, hub: Hub, tmp_path: Path) -> None:
    """What one run logs another uses: files, tables, aliases, tags, lineage; the same content is the same version."""
    run, first, again, second, digest = wandb_client(LOG, PICTURE=_picture(tmp_path))
    assert (first, again, second) == ("v0", "v0", "v1")
    found = wandb_client(USE, run)
    assert found["files"]["sub/공백 이름.txt"] == "d/sub/공백 이름.txt" * 10
    assert found["files"]["new.txt"] == "made here"
    assert (found["description"], found["metadata"]) == ("first", {"rows": 3, "deep": {"x": [1, 2.5]}})
    assert found["aliases"] == ["best", "kept"]
    assert found["tags"] == ["small"]
    assert found["digest"] == digest
    assert (found["newest"], found["same"], found["by"]) == ("v1", True, run)
    assert found["used"] == [found["run"]]
    assert found["versions"] == ["v1", "v0"]
    assert found["exists"] == [True, False, False]
    assert "ds" in found["collections"]
    assert {"dataset", "run_table"} <= set(found["types"])
    assert found["count"] == len(found["listed"]) == 6
    assert {"ds:v0", "ds:v1"} <= set(found["logged"])
    assert found["inputs"] == ["ds:v0", "ds:v1"]
    assert "new.txt" in found["checkout"]
    version = hub.native("projects/art/artifacts/ds/v0")
    assert [entry["path"] for entry in version["entries"]] == sorted(found["listed"])
