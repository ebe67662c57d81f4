"""`madang import wandb`: folders that the real client wrote, and such as no client would write."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.moving.conftest import left_out
from tests.moving.wire import history, items, log, message, run
from tests.wandb.conftest import Client, Hub, hub_at

from madang.cli.main import run as command
from madang.config import HubConfig
from madang.domain import events
from madang.domain.commands import CreateRun
from madang.domain.fidelity import Report
from madang.domain.foreign import Run
from madang.errors import NotFound
from madang.formats.wandb.datastore import TORN
from madang.formats.wandb.ids import run_id
from madang.wiring import Engine, local_user, open_hub, open_store
from madang.workspace.moving.exact import ExactStore
from madang.workspace.moving.importing import Wanted, bring
from madang.workspace.moving.local_target import LocalTarget
from madang.workspace.moving.wandb_folders import RunFolders

SCRIPT = Path(__file__).parent / "stores" / "make_wandb.py"


def carried(folder: Path, store: Path, named: tuple[str, ...] = (), project: str = "", **wanted: Any) -> Report:
    """Import a folder; the report."""
    return into(open_store(store=str(store)), RunFolders(str(folder), named, project), **wanted)


def into(engine: Engine, source: RunFolders, **wanted: Any) -> Report:
    """Import a source into an opened store."""
    try:
        return bring(
            source, LocalTarget(ExactStore(engine, local_user())), Wanted(freely=True, **wanted), lambda _: None
        )
    finally:
        engine.close()


def runs_in(engine: Engine) -> dict[str, Run]:
    """The runs of a store, by W&B's ids."""
    try:
        own = ExactStore(engine, local_user())
        return {found.tags["wandb.id"]: found for item in own.experiments() for found in own.runs(item)}
    finally:
        engine.close()


def held(store: Path) -> dict[str, Run]:
    """The runs of a workspace's store, by W&B's ids."""
    return runs_in(open_store(store=str(store)))


def folder_of(place: Path, records: list[bytes], name: str = "offline-run-20260101_000000-r1", id: str = "r1") -> Path:
    """A folder of a run with a log of these records."""
    folder = place / "wandb" / name
    (folder / "files").mkdir(parents=True, exist_ok=True)
    (folder / f"run-{id}.wandb").write_bytes(log(records))
    return folder


@pytest.mark.parametrize("version", ["0.19", "0.31"])
def test_what_the_client_kept(tmp_path: Path, unpacked: Callable[[str], Path], version: str) -> None:
    """Of clients a year apart everything comes, typed as it was logged, and a second import brings nothing."""
    folder = unpacked(f"wandb-{version}") / "wandb"
    report = carried(folder, tmp_path / "store")
    assert report.new["runs"] == 1
    gone = [line for line in left_out(report) if "artifacts first run: " not in line]
    assert gone == [], "files of artifacts are not in the archive; all else is"
    assert all(report.is_same(kind) for kind in report.kinds if "artifact" not in kind)
    (found,) = held(tmp_path / "store").values()
    assert (found.id, found.name, found.status) == (run_id("vision", "abc123"), "first run", "failed")
    assert (found.notes, found.group, found.job_type, found.details.exit_code) == ("수도 notes", "g1", "train", 3)
    assert [key for key, text in found.tags.items() if not text] == ["a", "b c"]
    assert found.params == {
        "lr": 0.1, "layers": [1, 2, 3], "opt.name": "adam", "opt.deep.x": 1, "n": None, "flag": True, "big": 2**60,
        "late": "yes",
    }  # fmt: skip
    assert [point[2] for point in found.metrics["loss"]] == [1 / (step + 1) for step in range(20)]
    assert {point[2] for point in found.metrics["inf"]} == {math.inf}
    assert found.metrics["nested.b.c"][0][2] == "text"
    assert [point[0] for point in found.metrics["jump"]] == [40]
    assert found.metrics["hist"][0][2] == {
        "media": "histogram",
        "_type": "histogram",
        "values": [1, 2],
        "bins": [0, 1, 2],
    }
    kinds = {key: found.metrics[key][0][2]["media"] for key in ("html", "img", "tab")}
    assert kinds == {"html": "html", "img": "image", "tab": "table"}
    paths = {file.path for file in found.files}
    assert {found.metrics[key][0][2]["path"] for key in ("html", "img", "tab")} | {"plain.txt"} <= paths
    assert any(key.startswith("system/") for key in found.metrics) is (version == "0.31"), "0.19 waits 10 s for them"
    definitions = found.details.definitions
    assert (definitions["loss"].summary, definitions["val/*"].step_metric) == ("min", "epoch")
    assert found.details.summary["loss.min"] == 0.05
    assert found.details.summary["best"] == 0.77
    told = [(line.stream, line.text) for line in found.details.console]
    assert told == [("out", "hello out"), ("err", "hello err"), ("out", "progress 2")]
    assert [(item.title, item.level) for item in found.details.alerts] == [("Careful", "warn")]
    assert found.details.environment is not None
    assert found.details.environment.packages
    assert found.details.environment.python == "3.11.7"
    assert (found.user, found.details.command) == ("root", ["/tmp/w/make.py"])
    again = carried(folder, tmp_path / "store")
    assert again.new == {}
    assert held(tmp_path / "store") == {"abc123": found}


