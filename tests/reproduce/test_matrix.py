"""`madang reproduce` on real repositories: each way in which a run is, or is not, the same again."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from madang.testing.patience import wait_for
from madang.testing.project import PROGRAM, Project

TRAIN = """\
import json, os, sys
seed = int(sys.argv[1])
rows = open("data.txt").read().split()
json.dump({"loss": len(rows) + seed * SCALE, "time": 1.0}, open("metrics.json", "w"))
open("model.bin", "w").write(f"{seed} {rows}")
"""
IGNORED = "metrics.json\nmodel.bin\n__pycache__/\n"


def _reproduce(project: Project, run: str, *options: str, ok: int | None = 0, **env: str) -> Any:
    found = project.madang("reproduce", run, "--json", *options, ok=ok, **env).json
    assert {"verdict", "first_difference", "missing", "run"} <= found.keys()
    assert "reproduce" not in project.git("worktree", "list").replace(str(project.root.parent), "")
    return found


def _train(project: Project, scale: str = "1.0", **files: str) -> str:
    project.commit(
        {"train.py": TRAIN.replace("SCALE", scale), "data.txt": "1 2 3", ".gitignore": IGNORED, **files},
    )
    return project.run("--out", "model.bin", "--", "python", "train.py", "7")


def test_identical(project: Project) -> None:
    """The same code, data and seed give IDENTICAL, told on a new run that is linked to the first."""
    run = _train(project)
    project.commit({"train.py": "raise SystemExit('the work tree has moved on')", "data.txt": "9"})
    found = _reproduce(project, run)
    assert found["verdict"] == "IDENTICAL"
    assert found["first_difference"] is None
    assert found["missing"] == []
    again = project.madang("runs", "show", found["run"], "--json").json
    assert again["status"] == "finished"
    assert again["verdict"]["of"] == run
    assert again["verdict"]["verdict"] == "IDENTICAL"
    assert again["tags"]["madang.reproduces"] == run
    assert again["versions"] == []  # a repetition moves no `latest`
    assert (project.root / "train.py").read_text().startswith("raise")
    assert not any((project.store / "reproduce").iterdir())
    said = project.madang("reproduce", run)
    assert said.out.startswith("IDENTICAL\n")
    assert "compared: 2 metrics" in said.out


def test_uncommitted_code(project: Project) -> None:
    """Uncommitted changes and untracked source files are part of the record and come back."""
    project.commit({"train.py": TRAIN.replace("SCALE", "1.0"), "data.txt": "1 2", ".gitignore": IGNORED})
    project.write({"train.py": TRAIN.replace("SCALE", "helper.SCALE").replace("import json", "import helper, json")})
    project.write({"helper.py": "SCALE = 2.5\n"})
    run = project.run("--out", "model.bin", "--", "python", "train.py", "7")
    project.git("checkout", "-q", ".")
    (project.root / "helper.py").unlink()
    found = _reproduce(project, run)
    assert found["verdict"] == "IDENTICAL"
    value = project.madang("runs", "show", found["run"], "--json").json["metrics"]["loss"]["last"]
    assert value == 2 + 7 * 2.5


def test_within_tolerance(project: Project) -> None:
    """Numbers that differ by less than 1e-6 are within tolerance, and the first of them is named."""
    run = _train(project, "(1 + 1e-9 * bool(os.environ.get('MADANG_REPRODUCES')))")
    found = _reproduce(project, run)
    assert found["verdict"] == "WITHIN TOLERANCE"
    assert found["first_difference"]["key"] == "loss"


def test_nondeterministic(project: Project) -> None:
    """An operation that gives another number each time differs, first where it is first seen."""
    run = _train(project, "int.from_bytes(os.urandom(4))")
    found = _reproduce(project, run, ok=1)
    assert found["verdict"] == "DIFFERS"
    assert found["first_difference"]["kind"] == "metric"
    assert project.madang("reproduce", run, ok=1).out.startswith("DIFFERS (first at loss, step 0: ")


def test_chance_is_told_from_a_difference(project: Project) -> None:
    """Repeated runs that differ among themselves are chance; those that agree and differ from the first are not."""
    run = _train(project, "int.from_bytes(os.urandom(2))")
    found = _reproduce(project, run, "--times", "3", ok=1)
    assert (found["verdict"], found["repeats_itself"], len(found["runs"])) == ("DIFFERS", False, 3)
    assert found["spread"]["loss"]["is_chance"] is True
    run = _train(project, "(1 + bool(os.environ.get('MADANG_REPRODUCES')))")
    found = _reproduce(project, run, "--times", "2", ok=1)
    assert (found["verdict"], found["repeats_itself"]) == ("DIFFERS", True)
    assert (found["spread"]["loss"]["is_chance"], found["spread"]["loss"]["is_inside"]) == (False, False)
    assert "a difference, not chance" in project.madang("reproduce", run, "--times", "2", ok=1).out
    run = _train(project)
    assert _reproduce(project, run, "--times", "2")["spread"] == {}


def test_changed_seed(project: Project) -> None:
    """A seed from outside the record that has changed makes the repetition differ."""
    project.commit({"train.py": TRAIN.replace("int(sys.argv[1])", "int(os.environ['MY_SEED'])").replace("SCALE", "1"),
                    "data.txt": "1", ".gitignore": IGNORED})  # fmt: skip
    run = project.run("--", "python", "train.py", MY_SEED="1")
    assert _reproduce(project, run, MY_SEED="1")["verdict"] == "IDENTICAL"
    found = _reproduce(project, run, ok=1, MY_SEED="2")
    assert (found["verdict"], found["first_difference"]["found"]) == ("DIFFERS", 3)


def test_tracked_data(project: Project) -> None:
    """Tracked data comes back as the run read it, though it was changed since, or before the run and not added."""
    project.commit({"train.py": TRAIN.replace("SCALE", "1.0"), ".gitignore": IGNORED})
    project.write({"data.txt": "1 2 3"})
    project.madang("init")
    project.madang("add", "data.txt")
    project.commit()
    run = project.run("--out", "model.bin", "--", "python", "train.py", "7")
    os.unlink(project.root / "data.txt")
    project.write({"data.txt": "1 2 3 4 5"})
    project.madang("add", "data.txt")
    project.commit()
    assert _reproduce(project, run)["verdict"] == "IDENTICAL"
    inputs = project.madang("runs", "show", run, "--json").json["inputs"]
    assert [item["path"] for item in inputs] == ["data.txt"]
    shutil.rmtree(project.root / ".dvc" / "cache")
    found = _reproduce(project, run, ok=2)
    assert found["verdict"] == "CANNOT"
    assert any("data.txt" in item for item in found["missing"])


def test_code_changed_after_the_start(project: Project) -> None:
    """A file that changed after the process had started may not be what ran: never IDENTICAL."""
    code = TRAIN.replace("SCALE", "1.0") + "import time; time.sleep(0.2); open('train.py', 'a').write('# later\\n')\n"
    project.commit({"train.py": "import time; time.sleep(0.3)\n" + code, "data.txt": "1", ".gitignore": IGNORED})
    run = project.run("--", "sh", "-c", "echo '# now' >> helper.py; exec python train.py 7")
    wait_for(lambda: _changed(project, run))
    assert _reproduce(project, run, ok=None)["verdict"] != "IDENTICAL"


def _changed(project: Project, run: str) -> Any:
    """What the follower has found changed since the run began; it looks once more when the run has ended."""
    captured = project.madang("runs", "show", run, "--json").json["captured"]
    return captured and captured["changed"]


def test_a_file_in_git_that_changed_before_it_was_read(project: Project) -> None:
    """A committed file that somebody edits after the capture, and the run then reads, was not what is on record."""
    wait = "import os, time\nwhile not os.path.exists('edited'):\n    time.sleep(0.05)\nopen('settings.json').read()\n"
    show = f"{shlex.quote(PROGRAM)} runs show $MADANG_RUN_ID --json"
    edit = f"(until {show} | grep -q '\"captured\": {{'; do :; done; echo 2 > settings.json; touch edited)"
    code = wait + TRAIN.replace("SCALE", "1.0")
    ignored = IGNORED + "edited\n"
    project.commit({"train.py": code, "settings.json": "1", "data.txt": "1", ".gitignore": ignored})
    run = project.run("--", "sh", "-c", f"{edit} & exec python train.py 7")
    wait_for(lambda: _changed(project, run))
    assert _changed(project, run) == ["settings.json"]
    project.write({"settings.json": "1"})
    assert _reproduce(project, run, ok=None)["verdict"] != "IDENTICAL"


def test_everything_missing_is_listed(project: Project) -> None:
    """All that is missing is named at once, before anything runs."""
    project.commit({"train.py": TRAIN.replace("SCALE", "1.0"), "data.txt": "1", ".gitignore": IGNORED})
    project.write({"train.py": TRAIN.replace("SCALE", "2.0"), "helper.py": "x = 1\n"})
    run = project.run("--", "python", "train.py", "7")
    shutil.rmtree(project.store / "blobs")
    found = _reproduce(project, run, ok=2)
    assert found["verdict"] == "CANNOT"
    assert any("the diff" in item for item in found["missing"])
    assert any("helper.py" in item for item in found["missing"])
    assert project.madang("reproduce", run, ok=2).out.startswith("CANNOT (missing: the diff")
    kept = project.madang("runs", "--json").json["runs"]
    assert sorted(one["status"] for one in kept) == ["failed", "failed", "finished"]  # two verdicts, nothing ran


def test_absent_commit(project: Project) -> None:
    """A commit that the repository lacks is named."""
    run = _train(project)
    shutil.move(project.store, project.root / "kept")
    shutil.rmtree(project.root / ".git")
    other = Project(project.root, project.root.parent)
    other.commit({"x": ""})
    shutil.move(project.root / "kept", project.store)
    found = _reproduce(project, run, ok=2)
    assert found["verdict"] == "CANNOT"
    assert found["missing"][0].startswith("commit ")


def test_file_that_nobody_has(project: Project) -> None:
    """An untracked, ignored file that the run read is missing; with --with-local it is taken as it is now."""
    project.commit({"train.py": TRAIN.replace("SCALE", "1"), ".gitignore": IGNORED + "data.txt\n"})
    project.write({"data.txt": "1 2"})
    run = project.run("--", "python", "train.py", "7")
    found = _reproduce(project, run, ok=2)
    assert any(item.startswith("data.txt") for item in found["missing"])
    found = _reproduce(project, run, "--with-local")
    assert found["verdict"] == "IDENTICAL"
    assert found["not_compared"]["local files of unknown content"] == 1


def test_withheld_code(project: Project) -> None:
    """A diff with a secret was not recorded: CANNOT, until local files are allowed."""
    project.commit({"train.py": TRAIN.replace("SCALE", "1"), "data.txt": "1", ".gitignore": IGNORED, "old.py": "x"})
    (project.root / "old.py").unlink()
    secret = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1uV4wX7yZ0cD5fG8"
    project.write({"train.py": f"TOKEN = '{secret}'\n" + TRAIN.replace("SCALE", "3")})
    run = project.run("--", "python", "train.py", "7")
    found = _reproduce(project, run, ok=2)
    assert found["missing"] == ["withheld: old.py", "withheld: train.py"]
    found = _reproduce(project, run, "--with-local")
    assert found["verdict"] == "IDENTICAL"
    assert found["not_compared"]["local files of unknown content"] == 2


def test_somebody_elses_run(project: Project) -> None:
    """The run of another user is shown and not run until it is allowed."""
    run = _train(project)
    said = project.madang("reproduce", run, ok=2, USER="somebody-else")
    assert "python train.py 7" in said.err
    assert "--yes" in said.err
    assert project.madang("reproduce", run, "--yes", USER="somebody-else").out.startswith("IDENTICAL")


def test_failed_run(project: Project) -> None:
    """A run that failed is reproduced by failing in the same way."""
    project.commit({"x": "", ".gitignore": IGNORED})
    code = "import json; json.dump({'a': 1}, open('metrics.json', 'w')); raise SystemExit(4)"
    run = project.run("--", "python", "-c", code, ok=4)
    assert _reproduce(project, run)["verdict"] == "IDENTICAL"


def test_nothing_to_compare(project: Project) -> None:
    """A run without metrics and outputs cannot be judged, however well it runs."""
    project.commit({"x": ""})
    found = _reproduce(project, project.run("--", "true"), ok=2)
    assert found["verdict"] == "CANNOT"
    assert "nothing to compare" in found["missing"][0]


def test_sdk_run(project: Project) -> None:
    """A run logged by the SDK is started again by the same interpreter, models included."""
    code = (
        "import madang, os\n"
        "with madang.init(project='p', config={'lr': 0.1}) as run:\n"
        "    for step in range(3): run.log({'loss': 1 / (step + 1), '_runtime': os.getpid()}, step=step)\n"
        "    open('w.bin', 'w').write('weights'); run.log_artifact('w.bin', 'weights', 'model', ['best'])\n"
    )
    project.commit({"train.py": code, ".gitignore": "w.bin\n"})
    subprocess.run(["python", "train.py"], cwd=project.root, env=project.env, check=True)
    run = project.madang("runs", "--json").json["runs"][0]
    found = _reproduce(project, run["id"])
    assert found["verdict"] == "IDENTICAL"
    assert found["compared"]["points"] == 3
    assert found["compared"]["outputs"] == 1
    assert found["not_compared"]["volatile metrics"] >= 1
    versions = project.madang("artifacts", "list", "weights", "--json").json["versions"]
    assert [(version["number"], version["run"]) for version in versions] == [(1, run["id"])]


def _new_file(path: str, body: str, mode: str = "100644") -> str:
    return f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+{body}\n"


@pytest.mark.parametrize(
    "patch",
    [
        _new_file("../../evil.txt", "x"),
        _new_file(".git/hooks/x", "x", "100755"),
        _new_file("link", "/etc\n\\ No newline at end of file", "120000"),
        "not a diff at all",
    ],
)
def test_hostile_diff(project: Project, patch: str, tmp_path: Path) -> None:
    """A recorded diff that reaches out of the tree is refused before anything runs, and nothing is written."""
    run = _foreign(project, patch, [])
    before = {path.name for path in project.root.parent.iterdir()}
    found = _reproduce(project, run, "--yes", ok=2)
    assert found["verdict"] == "CANNOT"
    assert {path.name for path in project.root.parent.iterdir()} - {".config"} == before  # the key that signs
    assert not (project.root / ".git" / "hooks" / "x").exists()


@pytest.mark.parametrize(
    "path", ["../evil.py", "/tmp/evil.py", ".git/hooks/pre-commit", "a/../../evil.py", "link/evil.py"]
)
def test_hostile_untracked_file(project: Project, path: str) -> None:
    """An untracked file of a record whose path leads out of the tree is refused."""
    project.root.joinpath("link").symlink_to("..")
    run = _foreign(project, "", [path])
    found = _reproduce(project, run, "--yes", ok=2)
    assert found["verdict"] == "CANNOT"
    assert not list(project.root.parent.glob("evil.py"))


def _foreign(project: Project, patch: str, untracked: list[str]) -> str:
    """A run that came from elsewhere, whose record says whatever its author wanted."""
    from madang.formats import segment as codec
    from madang.formats import store as layout
    from madang.sdk import blobs

    commit = project.commit({"train.py": "print(1)"})
    store, run, segment = str(project.store), os.urandom(16).hex(), os.urandom(16).hex()
    layout.ensure(store)
    os.makedirs(layout.run_dir(store, run))
    header = {"run": run, "project": "p", "writer": "process", "host": "elsewhere", "user": "mallory", "pid": 1}
    writer = codec.SegmentWriter(layout.segment_path(store, run, segment), segment, header)
    writer.append(codec.STARTED, {"name": "x", "command": ["python", "train.py"], "cwd": "/x", "root": "/x"})
    code: dict[str, Any] = {"commit": commit, "dirty": bool(patch)}
    if patch:
        digest, size = blobs.put_bytes(store, patch.encode())
        code["diff"] = {"digest": digest, "size": size}
    digest, size = blobs.put_bytes(store, b"import os\n")
    code["untracked"] = [{"path": path, "digest": digest, "size": size} for path in untracked]
    writer.append(codec.CODE, code)
    writer.append(codec.CAPTURED, {"began": 1, "ended": 2, "changed": []})
    writer.metrics({"a": 1.0}, 0)
    writer.append(codec.FINISHED, {"status": "finished"})
    writer.close()
    return run


def test_unknown_run(project: Project) -> None:
    """A run that does not exist is CANNOT with a message, in JSON too."""
    project.commit({"x": ""})
    said = project.madang("reproduce", "nope", "--json", ok=2)
    assert json.loads(said.out)["verdict"] == "CANNOT"
    assert "nope" in said.err


def test_subfolder_and_tracked_folder(project: Project) -> None:
    """A run in a subfolder on a tracked folder comes back in the same subfolder with the same files."""
    code = "import json; n = sum(len(open(f'../data/{i}.txt').read()) for i in range(3))\n"
    code += "json.dump({'n': n}, open('m.json', 'w'))\n"
    project.commit({"sub/train.py": code, ".gitignore": "m.json\n"})
    project.write({f"data/{number}.txt": "x" * number for number in range(3)})
    project.madang("init")
    project.madang("add", "data")
    project.commit()
    said = project.madang("run", "--metrics", "m.json", "--out", "m.json", "--", "python", "train.py", cwd="sub")
    shutil.rmtree(project.root / "data")
    found = _reproduce(project, said.err.splitlines()[0])
    assert (found["verdict"], found["compared"]["outputs"]) == ("IDENTICAL", 1)


def test_lfs_files(project: Project) -> None:
    """A Git LFS file comes from the repository's own objects, though no filter runs; without them it is missing."""
    body = "1 2 3 4"
    oid = hashlib.sha256(body.encode()).hexdigest()
    objects = project.root / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4]
    objects.mkdir(parents=True)
    (objects / oid).write_text(body)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(body)}\n"
    project.git("config", "filter.lfs.clean", f"printf '{pointer}'")
    project.git("config", "filter.lfs.smudge", f"printf '{body}'")
    project.commit({"train.py": TRAIN.replace("SCALE", "1"), "data.txt": body, ".gitignore": IGNORED,
                    ".gitattributes": "*.txt filter=lfs -text\n"})  # fmt: skip
    run = project.run("--", "python", "train.py", "1")
    assert project.madang("runs", "show", run, "--json").json["metrics"]["loss"]["last"] == 5
    assert _reproduce(project, run)["verdict"] == "IDENTICAL"
    (objects / oid).unlink()
    found = _reproduce(project, run, ok=2)
    assert found["missing"] == [f"data.txt (sha256:{oid}): its Git LFS object is not here; run `git lfs fetch`"]


