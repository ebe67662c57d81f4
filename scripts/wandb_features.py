"""What `record_wandb.py` has a client of W&B do: a little of everything that it can ask of a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import wandb

PROJECT = "recorded"
sys.argv = ["train.py"]


def log() -> None:
    """A run with all kinds of values, files and artifacts; resumed, rewound and forked."""
    quiet = {"x_disable_meta": True, "x_disable_stats": True}
    config = {"lr": 0.1, "model": {"depth": 3}}
    run = wandb.init(
        project=PROJECT, id="first", name="첫째", config=config, tags=["one"], notes="n", group="g", job_type="train",
        settings=wandb.Settings(**quiet),
    )  # fmt: skip
    run.define_metric("val/*", step_metric="epoch", summary="max")
    for step in range(3):
        run.log({"loss": 1 / (step + 1), "val/f1": step, "epoch": step, "nan": float("nan")})
    run.log({"table": wandb.Table(columns=["a"], data=[[1], [2]]), "hist": wandb.Histogram([1, 2, 2])})
    run.log({"cm": wandb.plot.confusion_matrix(y_true=[0, 1], preds=[0, 1], class_names=["a", "b"])})
    run.summary["best"] = {"loss": 0.25}
    run.alert("title", "text", level="WARN")
    with open("data.txt", "w", encoding="utf-8") as file:
        file.write("some data")
    run.save("data.txt", policy="now")
    made = wandb.Artifact("data", type="dataset", metadata={"k": 1})
    made.add_file("data.txt")
    run.log_artifact(made, aliases=["best"]).wait()
    run.use_artifact("data:best").download(root="downloaded")
    run.finish()
    again = {"id": "first", "resume": "must"}
    for more in (again, {"resume_from": "first?_step=1"}, {"fork_from": "first?_step=1", "id": "fork"}):
        run = wandb.init(project=PROJECT, settings=wandb.Settings(**quiet), **more)
        run.log({"loss": 9})
        run.finish()


def read() -> None:
    """The public API."""
    api = wandb.Api()
    run = api.run(f"{PROJECT}/first")
    list(run.scan_history())
    run.history(keys=["loss"], pandas=False)
    run.history(stream="system", pandas=False)
    run.file("data.txt").download(root="fetched", replace=True)
    names = [item.name for item in run.files()], [item.name for item in run.logged_artifacts()]
    runs = [item.state for item in api.runs(PROJECT, filters={"config.lr": 0.1}, order="-summary_metrics.loss")]
    artifact = api.artifact(f"{PROJECT}/data:latest")
    artifact.aliases.append("prod")
    artifact.description = "changed"
    artifact.save()
    print(names, runs, artifact.version, [item.name for item in api.projects()])
    run.config["later"] = 1
    run.tags.append("two")
    run.update()
    run.summary.update({"more": 2})
    api.artifact_type("dataset", PROJECT).collection("data").artifacts()
    api.run(f"{PROJECT}/fork").delete()


def change() -> None:
    """Versions of several kinds, links, registries; and all of it changed and taken away."""
    run = wandb.init(project=PROJECT, settings=wandb.Settings(x_disable_meta=True, x_disable_stats=True))
    draft = run.use_artifact("data:best").new_draft()
    with draft.new_file("more.txt") as file:
        file.write("more")
    run.log_artifact(draft).wait()
    added = wandb.Artifact("data", type="dataset", incremental=True)
    added.add_reference("https://127.0.0.1:9/elsewhere", name="elsewhere", checksum=False)
    run.log_artifact(added).wait()
    parts = [wandb.Artifact("shared", type="dataset") for _ in range(2)]
    for number, part in enumerate(parts):
        part.add_file("data.txt", name=f"{number}.txt")
    run.upsert_artifact(parts[0], distributed_id="all")
    run.finish_artifact(parts[1], distributed_id="all").wait()
    run.log_model("data.txt", name="model")
    run.finish()

    api = wandb.Api()
    path = api.artifact(f"{PROJECT}/model:latest")
    path.link("wandb-registry-model/Model", aliases=["prod"])
    linked = api.artifact("wandb-registry-model/Model:prod")
    print([file.name for file in linked.files()], path.used_by(), path.logged_by())
    linked.unlink()
    artifact = api.artifact(f"{PROJECT}/data:v0")
    artifact.aliases.remove("prod") if "prod" in artifact.aliases else artifact.aliases.append("x")
    artifact.tags.append("tag")
    artifact.save()
    api.artifact(f"{PROJECT}/data:v1").delete()
    collection = api.artifact_collection("dataset", f"{PROJECT}/shared")
    collection.description, collection.tags = "described", ["red"]
    collection.save()
    collection.change_type("pictures")
    api.artifact_collection("pictures", f"{PROJECT}/shared").delete()
    print([item.name for item in api.artifact_types(PROJECT)], api.artifact_exists(f"{PROJECT}/data:v9"))
    registry = api.create_registry("tables", visibility="organization", organization="madang")
    print([item.name for item in api.registries(organization="madang")], registry.artifact_types)
    print([item.name for item in api.registries(organization="madang").versions()])
    registry.delete()


def sweep() -> None:
    """A grid of two, by an agent in this process."""
    found = wandb.sweep({"method": "grid", "parameters": {"x": {"values": [1, 2]}}}, project=PROJECT)
    settings = wandb.Settings(x_disable_meta=True, x_disable_stats=True)

    def train() -> None:
        with wandb.init(settings=settings) as run:
            run.log({"y": run.config["x"]})

    wandb.agent(found, train, project=PROJECT, count=2)
    print(wandb.Api().sweep(f"{PROJECT}/{found}").best_run())


def sync() -> None:
    """A run of a machine without a network, sent later by the command; older clients ask for other things then."""
    settings = wandb.Settings(x_disable_meta=True, x_disable_stats=True)
    run = wandb.init(project=PROJECT, id="offline", mode="offline", settings=settings)
    run.log({"loss": 1})
    run.finish()
    folder = next(str(path) for path in Path("wandb").glob("offline-run-*"))
    subprocess.run([sys.executable, "-m", "wandb", "sync", folder], check=True)


if __name__ == "__main__":
    log()
    read()
    change()
    sync()
    sweep()