def test_another_trial_writes_nothing(tmp_path: Path, unpacked: Callable[[str], Path]) -> None:
    """What would come is counted, and nothing is made."""
    report = carried(unpacked("wandb-0.31"), tmp_path / "store", dry=True)
    assert (report.new["runs"], report.new["artifacts"]) == (1, 2)
    assert held(tmp_path / "store") == {}


def test_an_id_that_somebody_has_taken(tmp_path: Path, unpacked: Callable[[str], Path]) -> None:
    """Its run comes whole under another id, which is told; again and again it is that one."""
    folder, store = unpacked("wandb-0.31") / "wandb", tmp_path / "store"
    usual = run_id("vision", "abc123")
    engine = open_store(store=str(store))
    taken = CreateRun(id=usual, facts=[events.Tags({"wandb.id": "another"})])
    engine.tracking.create(local_user(), "elsewhere", taken)
    engine.close()
    report = carried(folder, store)
    assert all(report.is_same(kind) for kind in report.kinds if "artifact" not in kind)
    (told,) = [item.reason for item in report.changed if item.kind == "runs"]
    assert told.startswith(f"a run of another project has its id {usual} here: it has the id ")
    found = held(store)["abc123"]
    assert told.endswith(found.id)
    assert found.metrics
    assert found.files
    assert carried(folder, store).new == {}
    assert held(store)["abc123"] == found
    assert held(store)["another"].metrics == {}


@pytest.fixture
def hub_here(tmp_path: Path) -> Iterator[Hub]:
    """A hub that is begun and ended by the test."""
    made = hub_at(tmp_path)
    yield made
    made.kill()


def test_an_import_and_a_sync_meet(tmp_path: Path, hub_here: Hub) -> None:
    """What the client sends of an imported run is that run: nothing is there twice, artifacts and links come whole."""
    client = Client(hub_here, tmp_path)
    place = tmp_path / "place"
    client(SCRIPT.read_text(encoding="utf-8"), folder=place, code=0, WANDB_ENTITY="")
    config = HubConfig(store=str(hub_here.store))
    report = into(open_hub(config), RunFolders(str(place)))
    assert report.ok, left_out(report)
    before = runs_in(open_hub(config))["abc123"]
    assert {"plain.txt"} <= {file.path for file in before.files}
    hub_here.start()
    (offline,) = (place / "wandb").glob("offline-run-*")
    client.program("sync", str(offline), folder=tmp_path / "other")
    said = 'query { project(name: "vision") { runs { edges { node { name summaryMetrics config } } } } }'
    (edge,) = hub_here.ask(said)["project"]["runs"]["edges"]
    assert edge["node"]["name"] == "abc123"
    assert json.loads(edge["node"]["summaryMetrics"])["loss"] == {"min": 0.05}
    assert json.loads(edge["node"]["config"])["opt"]["value"] == {"name": "adam", "deep": {"x": 1}}
    hub_here.kill()
    after = runs_in(open_hub(config))["abc123"]
    assert {key: len(points) for key, points in after.metrics.items() if points != before.metrics[key]} == {}
    assert after.params == before.params
    assert after.details.summary == before.details.summary
    assert [line.text for line in after.details.console] == [line.text for line in before.details.console]
    engine = open_hub(config)
    versions = {item.ref: item.type for item in engine.artifacts.versions(local_user(), "vision", "ds")}
    engine.close()
    assert versions == {"ds:v0": "dataset"}
    again = into(open_hub(config), RunFolders(str(place)))
    assert again.ok, left_out(again)
    assert "points" not in again.new
    assert into(open_hub(config), RunFolders(str(place))).new == {}