def test_killed_reproduction_is_cleared_away(project: Project) -> None:
    """What a killed reproduction leaves is removed by the next one; a kept work tree stays."""
    run = _train(project)
    kept = project.madang("reproduce", run, "--keep", "--json").json["worktree"]
    assert (Path(kept) / "train.py").is_file()
    gate = project.root.parent / "gate"
    waiting = f"all(time.sleep(0.05) is None for _ in iter(lambda: os.path.exists({str(gate)!r}), False))"
    code = f"import os, time; open('model.bin', 'w'); {waiting}"
    slow = project.run("--out", "model.bin", "--", "python", "-c", code)
    gate.touch()
    with subprocess.Popen(
        [PROGRAM, "reproduce", slow], cwd=project.root, env=project.env, stderr=subprocess.PIPE
    ) as child:
        assert child.stderr is not None
        while b"Running" not in child.stderr.readline():
            pass
        child.kill()
    gate.unlink()
    left = {path.name for path in (project.store / "reproduce").iterdir()}
    assert len(left) == 2
    project.madang("reproduce", run)
    assert {path.name for path in (project.store / "reproduce").iterdir()} == {Path(kept).parent.name}
    assert (Path(kept) / "train.py").is_file()


def test_modules_come_from_the_clean_tree(project: Project) -> None:
    """Modules on PYTHONPATH (or of an editable install) are those of the record, not today's work tree's."""
    project.commit({"src/pkg/__init__.py": "", "src/pkg/scale.py": "SCALE = 2\n", "data.txt": "1"})
    project.commit({"train.py": "from pkg.scale import SCALE\n" + TRAIN, ".gitignore": IGNORED})
    project.env["PYTHONPATH"] = str(project.root / "src")
    run = project.run("--", "python", "train.py", "3")
    project.write({"src/pkg/scale.py": "SCALE = 5\n"})
    assert _reproduce(project, run)["verdict"] == "IDENTICAL"


