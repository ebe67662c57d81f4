"""Beginning, naming, resuming and sharing runs."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import madang
from madang.backends.segments import LocalSegments
from madang.domain import events
from madang.domain.held import Held, HeldSegment
from madang.errors import Conflict
from madang.formats import store as layout
from madang.formats.held import encode_held
from madang.sdk import seeds
from madang.testing.programs import Place


def test_init_imports_next_to_nothing(tmp_path: Path) -> None:
    """The path of init() in the training process loads none of the modules that cost milliseconds."""
    heavy = "dataclasses typing enum re subprocess pathlib uuid logging tempfile shutil json msgspec threading signal "
    heavy += (
        "hashlib random socket asyncio inspect traceback collections functools contextlib blake3 numpy yaml sqlite3"
    )
    code = f"""
import os, sys
bare = set(sys.modules)
import madang
assert not (set(sys.modules) - bare - {{"madang", "madang.version", "__future__"}}), set(sys.modules) - bare
run = madang.init(dir=sys.argv[1], config={{"lr": 0.1}}, tags=["x"])
run.log({{"a": 1.0, "b": {{"c": "text"}}}})
print(*[name for name in {heavy!r}.split() if name in sys.modules and name not in bare])
os._exit(0)
"""
    env = {**os.environ, "MADANG_FOLLOWER": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_a_run_says_what_it_is(place: Place) -> None:
    """The first events hold project, name, command, folders, time of the process, tags, notes and config."""
    run = madang.init(
        "프로젝트", "첫 실행", {"lr": 0.1, "model": {"depth": 3, "layers": [1, 2]}},
        tags={"team": "비전", "gpu": None}, notes="note", group="g", job_type="train",
    )  # fmt: skip
    run.finish()
    state = place.state()
    assert state.project == "프로젝트"
    (started,) = place.events(events.Started)
    assert (started.name, started.notes, started.group, started.job_type) == ("첫 실행", "note", "g", "train")
    assert started.root == str(place.root)
    assert started.cwd == str(place.root)
    assert started.command == sys.orig_argv
    header = place.events(events.Header)[0]
    assert 0 < started.process_started <= state.created
    assert (header.writer, header.pid, header.host) == ("process", os.getpid(), os.uname().nodename)
    assert {key: value[1][0] for key, value in state.config.items()} == {
        "lr": 0.1,
        "model.depth": 3,
        "model.layers": [1, 2],
    }
    assert {key: value[1][0] for key, value in state.tags.items()} == {"team": "비전", "gpu": ""}


def test_secrets_are_taken_out_before_they_are_written(place: Place) -> None:
    """Config, notes, console and command line hold no secret in the bytes of the segment; the program still sees it."""
    secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789AB"
    out = place.run(
        f"""
