"""What `record_wandb.py` has a client of W&B do: a little of everything that it can ask of a server."""

from __future__ import annotations

import sys

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


def sweep() -> None:
    """A grid of two, by an agent in this process."""
    found = wandb.sweep({"method": "grid", "parameters": {"x": {"values": [1, 2]}}}, project=PROJECT)
    settings = wandb.Settings(x_disable_meta=True, x_disable_stats=True)

    def train() -> None:
        with wandb.init(settings=settings) as run:
            run.log({"y": run.config["x"]})

    wandb.agent(found, train, project=PROJECT, count=2)
    print(wandb.Api().sweep(f"{PROJECT}/{found}").best_run())


if __name__ == "__main__":
    log()
    read()
    sweep()