def test_environment_differences(project: Project) -> None:
    """A package that has another version today, or is gone, is listed beside the verdict."""
    run = _train(project)
    found = _reproduce(project, run)
    assert found["environment"] == []
    site = project.root.parent / "site"
    (site / "extra_thing-1.5.dist-info").mkdir(parents=True)
    (site / "extra_thing-1.5.dist-info" / "METADATA").write_text("Name: extra-thing\nVersion: 1.5\n")
    project.env["PYTHONPATH"] = str(site)
    other = project.run("--out", "model.bin", "--", "python", "train.py", "7")
    shutil.rmtree(site)
    assert _reproduce(project, other, "--env", "current")["environment"] == ["extra-thing: 1.5 → absent"]


def test_outputs_that_the_repetition_has_not_written(project: Project) -> None:
    """An output that lies in the commit counts only when the repetition writes it: nothing was reproduced otherwise."""
    flag = project.root.parent / "flag"
    text = f"import os\nif not os.path.exists({str(flag)!r}): open('결과 물.bin', 'w').write('1')\n"
    project.commit({"train.py": text, "결과 물.bin": "1"})
    run = project.run("--out", "결과 물.bin", "--", "python", "train.py")
    assert _reproduce(project, run)["verdict"] == "IDENTICAL"
    flag.touch()
    found = _reproduce(project, run, ok=1)
    assert found["verdict"] == "DIFFERS"
    assert found["first_difference"]["path"] == "결과 물.bin"
    assert found["first_difference"]["found"] is None


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("madang.metrics", ["/etc/*.json"]), ("madang.metrics", ["../../*.json"]), ("madang.metrics", ["a/../../x"]),
        ("madang.metrics", [5]), ("madang.models", [["/etc/hostname", "m"]]), ("madang.models", [["..", "m"]]),
    ],
)  # fmt: skip
def test_a_record_that_names_files_elsewhere(project: Project, tag: str, value: list[Any]) -> None:
    """Patterns and models of a record stay inside the work tree; before anything runs the verdict is CANNOT."""
    run = _train(project)
    project.madang("runs", "tag", run, f"{tag}={json.dumps(value)}")
    found = _reproduce(project, run, ok=None)
    assert found["verdict"] == "CANNOT"
    named = value[0] if tag == "madang.metrics" else value[0][0]
    assert repr(named) in found["missing"][0]
    assert project.madang("runs", "show", found["run"], "--json").json["command"] == []