import sys, madang
run = madang.init(config={{"api_key": "hunter2hunter2", "url": "https://u:{secret}@h/x"}}, notes="{secret}")
print("using {secret}")
print(run.config.api_key)
run.summary["password"] = "hunter2hunter2"
""",
        "--token", secret,
    )  # fmt: skip
    assert "hunter2hunter2" in out
    (segment,) = place.segments(place.only())
    data = segment.read_bytes()
    assert secret.encode() not in data
    assert b'"hunter2hunter2"' not in data.replace(b'"text":"hunter2hunter2"', b"")


@dataclass
class Options:
    """A config as a dataclass."""

    lr: float = 0.5
    inner: Any = None


@pytest.mark.parametrize(
    "config",
    [{"lr": 0.5, "inner": {"a": 1}}, Namespace(lr=0.5, inner={"a": 1}), Options(inner=Namespace(a=1).__dict__)],
)
def test_config_comes_in_many_shapes(place: Place, config: Any) -> None:
    """Mappings, namespaces and dataclasses become flat keys; reading works by item, attribute and part."""
    with madang.init(config=config) as run:
        assert run.config.lr == run.config["lr"] == 0.5
        assert run.config.inner.a == run.config["inner.a"] == run.config["inner"]["a"] == 1
        run.config.batch = 32
        run.config["inner"]["b"] = 2
        run.config.update({"lr": 0.1}, epochs=3)
        run.log_params({"seed": 1})
        del run.config["inner.a"]
        assert "missing" not in run.config
        with pytest.raises(AttributeError, match="no 'missing'"):
            _ = run.config.missing
        assert dict(run.config) == {"lr": 0.1, "inner.b": 2, "batch": 32, "epochs": 3, "seed": 1}
    state = place.state()
    kept = {key: value[1][0] for key, value in state.config.items() if value[1]}
    assert kept == {"lr": 0.1, "inner.b": 2, "batch": 32, "epochs": 3, "seed": 1}


def test_a_run_id_is_begun_once(place: Place) -> None:
    """A second process with the id conflicts, unless it says that it resumes; `must` needs the run to be there."""
    run = madang.init()
    run.finish()
    code = f"import madang\nmadang.init(id={run.id!r})"
    process = place.start(code)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "exists already" in err
    with pytest.raises(madang.Conflict, match="resume='allow'"):
        madang.init(id=run.id, resume="never")
    with pytest.raises(madang.NotFound, match="There is no run"):
        madang.init(id="0" * 32, resume="must")
    assert not os.path.exists(layout.run_dir(place.store, "0" * 32))
    madang.init(id="0" * 32, resume="allow").finish()


def test_a_resumed_run_goes_on_where_it_was(place: Place) -> None:
    """Steps, config and name go on; the run is open again until the resumed process has ended, and by its outcome."""
    with madang.init("p", "이름", {"lr": 1}) as run:
        run.log({"x": 1}, step=41)
    again = madang.init("other", id=run.id, resume="must", config={"more": 2})
    assert place.status() == "running"
    assert (again.name, dict(again.config), place.state().project) == ("이름", {"lr": 1, "more": 2}, "p")
    again.log({"x": 2})
    again.rewind(10)
    again.log({"x": 3})
    again.finish()
    assert sorted(place.points()) == [("x", 10, 3), ("x", 41, 1), ("x", 42, 2)]
    assert place.status() == "finished"
    assert len(place.events(events.Resumed)) == 1
    assert place.state().scalars["name"][1] == "이름"


def test_a_run_given_up_to_a_hub_does_not_go_on_blindly(place: Place) -> None:
    """Where the last step is known to a hub only, resuming is refused with the command that brings it back."""
    with madang.init() as run:
        run.log({"x": 1}, step=41)
    (segment,) = place.segments(run.id)
    note = Held("p", "n", "finished", 1, 2, [HeldSegment(segment.stem, segment.stat().st_size, "0" * 32, "http://hub")])
    (segment.parent / "held").write_bytes(encode_held(note))
    data = segment.read_bytes()
    segment.unlink()
    with pytest.raises(Conflict, match=f"sync --fetch {run.id} --hub http://hub"):
        madang.init(id=run.id, resume="must")
    assert place.segments(run.id) == []
    segment.write_bytes(data)
    again = madang.init(id=run.id, resume="must")
    assert again.last_step == 41
    again.finish()


def test_a_packed_run_goes_on(place: Place) -> None:
    """A run whose segments were packed after its end goes on where it was."""
    with madang.init(config={"lr": 1}) as run:
        run.log({"x": 1}, step=41)
    assert LocalSegments(place.store).pack(run.id, place.segments(run.id)[0].stem)
    again = madang.init(id=run.id, resume="must")
    assert (again.last_step, dict(again.config)) == (41, {"lr": 1})
    again.finish()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "fast"}, "'fast' is not a mode.*online, offline, disabled"),
        ({"resume": "maybe"}, "'maybe' is not a resume"),
        ({"id": "../../etc"}, "not a run id"),
        ({"id": "A" * 32}, "not a run id"),
        ({"project": "a:b"}, "cannot be the name of a project"),
        ({"project": "x" * 300}, "cannot be the name of a project"),
        ({"config": 3}, "config is a int"),
    ],
)
def test_wrong_arguments_name_themselves(place: Place, given: dict[str, Any], message: str) -> None:
    """Each wrong argument is an InvalidInput that says what would be right."""
    with pytest.raises(madang.InvalidInput, match=message):
        madang.init(**given)
    assert not Path(place.store, "segments").exists() or place.runs() == []


def test_the_environment_gives_defaults(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """MADANG_PROJECT, MADANG_NAME, MADANG_GROUP, MADANG_RUN_ID and MADANG_DIR count where nothing is passed."""
    for name, value in {
        "PROJECT": "p",
        "NAME": "n",
        "GROUP": "g",
        "RUN_ID": "b" * 32,
        "DIR": str(place.root / "내 저장소"),
    }.items():
        monkeypatch.setenv(f"MADANG_{name}", value)
    monkeypatch.setattr("madang.sdk.ranks._taken", 0)
    run = madang.init()
    assert (run.project, run.name, run.id, run.places.store) == ("p", "n", "b" * 32, str(place.root / "내 저장소"))
    other = madang.init()
    assert other.id != run.id, "the id of the environment is for the first run of a process"


def test_projects_have_one_spelling(place: Place) -> None:
    """A project's name is the same in both Unicode forms; without one the work tree names it."""
    assert madang.init(unicodedata.normalize("NFD", "마당")).project == unicodedata.normalize("NFC", "마당")
    assert madang.init().project == "작업 폴더"


