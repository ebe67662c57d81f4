"""`wandb.Api()` of the real client: runs by filters, their history, files and console, changes, projects."""

from __future__ import annotations

from typing import Any

import pytest
import urllib3
from tests.wandb.conftest import KEY, Client, Hub

LOGGED = """
import wandb, json, pathlib
for number, (lr, kind) in enumerate([(0.1, "adam"), (0.01, "sgd"), (0.5, "adam")]):
    tags, config = ["odd"] if number % 2 else ["even", "다"], {"lr": lr, "model": {"kind": kind}, "deep": True}
    about = {"name": f"name-{number}", "tags": tags, "group": f"g{number // 2}", "job_type": "train", "config": config}
    with wandb.init(project="api", id=f"run{number}", **about) as run:
        for step in range(20 * (number + 1)):
            run.log({"loss": 1 / (step + 1) + number, "acc": step, **({"rare": step} if step % 5 == 0 else {})})
        print("line of", number)
        pathlib.Path("saved.txt").write_text(f"contents {number}")
        run.save("saved.txt")
        run.summary["best"] = number * 10
"""


@pytest.fixture(scope="module")
def logged(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Three runs of the client and one of another in the project `api`."""
    client = Client(hub, tmp_path_factory.mktemp("logged"))
    client(LOGGED)
    headers = urllib3.make_headers(basic_auth=f"api:{KEY}")

    def native(path: str, body: Any) -> Any:
        answer = urllib3.request(
            "POST", f"{hub.address}/api/v1/{path}", json=body, headers=headers, retries=False, timeout=200
        )
        assert answer.status < 300, answer.data
        return answer.json()

    made = native("projects/api/runs", {"name": "ours", "config": {"lr": 0.2}, "tags": {"even": "", "key": "text"}})
    for step in range(3):
        native(f"runs/{made['id']}/log", {"metrics": {"loss": 9.0 - step, "val/f1": step}, "step": step})
    native(f"runs/{made['id']}/log", {"console": ["ours says"], "finish": "failed"})
    return client


FILTERS = """
import wandb, json
api = wandb.Api()
found = {}
for name, filters in {
    "all": {}, "state": {"state": "finished"}, "config": {"config.lr": {"$lt": 0.3}}, "value": {"config.lr.value": 0.1},
    "nested": {"config.model.value.kind": "adam"}, "other": {"config.model.kind": {"$ne": "adam"}},
    "summary": {"summary_metrics.loss": {"$gte": 2}}, "hand": {"summary_metrics.best": 10},
    "or": {"$or": [{"group": "g1"}, {"config.lr": 0.1}]}, "tags": {"tags": "even"},
    "tags_in": {"tags": {"$in": ["odd", "x"]}}, "not_tags": {"tags": {"$nin": ["odd"]}},
    "regex": {"display_name": {"$regex": "^name-[01]$"}}, "name": {"name": {"$in": ["run1", "nothing"]}},
    "not": {"$not": {"jobType": "train"}}, "nor": {"$nor": [{"group": "g0"}, {"state": "failed"}]},
    "exists": {"config.deep": {"$exists": True}}, "missing": {"config.deep": None}, "unknown": {"nothing.at_all": 1},
    "created": {"$and": [{"created_at": {"$gt": "2020-01-01T##", "$lt": "2120-01-01"}}]}, "bool": {"config.deep": True},
    "step": {"summary_metrics._step": {"$gte": 39}}, "time": {"summary_metrics._timestamp": {"$gt": 1e9, "$lt": 1e11}},
    "keys": {"keys_info.keys.rare": {"$exists": True}}, "user": {"username": {"$exists": False}},
}.items():
    found[name] = sorted(run.name for run in api.runs("madang/api", filters=filters, per_page=2))
asked = ("+created_at", "-created_at", "-summary_metrics.loss", "+config.lr.value", "-config.lr", "display_name",
         "-summary_metrics._step")
orders = {order: [run.name for run in api.runs("madang/api", order=order, per_page=3)] for order in asked}
runs = api.runs("madang/api", per_page=3)
print(json.dumps({"found": found, "orders": orders, "count": [len(runs), len(list(runs))]}))
"""


def test_runs_are_found_and_ordered(logged: Client) -> None:
    """MongoDB's operators over states, tags, config, summary and names; orders; pages; the count of all pages."""
    told = logged(FILTERS)
    ours, names = "ours", ["name-0", "name-1", "name-2"]
    assert told["found"] == {
        "all": [*names, ours], "state": names, "config": ["name-0", "name-1", ours], "value": ["name-0"],
        "nested": ["name-0", "name-2"], "other": ["name-1", ours], "summary": ["name-2", ours], "hand": ["name-1"],
        "or": ["name-0", "name-2"], "tags": ["name-0", "name-2", ours], "tags_in": ["name-1"],
        "not_tags": ["name-0", "name-2", ours], "regex": ["name-0", "name-1"], "name": ["name-1"], "not": [ours],
        "nor": ["name-2"], "exists": names, "missing": [ours], "unknown": [], "created": [*names, ours], "bool": names,
        "keys": names, "user": [], "step": ["name-1", "name-2"], "time": names,
    }  # fmt: skip
    assert told["orders"] == {
        "+created_at": [*names, ours], "-created_at": [ours, *names[::-1]],
        "-summary_metrics.loss": [ours, "name-2", "name-1", "name-0"],
        "+config.lr.value": ["name-1", "name-0", ours, "name-2"], "-config.lr": ["name-2", ours, "name-0", "name-1"],
        "display_name": [*names, ours], "-summary_metrics._step": [*names[::-1], ours],
    }  # fmt: skip
    assert told["count"] == [4, 4]


READ = """
import wandb, json
api = wandb.Api()
run = api.run("madang/api/run2")
frame = run.history(samples=7)
other = next(iter(api.runs("madang/api", {"display_name": "ours"})))
full = list(api.runs("madang/api", lazy=False))
saved = run.file("saved.txt")
saved.download("there", replace=True)
print(json.dumps({
    "all": [len(list(run.scan_history())), [row["_step"] for row in run.scan_history(min_step=3, max_step=6)]],
    "page": [row["acc"] for row in run.scan_history(page_size=7)],
    "keys": [row for row in run.scan_history(keys=["acc", "rare"])],
    "frame": [list(frame["_step"]), sorted(frame.columns)],
    "sampled": run.history(keys=["rare", "acc"], samples=3, pandas=False),
    "last": run.lastHistoryStep, "types": run.history_keys["keys"]["loss"]["typeCounts"],
    "ours": [other.state, other.config, other.summary._json_dict["loss"], other.tags,
             [row["loss"] for row in other.scan_history()], [line.content for line in other.console_logs()]],
    "full": {item.name: [item.config.get("lr"), item.summary["loss"]] for item in full},
    "console": [[line.number, line.content, line.level] for line in run.console_logs()],
    "tail": [line.content for line in run.console_logs(last=1)],
    "files": sorted(item.name for item in run.files()), "like": [item.name for item in run.files(pattern="sav%")],
    "saved": [open("there/saved.txt").read(), saved.size, saved.mimetype], "paged": len([*run.files(per_page=2)]),
}))
"""


def test_a_run_is_read(logged: Client) -> None:
    """History whole, in pages, by keys and thinned; console; files; also of a run that another client has made."""
    told = logged(READ)
    assert told["all"] == [60, [3, 4, 5]]
    assert told["page"] == list(range(60))
    assert [(row["_step"], row["acc"], row["rare"]) for row in told["keys"]] == [(n, n, n) for n in range(0, 60, 5)]
    steps, columns = told["frame"]
    assert (len(steps), steps[0], steps[-1]) == (7, 0, 59)
    assert columns == ["_runtime", "_step", "_timestamp", "acc", "loss", "rare"]
    assert [row["_step"] for row in told["sampled"]] == [0, 25, 55]
    assert (told["last"], told["types"]) == (59, [{"type": "number", "count": 60}])
    state, config, loss, tags, losses, console = told["ours"]
    assert (state, config, loss, tags) == ("failed", {"lr": 0.2}, 7.0, ["even"])
    assert (losses, console) == ([9.0, 8.0, 7.0], ["ours says"])
    assert told["full"]["ours"] == [0.2, 7.0]
    assert told["full"]["name-2"] == [0.5, 1 / 60 + 2]
    assert told["console"] == [[0, "line of 2", ""]]
    assert told["tail"] == ["line of 2"]
    assert {"saved.txt", "config.yaml", "wandb-summary.json", "wandb-metadata.json"} <= set(told["files"])
    assert (told["like"], told["saved"]) == (["saved.txt"], ["contents 2", 10, "text/plain"])
    assert told["paged"] == len(told["files"])


CHANGED = """
import wandb, json, pathlib
api = wandb.Api()
api.create_project("made", "madang")
run = api.create_run(project="made", entity="madang", run_id="fresh")
run = api.run("madang/made/fresh")
run.name, run.notes, run.tags = "named", "noted", ["a", "b"]
run.config["k"] = {"x": 1}
run.summary["score"] = 0.5
run.update()
run.summary.update({"more": {"z": 2}})
pathlib.Path("up.txt").write_text("sent")
sent = run.upload_file("up.txt")
api = wandb.Api()
run = api.run("madang/made/fresh")
summary = {key: run.summary._json_dict[key] for key in ("score", "more")}
told = [run.name, run.notes, sorted(run.tags), run.config, summary, sent.name, sent.size]
run.tags.remove("a")
run.update()
run.file("up.txt").delete()
again = wandb.Api().run("madang/made/fresh")
told += [again.tags, [item.name for item in again.files()]]
again.delete()
try:
    wandb.Api().run("madang/made/fresh")
except Exception as error:
    told.append(type(error).__name__)
told.append(sorted(project.name for project in api.projects("madang")))
told += [api.project("made", "madang").entity, len(api.runs("madang/made"))]
try:
    list(api.runs("madang/nowhere"))
except ValueError as error:
    told.append(str(error))
print(json.dumps(told))
"""


def test_runs_and_projects_are_made_and_changed(logged: Client) -> None:
    """Name, notes, tags, config and summary are written back; files are sent and deleted; a deleted run is gone."""
    told = logged(CHANGED)
    assert told[:7] == [
        "named", "noted", ["a", "b"], {"k": {"x": 1}}, {"score": 0.5, "more": {"z": 2}}, "up.txt", 4,
    ]  # fmt: skip
    assert told[7:9] == [["b"], []]
    assert told[9] in ("CommError", "ValueError", "RunNotFoundError")
    assert {"api", "made"} <= set(told[10])
    assert told[11:13] == ["madang", 0]
    assert "Could not find project nowhere" in told[13]


TABLES = """
import json, sys
sys.modules["wandb"] = None
import madang
runs = madang.runs("api", filter="tags.even is not null", order_by="created_at asc")
points = madang.history(runs, ["loss", "acc"])
print(json.dumps({
    "names": list(runs["name"]), "lr": list(runs["params.lr"]), "kind": list(runs["params.model.kind"].fillna("")),
    "best": list(runs["metrics.best"].fillna(-1)), "id": list(runs["tags.wandb.id"].fillna("")),
    "own": [name for name in runs.columns if "_runtime" in name or "wandb.config" in name],
    "count": list(points.groupby("run", sort=False).size()), "loss": points["loss"].iloc[-1],
    "columns": list(points.columns), "tail": madang.get_run("run2").history("acc")["acc"].iloc[-1].item(),
}))
"""


JUNK = [
    ("project(name:$p){runs(filters:$x){totalCount}}", "[1"), ("project(name:$p){runs(after:$x){totalCount}}", "%%%"),
    ("project(name:$p){runCount(filters:$x)}", '{"tags":{"$in":5}}'), ("view(id:$x){id}", "x"), ("view(id:$x){id}", ""),
    ("project(name:$p){run(name:$r){sampledHistory(specs:[$x])}}", "{"),
    ("project(name:$p){run(name:$r){logLines(after:$x){edges{cursor}}}}", "-1"),
    ("project(name:$p){run(name:$r){files(after:$x){totalCount}}}", "bm8="),
    ("project(name:$p){allViews(after:$x){edges{cursor}}}", "\0"),
]  # fmt: skip
FINE = [
    ("project(name:$p){run(name:$r){history(minStep:-9,maxStep:-3)}}", ""),
    ("project(name:$p){run(name:$r){history(samples:-4)}}", ""),
    ("project(name:$p){run(name:$r){sampledHistory(specs:[$x,$x])}}", "[]"),
    ("project(name:$p){run(name:$r){logLines(first:-1,last:-2){edges{cursor}}}}", ""),
    ("project(name:$p){run(name:$r){files(first:-2,pattern:$x){totalCount}}}", "(%_["),
    ("project(name:$p){runs(first:-1,order:$x){totalCount}}", "+++,-,config.,\0"),
    ("project(name:$x){id}", "../..\0"), ("project(name:$p,entityName:$x){id}", "a/b/c"), ("project{id}", ""),
    ("models(entityName:$x,first:1){edges{node{id}}}", "☃"), ("users(query:$x){edges{node{id}}}", "x"),
]  # fmt: skip


@pytest.mark.parametrize("is_wrong", [True, False])
def test_odd_requests_do_no_harm(logged: Client, hub: Hub, is_wrong: bool) -> None:
    """What makes no sense is told in words, or means nothing; none of it is a defect of the server."""
    for selection, text in JUNK if is_wrong else FINE:
        kinds = {"$x": "JSONString" if "filters" in selection or "specs" in selection else "String", "$r": "String!"}
        kinds |= {"$p": "String", "$x": "ID!"} if selection.startswith("view") else {"$p": "String"}
        kinds["$x"] += "!" if "specs" in selection else ""
        used = ",".join(f"{name}:{kind}" for name, kind in kinds.items() if name in selection)
        document = f"query({used}){{{selection}}}" if used else f"{{{selection}}}"
        values = {"p": "api", "r": "run0", "x": text}
        status, body = hub.post("/graphql", {"query": document, "variables": values})
        assert (status, "errors" in body) == (200, is_wrong), (document, body)
        assert "defect" not in str(body)


def test_tables_are_had_without_the_client(logged: Client, hub: Hub) -> None:
    """`madang.runs()` and `madang.history()` give frames of runs of the client where it is not installed."""
    assert logged(TABLES, MADANG_HUB=hub.address) == {
        "names": ["name-0", "name-2", "ours"], "lr": [0.1, 0.5, 0.2], "kind": ["adam", "adam", ""],
        "best": [0, 20, -1], "id": ["run0", "run2", ""], "own": [], "count": [20, 60, 3], "loss": 7.0,
        "columns": ["run", "step", "loss", "acc"], "tail": 59,
    }  # fmt: skip