def test_a_killed_run(tmp_path: Path) -> None:
    """Of a log without an end the beginning comes, the run has crashed, and the loss is told; later all of it comes."""
    lines = [history({"loss": float(step)}, step) for step in range(50)]
    records = [run("r1"), *lines, message({18: {1: 0}})]
    folder = folder_of(tmp_path, records)
    whole = (folder / "run-r1.wandb").read_bytes()
    (folder / "run-r1.wandb").write_bytes(whole[: len(whole) // 2])
    report = carried(tmp_path, tmp_path / "store")
    assert not report.ok
    assert left_out(report) == [f"records {folder.name}: {TORN}"]
    found = held(tmp_path / "store")["r1"]
    assert found.status == "crashed"
    assert 0 < len(found.metrics["loss"]) < 50
    (folder / "run-r1.wandb").write_bytes(whole)
    report = carried(tmp_path, tmp_path / "store")
    assert report.ok, left_out(report)
    found = held(tmp_path / "store")["r1"]
    assert (found.status, len(found.metrics["loss"])) == ("finished", 50)


def test_a_copy_of_the_middle(tmp_path: Path) -> None:
    """A copy that was taken before the end takes nothing back from the run that has come whole."""
    lines = [history({"loss": float(step)}, step) for step in range(50)]
    early, late = (message({3: {1: items({"best": best})}}) for best in (9.0, 0.5))
    name = "offline-run-20260101_000000-r1"
    whole = folder_of(tmp_path, [run("r1"), early, *lines, late, message({18: {1: 0}})], name)
    assert carried(tmp_path, tmp_path / "store").ok
    before = held(tmp_path / "store")["r1"]
    assert before.details.summary["best"] == 0.5
    (whole / "run-r1.wandb").write_bytes(log([run("r1"), early, *lines[:20]]))
    report = carried(tmp_path, tmp_path / "store")
    assert "points" not in report.new
    assert [item for item in report.changed if "crashed" in item.reason] == []
    after = held(tmp_path / "store")["r1"]
    assert (after.status, after.ended_at) == (before.status, before.ended_at) == ("finished", before.ended_at)
    assert (after.details.summary, len(after.metrics["loss"])) == (before.details.summary, 50)
    more = history({"loss": 7.0}, 60)
    (whole / "run-r1.wandb").write_bytes(log([run("r1"), early, *lines, more]))
    carried(tmp_path, tmp_path / "store")
    assert held(tmp_path / "store")["r1"].status == "crashed", "it has gone on, and broken off"


def test_folders_of_one_run_are_one_run(tmp_path: Path) -> None:
    """A resumed run goes on, a rewound one forgets what lay behind, and a copy of a folder counts once."""
    first = [
        run("r1", {4: {1: items({"a": 1})}}),
        *(history({"x": step}, step) for step in range(4)),
        message({18: {1: 1}}),
    ]
    folder_of(tmp_path, first)
    folder_of(tmp_path, first, name="offline-run-20260101_000000-r1 (copy)")
    more = [
        run("r1", {17: {1: 1_700_000_100}, 18: 1}),
        message({5: {1: items({"a": 2})}}),
        history({"x": 40}, 4),
        message({18: {1: 0}}),
    ]
    folder_of(tmp_path, more, name="offline-run-20260101_000140-r1")
    assert carried(tmp_path / "wandb", tmp_path / "store").ok
    found = held(tmp_path / "store")["r1"]
    assert [point[2] for point in found.metrics["x"]] == [0, 1, 2, 3, 40]
    assert (found.params, found.status) == ({"a": 2}, "finished")
    rewound = [
        run("r1", {17: {1: 1_700_000_200}, 23: {1: "r1", 2: 1.0, 3: "_step"}}),
        history({"x": 9}, 2),
    ]
    folder_of(tmp_path, rewound, name="run-20260101_000320-r1")
    carried(tmp_path / "wandb", tmp_path / "anew")
    assert [point[2] for point in held(tmp_path / "anew")["r1"].metrics["x"]] == [0, 1, 9]


def test_what_changes_between_two_imports(tmp_path: Path) -> None:
    """The newest config, tags and notes win; the run stays one."""
    folder_of(tmp_path, [run("r1", {9: "old", 4: {1: items({"lr": 1, "gone": {"deep": 1}})}})])
    carried(tmp_path, tmp_path / "store")
    folder_of(tmp_path, [run("r1", {9: "new", 10: ["t"], 4: {1: items({"lr": 2.5})}}), message({18: {1: 0}})])
    assert carried(tmp_path, tmp_path / "store").ok
    found = held(tmp_path / "store")["r1"]
    assert (found.params["lr"], found.notes, found.status, found.tags["t"]) == (2.5, "new", "finished", "")


@pytest.mark.parametrize("text", ["[]", "{", '{"cpu": "x", "memory": 5, "gpu_nvidia": [1], "args": {}, "git": 3}'])
def test_metadata_of_any_kind(tmp_path: Path, text: str) -> None:
    """A file with metadata that is no such thing costs what it says, and no more."""
    folder = folder_of(tmp_path, [run("r1"), message({18: {1: 0}})])
    (folder / "files" / "wandb-metadata.json").write_text(text, encoding="utf-8")
    carried(tmp_path, tmp_path / "store")
    assert held(tmp_path / "store")["r1"].status == "finished"


def test_projects_and_entities(tmp_path: Path) -> None:
    """A run's entity is before its project; without a project it is uncategorized; a project of ours may be named."""
    folder_of(tmp_path, [run("a1", {2: "team"})], name="offline-run-1-a1", id="a1")
    folder_of(tmp_path, [run("a2", project="")], name="offline-run-2-a2", id="a2")
    names = [item.name for item in RunFolders(str(tmp_path)).experiments()]
    assert names == ["team/demo", "uncategorized"]
    assert [item.name for item in RunFolders(str(tmp_path), project="mine").experiments()] == ["mine"]
    one = RunFolders(str(tmp_path / "wandb" / "offline-run-1-a1"))
    assert [item.name for item in one.experiments()] == ["team/demo"]
    with pytest.raises(NotFound):
        RunFolders(str(tmp_path / "store"))


def artifact(entries: list[dict[int, Any]], digest: str = "") -> bytes:
    """The record of an artifact."""
    lines = "".join(f"{entry[1]}:{entry[2]}\n" for entry in sorted(entries, key=lambda entry: str(entry[1])))
    made = hashlib.md5(f"wandb-artifact-manifest-v1\n{lines}".encode()).hexdigest()
    return message({8: {4: "dataset", 5: "ds", 6: digest or made, 11: "latest", 12: {1: 1, 4: entries}, 15: "c" * 128}})


def md5_of(data: bytes) -> str:
    """An MD5 as a manifest has it."""
    return base64.b64encode(hashlib.md5(data).digest()).decode()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({1: "../../evil", 2: md5_of(b"x"), 4: 1, 6: "x.bin"}, "not a path inside a tree"),
        ({1: "a", 2: md5_of(b"other"), 4: 6, 6: "secret"}, "has digest|digest|MD5|md5"),
        ({1: "a", 2: md5_of(b"x"), 4: 1, 6: "pipe"}, "no regular file"),
        ({1: "a", 2: md5_of(b"x"), 4: 1, 6: "gone"}, "No such file"),
        ({1: "a", 2: "no digest", 4: 1, 6: "x.bin"}, "no MD5"),
        ({1: "a", 2: md5_of(b"x"), 4: 1, 6: "/dev/zero"}, "no regular file"),
    ],
)
def test_artifacts_that_lie(tmp_path: Path, entry: dict[int, Any], reason: str) -> None:
    """A manifest that names other paths, other bytes or none makes no version; the run comes, and why is told."""
    (tmp_path / "x.bin").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"secret")
    os.mkfifo(tmp_path / "pipe")
    folder_of(tmp_path, [run("r1"), artifact([entry]), message({18: {1: 0}})])
    report = carried(tmp_path, tmp_path / "store")
    (told,) = [line for line in left_out(report) if line.startswith("artifacts")]
    assert any(part in told for part in reason.split("|")), told
    assert held(tmp_path / "store")["r1"].status == "finished"
    assert not (tmp_path / "evil").exists()