def test_disabled_runs_do_nothing(place: Place) -> None:
    """Every call works and writes nothing at all."""
    with madang.init(mode="disabled", config={"lr": 1}) as run:
        run.log({"x": 1})
        run.log_text("t", "x")
        run.log_histogram("h", [1.0, 2.0])
        run.log_artifact(__file__)
        run.set_tags(["a"])
        run.alert("a")
        assert run.config.lr == 1
        assert dict(run.summary) == {}
    assert not Path(place.store).exists()


def test_offline_runs_are_marked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """An offline run has no hub, and a note for the follower; an online one has its address."""
    monkeypatch.setenv("MADANG_HUB", "http://127.0.0.1:1/")
    monkeypatch.setenv("MADANG_SYNC_TIMEOUT", "0")
    offline = madang.init(mode="offline")
    online = madang.init()
    assert (offline.url, online.url) == ("", f"http://127.0.0.1:1/runs/{online.id}")
    assert Path(layout.run_dir(place.store, offline.id), "offline").exists()
    assert Path(layout.run_dir(place.store, online.id), "hub").read_text() == "http://127.0.0.1:1/\n"


def test_a_store_of_a_newer_release_is_left_alone(place: Place) -> None:
    """A store with a higher format is refused with the way out."""
    Path(place.store).mkdir()
    Path(place.store, "format").write_text("madang store 2\n")
    with pytest.raises(madang.Incompatible, match="pip install -U madang"):
        madang.init()


