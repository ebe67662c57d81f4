"""Artifacts of the real client in registries, beside models and data of our own and of MLflow."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.wandb.conftest import Client, Hub

from madang.testing.project import PROGRAM

LINKS = """
import json, os, wandb
run = wandb.init(project="linking")
open("model.bin", "wb").write(b"weights")
run.log_model("model.bin", name="net", aliases=["cand"])
open("model.bin", "wb").write(b"better weights")
run.log_model("model.bin", name="net")
run.link_model("model.bin", "Iris")
path = run.use_model("net:cand")
told = {"model": open(path, "rb").read().decode()}
art = wandb.Artifact("net2", type="model")
art.add_file("model.bin")
run.log_artifact(art)
linked = run.link_artifact(art, "wandb-registry-model/Iris", aliases=["prod"])
told["linked"] = [linked.name, linked.project, linked.is_link, linked.source_name, sorted(linked.aliases)]
run.finish()
api = wandb.Api()
art = api.artifact("linking/net:v0")
mine = art.link("linking/shown", aliases=["first"])
told["mine"] = [mine.name, mine.is_link, mine.source_artifact.name, mine.source_version]
told["links"] = sorted(one.qualified_name for one in art.linked_artifacts)
again = art.link("linking/shown")
told["again"] = again.version
got = api.artifact("wandb-registry-model/Iris:prod", type="model")
text = open(got.download("out") + "/model.bin", "rb").read().decode()
told["got"] = [got.qualified_name, got.source_qualified_name, text]
got.aliases += ["checked"]
got.save()
told["checked"] = sorted(api.artifact("wandb-registry-model/Iris:checked").aliases)
registry = api.create_registry("data", visibility="organization", description="tables", organization="madang")
told["registry"] = [registry.full_name, registry.description, registry.allow_all_artifact_types]
strict = api.create_registry("strict", visibility="restricted", organization="madang", artifact_types=["model"])
told["strict"] = [list(strict.artifact_types), strict.allow_all_artifact_types, strict.visibility]
strict.artifact_types.append("report")
strict.description = "only these"
strict.save()
strict = api.registry("strict", organization="madang")
told["stricter"] = [sorted(strict.artifact_types), strict.description]
art.link("wandb-registry-strict/models")
try:
    data = wandb.Artifact("plain", type="dataset")
    data.add_file("script.py")
    data.save(project="linking")
    data.wait()
    data.link("wandb-registry-strict/plain")
    told["refused"] = False
except Exception as error:
    told["refused"] = "takes no artifacts of type" in str(error)
table = wandb.init(project="linking")
data = wandb.Artifact("rows", type="dataset")
data.add_file("script.py")
table.log_artifact(data)
table.link_artifact(data, "wandb-registry-data/rows")
table.finish()
told["registries"] = sorted(one.name for one in api.registries(organization="madang"))
told["collections"] = sorted(one.name for one in api.registries(organization="madang").collections())
of_data = api.registries(organization="madang", filter={"name": "data"})
told["versions"] = sorted(one.name for one in of_data.versions())
of_rows = registry.collections(filter={"name": {"$regex": "^r"}})
told["found"] = [one.name for one in of_rows]
api.registry("strict", organization="madang").delete()
told["left"] = sorted(one.project for one in wandb.Api().artifact("linking/net:v0").linked_artifacts)
mine.unlink()
told["unlinked"] = api.artifact_exists("linking/shown:v0")
told["stays"] = api.artifact_exists("linking/net:v0")
registry.name, registry.description = "tables", "renamed"
registry.save()
told["renamed"] = [registry.full_name, registry.description]
api = wandb.Api()
told["names"] = sorted(one.name for one in api.registries(organization="madang"))
told["by_new"] = api.artifact("wandb-registry-tables/rows:v0").project
try:
    api.artifact("wandb-registry-data/rows:v0")
except Exception as error:
    told["by_old"] = str(error)
fresh = api.create_registry("data", visibility="organization", organization="madang")
told["empty"] = [list(fresh.collections()), api.artifact("wandb-registry-tables/rows:v0").project]
art.link("wandb-registry-data/new")
told["fresh"] = [one.name for one in fresh.collections()]
fresh.delete()
told["after"] = sorted(one.name for one in wandb.Api().registries(organization="madang"))
again = wandb.Api().create_registry("data", visibility="organization", organization="madang")
told["anew"] = [again.name, list(again.collections())]
from wandb.automations import DoNothing, OnCreateArtifact
told["automations"] = list(api.automations())
try:
    scope = api.artifact_collection("model", "madang/linking/net")
    api.create_automation(OnCreateArtifact(scope=scope) >> DoNothing(), name="a")
except Exception as error:
    told["automation"] = str(error)