def test_files_that_lead_away(tmp_path: Path) -> None:
    """A link out of the place of the program is followed only to a folder that is named; a pipe never."""
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "model.pt").write_bytes(b"weights")
    here = tmp_path / "here"
    folder = folder_of(here, [run("r1"), message({18: {1: 0}})])
    (here / "near.txt").write_text("near", encoding="utf-8")
    (folder / "files" / "near.txt").symlink_to(here / "near.txt")
    (folder / "files" / "model.pt").symlink_to(tmp_path / "away" / "model.pt")
    (folder / "files" / "deep").symlink_to(tmp_path / "away")
    os.mkfifo(folder / "files" / "pipe")
    report = carried(here, tmp_path / "store")
    assert [file.path for file in held(tmp_path / "store")["r1"].files] == ["near.txt"]
    told = "\n".join(left_out(report))
    assert "--artifacts DIR" in told
    assert "no regular file" in told
    carried(here, tmp_path / "store", named=(str(tmp_path / "away"),))
    assert [file.path for file in held(tmp_path / "store")["r1"].files] == ["model.pt", "near.txt"]


def test_bad_logs_beside_a_good_one(tmp_path: Path) -> None:
    """Empty, foreign and headless logs are named; the runs beside them come."""
    folder_of(tmp_path, [run("r1"), message({18: {1: 0}})])
    for number, data in enumerate([b"", b"not a log", log([history({"x": 1}, 0)])]):
        folder = tmp_path / "wandb" / f"run-2-b{number}"
        folder.mkdir()
        (folder / f"run-b{number}.wandb").write_bytes(data)
    (tmp_path / "wandb" / "offline-run-3-x").mkdir()
    report = carried(tmp_path, tmp_path / "store")
    assert sorted(held(tmp_path / "store")) == ["b2", "r1"]
    told = "\n".join(left_out(report))
    assert "run-2-b0: The file is empty" in told
    assert "run-2-b1: It is no file of a W&B run" in told
    assert "run-2-b2: its log does not tell its project" in told


def test_the_command(
    tmp_path: Path, unpacked: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it is typed: the report as JSON, exit code 1 for what is missing, and a project of one's own."""
    monkeypatch.setenv("MADANG_DIR", str(tmp_path / "here"))
    monkeypatch.delenv("MADANG_HUB", raising=False)
    folder = unpacked("wandb-0.31")
    assert command(["import", "wandb", str(folder / "wandb"), "--project", "mine", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["new"]["runs"] == 1
    assert {item["kind"] for item in told["left_out"]} == {"artifacts"}
    assert command(["import", "wandb", str(folder / "wandb"), "--no-files"]) == 0
    assert "DIFFERS" not in capsys.readouterr().out
    assert command(["import", "wandb", str(tmp_path)]) == 1
    assert "no runs of W&B" in capsys.readouterr().err