def test_the_store_is_found_from_worktrees_and_without_git(place: Place, tmp_path: Path) -> None:
    """Linked worktrees and folders below share the repository's store; elsewhere the user's data folder is used."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=place.root, check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "옆")], cwd=place.root, check=True)
    below = place.root / "a" / "b"
    below.mkdir(parents=True)
    found = layout.find_store(str(tmp_path / "옆"), {})
    assert (found.root, found.store) == (str(tmp_path / "옆"), place.store)
    assert layout.find_store(str(below), {}).store == place.store
    outside = layout.find_store(str(tmp_path), {"XDG_DATA_HOME": str(tmp_path / "data")})
    assert (outside.root, outside.store) == ("", str(tmp_path / "data" / "madang"))


def test_ranks_of_one_job_are_one_run(place: Place) -> None:
    """Processes with one MADANG_RUN_ID write one run, a segment for each rank; it ends with the worst of them."""
    code = (
        "import os, sys, madang\nrank = int(os.environ['RANK'])\nmadang.init().log({'rank': rank})\nsys.exit(rank == 2)"
    )
    processes = [place.start(code, MADANG_RUN_ID="c" * 32, RANK=str(rank), WORLD_SIZE="4") for rank in range(4)]
    for process in processes:
        process.communicate(timeout=200)
    assert place.only() == "c" * 32
    assert sorted(value for _, _, value in place.points()) == [0, 1, 2, 3]
    assert sorted((header.rank, header.writer) for header in place.events(events.Header)) == [
        (0, "process"), (1, "rank"), (2, "rank"), (3, "rank")
    ]  # fmt: skip
    assert len(place.events(events.Started)) == 1
    assert place.status() == "failed"


def test_ranks_below_torchrun_find_each_other(place: Place) -> None:
    """Without an id of their own, the ranks of one torchrun come to the same run, and to the same next run."""
    code = "import madang\nfor _ in range(2):\n    with madang.init() as run: print(run.id)"
    shared: dict[str, Any] = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    first, second = (place.run(code, RANK=rank, **shared).split() for rank in "01")
    assert first == second
    assert first[0] != first[1]


def test_torchrun_may_start_a_lone_rank_again(place: Place) -> None:
    """A rank that torchrun starts anew after a failure goes on in its run, also when it is the only one."""
    job: dict[str, Any] = {"TORCHELASTIC_RUN_ID": "none", "RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}
    first, second = (place.run("import madang\nwith madang.init() as run: print(run.id)", **job) for _ in "12")
    assert first == second


@pytest.mark.parametrize(
    "wrong",
    [{"project": 3}, {"name": 5}, {"notes": 5}, {"group": b"g"}, {"parent": "zz"}, {"tags": 5}, {"hub": "nonsense"}],
    ids=str,
)
def test_what_is_no_text_is_refused_before_anything_is_written(place: Place, wrong: dict[str, Any]) -> None:
    """A run whose name is a number could not be read back: init() refuses, and leaves no run behind."""
    with pytest.raises(madang.InvalidInput):
        madang.init(**wrong)
    assert not list(Path(place.store).glob("segments/*/*"))


def test_seeding_is_noted_on_the_run(place: Place) -> None:
    """seed_everything() seeds what is loaded, and the run knows, whether it began before or after."""
    import numpy as np

    seeds.used.clear()
    run = madang.init()
    assert madang.seed_everything(7) == 7
    first = np.random.random()
    madang.seed_everything(7)
    assert np.random.random() == first
    assert place.state().scalars["seeds"][1]["numpy"] == 7
    assert place.state().scalars["command"][1] == sys.orig_argv
    run.finish()
    assert place.events(events.Started, madang.init().id)[0].seeds["random"] == 7
    seeds.used.clear()
    with pytest.raises(madang.InvalidInput, match="not a seed"):
        madang.seed_everything(-1)


def test_module_functions_go_to_the_current_run(place: Place) -> None:
    """madang.log() and finish() mean the run begun last; without one they say what to do."""
    with pytest.raises(madang.NotFound, match=r"madang.init\(\) first"):
        madang.log({"x": 1})
    run = madang.init()
    assert madang.current_run() is run
    madang.log({"x": 1})
    madang.finish()
    assert run.status == "finished"
    assert place.points() == [("x", 0, 1)]


def test_metrics_are_defined_and_summed_up(place: Place) -> None:
    """run.summary has last, minimum, maximum, mean or best as defined; values by hand win."""
    with madang.init() as run:
        run.define_metric("loss", goal="min", summary="best", step_metric="epoch", rtol=1e-3)
        run.define_metric("time/*", volatile=True, summary="none")
        run.define_metric("acc", summary="max")
        for loss, acc in ((3.0, 0.1), (1.0, 0.5), (2.0, float("nan"))):
            run.log({"loss": loss, "acc": acc, "last": loss, "time/step": 1.0})
        assert dict(run.summary) == {"loss": 1.0, "acc": 0.5, "last": 2.0}
        run.log({"last": 9})
        run.summary["acc"] = 1
        assert dict(run.summary) == {"loss": 1.0, "acc": 1, "last": 9}
        with pytest.raises(madang.InvalidInput, match="goal='min'"):
            run.define_metric("x", summary="best")
        with pytest.raises(madang.InvalidInput, match="'most' is not a goal"):
            run.define_metric("x", goal="most")  # type: ignore[arg-type]


def test_a_removed_folder_is_no_obstacle(place: Place) -> None:
    """A program whose present folder is gone logs all the same."""
    place.run(
        f"""
import os, madang
os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")
with madang.init("p", dir={place.store!r}) as run: run.log({{"x": 1}})
"""
    )
    assert place.points() == [("x", 0, 1)]
    assert place.status() == "finished"


def test_secrets_in_names(tmp_path: Path) -> None:
    """Every text that a program gives to a run, keys and names included: known shapes of secrets are taken out."""
    token = "ghp_" + "a1B2" * 9
    (tmp_path / "x.bin").write_bytes(b"x")
    run = madang.init(
        project="p", name=f"n {token}", group=token, job_type=token, tags=[token], dir=str(tmp_path / "store"),
        notes=token, config={token: 1, "a": {token: [{token: token}]}},
    )  # fmt: skip
    run.config.update({f"b-{token}": 1})
    del run.config[f"b-{token}"]
    run.log({token: 1, f"{token[:-1]}x": 2, "deep": {token: 3}, "text": token})
    run.log({token: 1.5})
    run.define_metric(token, goal="min", step_metric=token)
    run.summary[token] = token
    del run.summary[token]
    run.set_tags({token: token})
    run.remove_tags(token)
    run.log_params({token: 2})
    run.alert(token, token)
    run.describe(name=token, notes=token, group=token, job_type=token)
    run.log_text(f"t/{token}", "text")
    run.log_histogram(f"h/{token}", [1, 2])
    run.log_artifact(tmp_path / "x.bin", "x", description=token, metadata={token: {token: token}})
    assert run.config[token] == 2
    run.finish()
    found = list(tmp_path.rglob("*.seg*"))
    assert found
    for path in found:
        assert token.encode() not in path.read_bytes()
    points = madang.get_run(run.id, dir=tmp_path / "store").history()
    assert list(points["[redacted]"])[:2] == [1, 1.5]
