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
    assert found["aliases"] == ["Kept", "best"]
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


SAY = """
import json, wandb
wandb.init(project="said", id="reader").finish()
run = wandb.init(project="said", id="writer")
for text in ("one", "two"):
    art = wandb.Artifact("ds", type="dataset")
    with art.new_file("a.txt") as file:
        file.write(text)
    run.log_artifact(art).wait()
run.finish()
api = wandb.Api()
reader, older = api.run("said/reader"), api.artifact("said/ds:v0")
reader.log_artifact(older, aliases=["Said"], tags=["told"])
reader.log_artifact(older)
reader.use_artifact(api.artifact("said/ds:v1"))
older = wandb.Api().artifact("said/ds:v0")
print(json.dumps([[one.name for one in reader.logged_artifacts()], [one.name for one in reader.used_artifacts()],
    older.aliases, older.tags, older.logged_by().id, [one.version for one in api.artifacts("dataset", "said/ds")]]))
"""


def test_an_older_version_is_said_to_be_of_a_run(wandb_client: Client) -> None:
    """By the public API a run writes and reads versions that are there; none is begun for it."""
    assert wandb_client(SAY) == [["ds:v0"], ["ds:v1"], ["Said"], ["told"], "writer", ["v1", "v0"]]


CHANGE = """
import json, os, wandb
from datetime import timedelta
run = wandb.init(project="changing")
for text in ("one", "two"):
    art = wandb.Artifact("ds", type="dataset")
    with art.new_file("a.txt") as file:
        file.write(text)
    with art.new_file("b.txt") as file:
        file.write("kept")
    run.log_artifact(art).wait()
used = run.use_artifact("ds:v0")
draft = used.new_draft()
with draft.new_file("c.txt") as file:
    file.write("of the draft")
draft.remove("a.txt")
run.log_artifact(draft).wait()
more = wandb.Artifact("ds", type="dataset", incremental=True)
with more.new_file("d.txt") as file:
    file.write("added")
run.log_artifact(more).wait()
for part in range(3):
    piece = wandb.Artifact("parts", type="dataset")
    with piece.new_file(f"{part}.txt") as file:
        file.write(str(part))
    run.upsert_artifact(piece, distributed_id="all")
whole = wandb.Artifact("parts", type="dataset")
with whole.new_file("last.txt") as file:
    file.write("last")
run.finish_artifact(whole, distributed_id="all").wait()
short = wandb.Artifact("short", type="dataset")
short.ttl = timedelta(days=3)
with short.new_file("x") as file:
    file.write("x")
run.log_artifact(short).wait()
run.finish()
api = wandb.Api()
art = api.artifact("changing/ds:v0")
art.aliases += ["good", "better"]
art.tags = ["t1", "t2"]
art.description = "설명"
art.metadata["n"] = 4
art.save()
art = api.artifact("changing/ds:good")
art.aliases.remove("better")
art.tags.remove("t1")
art.save()
art = api.artifact("changing/ds:good")
told = {"aliases": art.aliases, "tags": art.tags, "description": art.description, "metadata": art.metadata}
told["draft"] = sorted(api.artifact("changing/ds:v2").manifest.entries)
told["incremental"] = sorted(api.artifact("changing/ds:v3").manifest.entries)
told["shared"] = sorted(api.artifact("changing/parts:v0").manifest.entries)
told["ttl"] = api.artifact("changing/short:latest").ttl.days
try:
    art.delete()
    told["deleted"] = "with its alias"
except Exception as error:
    told["deleted"] = type(error).__name__
art.delete(delete_aliases=True)
told["left"] = [one.version for one in api.artifacts("dataset", "changing/ds")]
collection = api.artifact_collection("dataset", "changing/ds")
collection.description = "of all"
collection.tags = ["red", "blue"]
collection.name = "renamed"
collection.save()
collection.tags.remove("red")
collection.save()
collection = api.artifact_collection("dataset", "changing/renamed")
told["collection"] = [collection.description, collection.tags, collection.aliases, collection.is_sequence()]
collection.change_type("pictures")
told["type"] = api.artifact("changing/renamed:v3").type
api.artifact_collection("dataset", "changing/parts").delete()
told["gone"] = [api.artifact_collection_exists("changing/parts", "dataset"),
                api.artifact_collection_exists("changing/renamed", "pictures")]
other = wandb.init(project="changing")
gone = wandb.Artifact("of-run", type="dataset")
gone.add_file("script.py")
other.log_artifact(gone).wait()
other.finish()
api.run(f"changing/{other.id}").delete(delete_artifacts=True)
told["with its run"] = api.artifact_exists("changing/of-run:v0")
told["read"] = open(api.artifact("changing/renamed:v3").download("out") + "/c.txt").read()
print(json.dumps(told))
"""


def test_artifacts_change(wandb_client: Client, hub: Hub) -> None:
    """Drafts, incremental and shared artifacts are versions; aliases, tags, texts, names and types change; all goes."""
    told = wandb_client(CHANGE)
    assert told.pop("deleted") != "with its alias"
    assert told == {
        "aliases": ["good"],
        "tags": ["t2"],
        "description": "설명",
        "metadata": {"n": 4},
        "draft": ["b.txt", "c.txt"],
        "incremental": ["b.txt", "c.txt", "d.txt"],
        "shared": ["0.txt", "1.txt", "2.txt", "last.txt"],
        "ttl": 3,
        "left": ["v3", "v2", "v1"],
        "collection": ["of all", ["blue"], ["latest"], True],
        "type": "pictures",
        "gone": [False, True],
        "with its run": False,
        "read": "of the draft",
    }
    history = hub.native("projects/changing/artifacts/renamed/history")["changes"]
    assert [(one["alias"], one["number"]) for one in history if one["alias"] == "better"] == [
        ("better", None),
        ("better", 0),
    ]