def test_metrics_beside_the_folder_of_the_command(project: Project) -> None:
    """A pattern may lead out of the command's folder, and be absolute, as long as it stays in the work tree."""
    project.commit({"sub/t.py": "open('../m.json', 'w').write('{\"a\": 1}')\n", ".gitignore": "m.json\n"})
    for pattern in ("../m.json", str(project.root / "m.json")):
        said = project.madang("run", "--metrics", pattern, "--", "python", "t.py", cwd="sub")
        found = _reproduce(project, said.err.splitlines()[0])
        assert (found["verdict"], found["compared"]["metrics"]) == ("IDENTICAL", 1)


def test_outputs_outside_the_work_tree(project: Project) -> None:
    """An output elsewhere is the original's own file as well: it is counted as not compared."""
    out = project.root.parent / "밖.bin"
    project.commit(
        {
            "train.py": f"open({str(out)!r}, 'w').write('1')\n" + TRAIN.replace("SCALE", "1"),
            "data.txt": "1",
            ".gitignore": IGNORED,
        }
    )
    run = project.run("--out", str(out), "--", "python", "train.py", "3")
    found = _reproduce(project, run)
    assert found["verdict"] == "IDENTICAL"
    assert found["not_compared"]["outputs outside the work tree"] == 1


def test_imported_module_that_git_ignores(project: Project) -> None:
    """A module that is nowhere in the record is named before anything runs, and taken with --with-local."""
    project.commit(
        {"train.py": "import gen\n" + TRAIN.replace("SCALE", "1"), "data.txt": "1", ".gitignore": IGNORED + "gen.py\n"}
    )
    project.write({"gen.py": "v = 1\n"})
    run = project.run("--", "python", "train.py", "3")
    found = _reproduce(project, run, ok=2)
    assert found["verdict"] == "CANNOT"
    assert any(text.startswith("gen.py:") for text in found["missing"])
    assert _reproduce(project, run, "--with-local")["not_compared"]["local files of unknown content"] == 1