print(json.dumps(told))
"""


def _madang(hub: Hub, folder: Path, *arguments: str) -> str:
    home = folder / "own"
    home.mkdir(exist_ok=True)
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("WANDB", "MADANG", "MLFLOW"))}
    env = {**kept, "HOME": str(home), "MADANG_HUB": hub.address}
    done = subprocess.run([PROGRAM, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_links_and_registries(wandb_client: Client, hub: Hub, tmp_path: Path) -> None:
    """A link is the artifact in another collection; a model linked to a registry is a registered model of ours."""
    told = wandb_client(LINKS)
    assert told["model"] == "weights"
    assert told["linked"] == ["Iris:v1", "wandb-registry-model", True, "net2:v0", ["latest", "prod"]]
    assert told["mine"] == ["shown:v0", True, "net:v0", "v0"]
    assert told["links"] == ["madang/linking/shown:v0"]
    assert told["again"] == "v0"
    assert told["got"] == ["madang/wandb-registry-model/Iris:prod", "madang/linking/net2:v0", "better weights"]
    assert told["checked"] == ["checked", "latest", "prod"]
    assert told["registry"] == ["wandb-registry-data", "tables", True]
    assert told["strict"] == [["model"], False, "restricted"]
    assert told["stricter"] == [["model", "report"], "only these"]
    assert told["refused"] is True
    assert told["registries"] == ["data", "model", "strict"]
    assert told["collections"] == ["Iris", "models", "rows"]
    assert told["found"] == ["rows"]
    assert told["versions"] == ["rows:v0"]
    assert told["left"] == ["linking"]
    assert (told["unlinked"], told["stays"]) == (False, True)
    assert told["renamed"] == ["wandb-registry-tables", "renamed"]
    assert told["names"] == ["model", "tables"]
    assert told["by_new"] == "wandb-registry-tables"
    assert "it is called 'wandb-registry-tables' now" in told["by_old"]
    assert told["empty"] == [[], "wandb-registry-tables"]
    assert (told["fresh"], told["after"]) == (["new"], ["model", "tables"])
    assert told["anew"] == ["data", []]
    assert told["automations"] == []
    assert "makes no automations" in told["automation"]
    models = {one["name"]: one for one in hub.native("models")["models"]}
    assert models["Iris"]["project"] == "wandb-registry-model"
    graph = hub.native("projects/wandb-registry-model/lineage?of=version:Iris:v1&above=2")
    assert {one["name"] for one in graph["nodes"] if one["kind"] == "version"} == {"Iris", "linking/net2"}
    assert [one["kind"] for one in graph["nodes"]].count("run") == 1
    assert _madang(hub, tmp_path, "artifacts", "get", "Iris@prod", "model.bin", "--to", "got.bin")
    assert (tmp_path / "got.bin").read_bytes() == b"better weights"


OURS = """
import json, os, madang
os.makedirs("data"); open("data/rows.csv", "w").write("a,b"); open("data/big.bin", "wb").write(os.urandom(3 << 20))
with madang.init(project="shared") as run:
    run.log_artifact("data", name="ours", type="dataset")
    path = run.use("theirs:good")
    read = open(os.path.join(path, "t.txt")).read()
print(json.dumps([run.id, read]))
"""
THEIRS = """
import json, wandb
run = wandb.init(project="shared")
art = wandb.Artifact("theirs", type="dataset")
with art.new_file("t.txt") as file:
    file.write("of wandb")
with art.new_file("u.txt") as file:
    file.write("more")
run.log_artifact(art, aliases=["good"]).wait()
run.finish()
"""
TOOK = """
import json, wandb, hashlib, os
run = wandb.init(project="shared")
art = run.use_artifact("ours:v1", type="dataset")
folder = art.download("out")
art.verify("out")
api = wandb.Api()
print(json.dumps([sorted(os.listdir(folder)), open("out/rows.csv").read(), os.path.getsize("out/big.bin"),
    [one.id for one in api.artifact("shared/theirs:v0").used_by()], art.logged_by().id, run.id]))
run.finish()
"""


def test_versions_of_both_sides(wandb_client: Client, hub: Hub, tmp_path: Path) -> None:
    """What W&B's client logged `run.use` and `madang artifacts get` read; what ours logged `use_artifact` reads."""
    wandb_client(THEIRS)
    run, read = wandb_client(OURS, MADANG_HUB=hub.address)
    assert read == "of wandb"
    files, text, size, users, maker, reader = wandb_client(TOOK)
    assert (files, text, size) == (["big.bin", "rows.csv"], "a,b", 3 << 20)
    assert (users, maker) == ([run], run)
    _madang(hub, tmp_path, "artifacts", "get", "theirs:v0", "--to", "theirs")
    assert (tmp_path / "theirs" / "t.txt").read_text() == "of wandb"
    graph = hub.native("projects/shared/lineage?of=version:ours:v1&above=3&below=2")
    nodes = {(one["kind"], one["name"]) for one in graph["nodes"]}
    reading = [one["id"] for one in hub.native("runs?project=shared")["runs"] if one["tags"].get("wandb.id") == reader]
    assert nodes >= {("run", run), ("run", reading[0]), ("version", "ours"), ("version", "theirs")}
    assert len([kind for kind, _ in nodes if kind == "run"]) == 3


ELSEWHERE = """
import json, wandb
run = wandb.init(project="team-data")
art = wandb.Artifact("rows", type="dataset")
with art.new_file("t.txt") as file:
    file.write("rows")
run.log_artifact(art).wait()
run.finish()
reader = wandb.init(project="team-model")
got = reader.use_artifact("madang/team-data/rows:v0")
reader.finish()
api = wandb.Api()
print(json.dumps([run.id, reader.id, [one.id for one in api.artifact("team-data/rows:v0").used_by()],
    [one.qualified_name for one in api.run(f"team-model/{reader.id}").used_artifacts()]]))
"""


def test_versions_of_other_projects(wandb_client: Client, hub: Hub) -> None:
    """A run that uses a version of another project is found from that, and leads to it."""
    _, reader, users, used = wandb_client(ELSEWHERE)
    assert (users, used) == ([reader], ["madang/team-data/rows:v0"])
    runs = {one["tags"]["wandb.id"]: one["id"] for one in hub.native("runs?project=team-model")["runs"]}
    graph = hub.native(f"projects/team-model/lineage?of=run:{runs[reader]}&above=2")
    assert [one["name"] for one in graph["nodes"] if one["kind"] == "version"] == ["team-data/rows"]
    assert len([one for one in graph["nodes"] if one["kind"] == "run"]) == 2