@pytest.mark.parametrize("name", ["lock", "kept"])
def test_names_of_our_own_files(tmp_path: Path, name: str) -> None:
    """A repository, an empty working folder and a script without a commit may have any name and be run by it."""
    project = Project(tmp_path / name, tmp_path)
    project.commit({"a.txt": "1"})
    project.write({"train.sh": "#!/bin/sh\nprintf '{\"a\": 1}' > metrics.json\n"})
    (project.root / "train.sh").chmod(0o755)
    (project.root / "빈 폴더").mkdir()
    done = subprocess.run(
        [PROGRAM, "run", "--", "../train.sh"],
        cwd=project.root / "빈 폴더",
        env=project.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert _reproduce(project, done.stderr.split()[0])["verdict"] == "IDENTICAL"


AGAIN = "(1 if 'MADANG_REPRODUCES' in os.environ else 0)"


@pytest.mark.parametrize(
    ("case", "scale", "code", "verdict", "first"),
    [
        ("identical", "1.0", 0, "IDENTICAL", None),
        ("tolerance", f"(1 + 1e-9 * {AGAIN})", 0, "WITHIN TOLERANCE", (10.0, 10.000000007)),
        ("nondeterministic op", f"(0.25 if not {AGAIN} else 0.75)", 1, "DIFFERS", (4.75, 8.25)),
        ("changed seed", "int(open('seed').read())", 2, "CANNOT", None),
        ("moved code", "1.0", 0, "IDENTICAL", None),
        ("changed code", "1.0", 2, "CANNOT", None),
    ],
)
def test_table(
    project: Project, case: str, scale: str, code: int, verdict: str, first: tuple[float, float] | None
) -> None:
    """Each kind of case has its exact verdict, first difference, list of what is missing, and exit code."""
    missing: list[str] = []
    project.write({"seed": "3"})
    run = _train(project, scale, **{".gitignore": IGNORED + "seed\n"})
    if case == "changed seed":
        project.write({"seed": "4"})
        missing = ["seed: the run read it, and it is neither in Git nor tracked as data"]
    elif case == "moved code":
        project.commit({"train.py": "raise SystemExit(3)\n"})
    elif case == "changed code":
        commit = project.git("rev-parse", "HEAD").strip()
        shutil.rmtree(project.root / ".git" / "objects")
        project.git("init", "-q")
        missing = [f"commit {commit}: it is not in {project.root}"]
    found = _reproduce(project, run, ok=code)
    assert (found["verdict"], found["missing"]) == (verdict, missing)
    expected = {"kind": "metric", "key": "loss", "step": 0, "expected": first[0], "found": first[1]} if first else None
    assert found["first_difference"] == expected
    assert project.madang("runs", "show", found["run"], "--json").json["status"] == (
        "failed" if code == 2 else "finished"
    )
    checked = project.madang("verify", found["run"], "--json").json["checked"][0]
    assert (checked["finding"], checked["verdict"]) == ("VALID", verdict)
