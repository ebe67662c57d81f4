"""Going back to a run, release, tag or date: code, data and pointers together, or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from madang.testing.patience import wait_for
from madang.testing.project import PROGRAM, Project

STEP = "5"  # every so many operations: each costs a rollback
TRAIN = "open('model.bin', 'w').write(open('자료.csv').read() + '%s')\n"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[str]]:
    """Two states of code and data, each with a run, a model in production and a tag."""
    home = tmp_path_factory.mktemp("past")
    project = Project(home / "내 프로젝트", home)
    project.madang("init")
    runs = []
    for number in (1, 2):
        project.write({"train.py": TRAIN % number, "자료.csv": f"{number}\n", ".gitignore": "model.bin\n/자료.csv\n"})
        project.write({"only-new.txt": "x"} if number == 2 else {"only-old.txt": "x"})
        if number == 2:
            (project.root / "only-old.txt").unlink()
        project.madang("add", "자료.csv")
        project.commit()
        runs.append(project.run("--project", "p", "--model", "model.bin:점수", "--", "python", "train.py"))
        project.madang("models", "promote", f"점수:v{number}", "production", "-p", "p")
        project.git("tag", f"old-{number}")
        time.sleep(1.1)  # git tells times in seconds
        project.madang("release", f"v{number}.0", "-p", "p", "-m", f"{number}번째")
    return project, runs


@pytest.fixture
def history(past: tuple[Project, list[str]], tmp_path: Path) -> tuple[Project, list[str]]:
    """A copy of it, to be changed at will."""
    project, runs = past
    return project.copied(tmp_path / "home"), runs


def _state(project: Project) -> tuple[str, str, bool, bool, Any]:
    models = project.madang("models", "show", "점수", "-p", "p", "--json").json
    versions = models["versions"] if isinstance(models, dict) else models
    production = [item["number"] for item in versions if "production" in item["aliases"]]
    root = project.root
    return (
        (root / "train.py").read_text(),
        (root / "자료.csv").read_text(),
        (root / "only-old.txt").exists(),
        (root / "only-new.txt").exists(),
        production,
    )


OLD = (TRAIN % 1, "1\n", True, False, [1])
NEW = (TRAIN % 2, "2\n", False, True, [2])


@pytest.mark.parametrize("kind", ["run", "release", "tag"])
def test_all_comes_back_together(history: tuple[Project, list[str]], kind: str) -> None:
    """Code, data and production go back as one new commit on top; a rollback can itself be rolled back."""
    project, runs = history
    before = project.git("rev-parse", "HEAD").strip()
    assert _state(project) == NEW
    target = {"run": runs[0], "release": "v1.0", "tag": "old-1"}[kind]
    shown = project.madang("rollback", target, "--dry", "--json").json
    assert shown["applied"] is False
    assert {item["path"] for item in shown["data"]} == {"자료.csv"}
    assert {item["path"] for item in shown["code"]} >= {"train.py", "only-old.txt", "only-new.txt"}
    assert [(item["before"], item["after"]) for item in shown["models"] if item["alias"] == "production"] == [(2, 1)]
    assert _state(project) == NEW
    project.madang("rollback", target, "--yes")
    assert _state(project) == OLD
    assert project.git("rev-parse", "HEAD~1").strip() == before
    assert project.git("status", "--porcelain") == ""
    assert project.madang("status", "--json").json == {}
    project.madang("rollback", "v2.0", "--yes")
    assert _state(project) == NEW
    assert "nothing" not in project.madang("rollback", "v2.0", "--yes").out


def test_a_run_comes_back_with_what_was_not_committed(history: tuple[Project, list[str]]) -> None:
    """The code of a run is its commit with its changes and untracked files."""
    project, _ = history
    project.write({"train.py": TRAIN % "hot", "helper.py": "x = 1\n"})
    run = project.run("--project", "p", "--", "python", "train.py")
    project.git("checkout", "-q", ".")
    (project.root / "helper.py").unlink()
    project.madang("rollback", run, "--yes")
    assert (project.root / "train.py").read_text() == TRAIN % "hot"
    assert (project.root / "helper.py").read_text() == "x = 1\n"
    assert project.git("status", "--porcelain") == ""


def test_a_run_of_a_stage_comes_back_with_its_results(project: Project) -> None:
    """What a stage, and those before it in the same reproduction, have made comes back, committed then or not."""
    project.madang("init")
    project.write({"params.yaml": "rate: 1\n", ".gitignore": "/mid\n/model\n"})
    double, report = "python double.py", "python report.py"
    project.write(
        {
            "double.py": "import os\nos.makedirs('mid', exist_ok=True)\n"
            "open('mid/값', 'w').write(open('params.yaml').read() * 2)\n",
            "report.py": "t = open('mid/값').read()\nopen('model', 'w').write(t)\n"
            "open('metrics.json', 'w').write('{\"score\": %s}' % t.split()[1])\n",
        }
    )
    project.madang("stage", "add", "-n", "double", "-p", "rate", "-o", "mid", "--", double)
    project.madang("stage", "add", "-n", "report", "-d", "mid", "-o", "model", "-M", "metrics.json", "--", report)
    project.commit()
    states = []
    for rate in (1, 2):
        project.write({"params.yaml": f"rate: {rate}\n"})
        project.madang("repro")
        run = next(run["id"] for run in project.madang("runs", "--json").json["runs"] if run["name"] == "report")
        states.append((run, *((project.root / name).read_text() for name in ("mid/값", "model", "metrics.json"))))
    project.commit()
    project.madang("rollback", states[0][0], "--yes")
    assert tuple((project.root / name).read_text() for name in ("mid/값", "model", "metrics.json")) == states[0][1:]
    assert project.git("status", "--porcelain") == ""
    assert project.madang("status", "--json").json == {}
    assert "didn't change" in project.madang("repro").out
    cache = project.root / ".dvc/cache/files/md5"
    digest = hashlib.md5(states[1][3].encode(), usedforsecurity=False).hexdigest()
    (cache / digest[:2] / digest[2:]).unlink()
    assert "metrics.json" in project.madang("rollback", states[1][0], "--yes", ok=1).err


def test_nothing_happens_when_something_is_gone(history: tuple[Project, list[str]]) -> None:
    """Data that neither the cache nor a remote has: named, and nothing is touched."""
    project, _ = history
    shutil.rmtree(project.root / ".dvc" / "cache")
    said = project.madang("rollback", "v1.0", "--yes", ok=1)
    assert "자료.csv" in said.err
    assert _state(project) == NEW


def test_data_is_fetched_first(history: tuple[Project, list[str]], tmp_path: Path) -> None:
    """What only a remote has is fetched."""
    project, _ = history
    project.madang("remote", "add", "-d", "far", str(tmp_path / "far"))
    project.commit()
    project.madang("push", "--all-commits")
    shutil.rmtree(project.root / ".dvc" / "cache")
    assert project.madang("rollback", "v1.0", "--dry", "--json").json["fetch"] == 1
    project.madang("rollback", "v1.0", "--yes")
    assert _state(project)[1] == "1\n"


def test_changes_are_never_lost(history: tuple[Project, list[str]]) -> None:
    """Uncommitted code, unsaved data and files in the way refuse the rollback; all stays as it was."""
    project, _ = history
    project.write({"train.py": "changed"})
    assert "not committed" in project.madang("rollback", "v1.0", "--yes", ok=1).err
    project.git("checkout", "-q", ".")
    project.write({"only-old.txt": "mine, not tracked"})
    project.madang("rollback", "v1.0", "--yes", ok=1)
    assert (project.root / "only-old.txt").read_text() == "mine, not tracked"
    (project.root / "only-old.txt").unlink()
    (project.root / "자료.csv").unlink()
    project.write({"자료.csv": "unsaved"})
    project.madang("rollback", "v1.0", "--yes", ok=1)
    assert (project.root / "자료.csv").read_text() == "unsaved"
    assert (project.root / "train.py").read_text() == TRAIN % 2
    assert project.git("status", "--porcelain") == ""
    assert _state(project)[4] == [2]


def test_a_rollback_killed_at_any_operation_is_taken_back_or_complete(
    history: tuple[Project, list[str]], tmp_path: Path
) -> None:
    """After a death at any operation the next rollback finds all parts old or all new, and nothing half done."""
    project, _ = history
    template = tmp_path / "template"
    template.mkdir()
    project.root.rename(template / "repo")
    driver = Path(__file__).parents[1] / "data" / "crash_driver.py"
    command = [sys.executable, str(driver), str(template), str(tmp_path / "died"), "kill", "1", STEP]
    done = subprocess.run(
        [*command, "rollback", "v1.0", "--yes"], env=project.env, capture_output=True, text=True, check=True
    )
    numbers = [line.split()[0] for line in done.stdout.splitlines() if line.endswith(" 137")]
    states = []
    for number in numbers:
        killed = Project(tmp_path / "died" / number / "repo", tmp_path)
        said = killed.madang("rollback", "HEAD", "--dry", "--json", "--keep-models")
        assert list(killed.store.glob("rollback-*")) == [], number
        assert killed.git("status", "--porcelain") == "", (number, said.err)
        state = _state(killed)
        assert state in (OLD, NEW), (number, state, said.err)
        assert killed.madang("status", "--json").json == {}, number
        states.append((state == OLD, "interrupted" in said.err))
    assert states[0] == (False, False)
    assert (False, True) in states  # taken back
    assert sorted(state for state, _ in states) == [state for state, _ in states]  # once complete, it stays so


def test_a_killed_rollback_is_ended_without_being_asked(history: tuple[Project, list[str]]) -> None:
    """Killed in the middle, it is taken back or completed by the process beside it; the next command tells of it."""
    project, _ = history
    command = [PROGRAM, "rollback", "v1.0", "--yes"]
    with subprocess.Popen(
        command, cwd=project.root, env=project.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        while not list(project.store.glob("rollback-*")) and child.poll() is None:
            time.sleep(0.005)
        child.kill()
    wait_for(lambda: all(note.name.endswith("-ended") for note in project.store.glob("rollback-*")))
    was = _state(project)
    assert was in (OLD, NEW)
    assert project.git("status", "--porcelain") == ""
    said = project.madang("rollback", "HEAD", "--dry", "--keep-models")
    assert was == OLD or "is restored" in said.err
    assert list(project.store.glob("rollback-*")) == []


def test_pointers_tell_whether_a_rollback_was_complete(history: tuple[Project, list[str]]) -> None:
    """Killed behind its last step, the pointers, a rollback stands; a note that is no note is never guessed about."""
    project, _ = history
    old = project.git("rev-parse", "HEAD").strip()
    project.madang("rollback", "v1.0", "--yes")
    new = project.git("rev-parse", "HEAD").strip()
    note = project.store / f"rollback-{hashlib.blake2b(bytes(project.root), digest_size=8).hexdigest()}"
    facts = {"old": old, "new": new, "reason": f"rollback to release v1.0 ({new[:12]})"}
    note.write_text(json.dumps({**facts, "moves": [["p", "점수", "production", 1, 2]]}), encoding="utf-8")
    assert "it stands" in project.madang("rollback", "v1.0", "--dry", "--json").err
    assert _state(project) == OLD
    note.write_text("{", encoding="utf-8")
    assert str(note) in project.madang("rollback", "v2.0", "--yes", ok=1).err
    assert _state(project) == OLD


def test_releases(history: tuple[Project, list[str]]) -> None:
    """A release names every digest, never changes, and a tag of something else is none."""
    project, runs = history
    shown = project.madang("release", "v1.0", "--show", "--json").json
    assert shown["commit"] == project.git("rev-parse", "old-1").strip()
    assert list(shown["data"]) == ["자료.csv"]
    assert (shown["models"][0]["name"], shown["models"][0]["number"], shown["run"]) == ("점수", 1, runs[0])
    assert shown["environment"].startswith("blake3:")
    assert (shown["packages"], shown["note"]) != ([], "1번째") or shown["packages"]
    assert "already" in project.madang("release", "v1.0", ok=1).err
    assert "no release" in project.madang("release", "old-1", "--show", ok=1).err
    text = project.git("tag", "-l", "--format=%(contents)", "v1.0")
    project.git("tag", "--annotate", "--force", "-m", text, "v1.0", "HEAD")
    for command in (("release", "v1.0", "--show"), ("rollback", "v1.0", "--yes")):
        assert "moved" in project.madang(*command, ok=1).err
    project.madang("release", "a..b", ok=1)
    project.madang("tag", runs[0], "run-1")
    assert project.git("rev-parse", "run-1^{commit}") == project.git("rev-parse", "old-1")
    assert project.madang("runs", "--filter", "tags.`git tag` = 'run-1'", "--json").json["total"] == 1


def test_a_release_in_another_clone(history: tuple[Project, list[str]], tmp_path: Path) -> None:
    """With the tag and the data another clone goes back, too; models that its registry lacks are named."""
    project, _ = history
    project.madang("remote", "add", "-d", "far", str(tmp_path / "far"))
    project.commit()
    project.madang("push", "--all-commits")
    other = Project(tmp_path / "다른 곳", tmp_path)
    other.git("pull", "-q", "--tags", f"file://{project.root}", "main")
    found = other.madang("rollback", "v1.0", "--yes", "--json")
    assert (found.json["applied"], found.json["absent_models"], found.json["models"]) == (True, ["점수"], [])
    assert (other.root / "자료.csv").read_text() == "1\n"
    assert "점수 is not in this registry" in found.err


def test_a_release_never_changes(history: tuple[Project, list[str]]) -> None:
    """A release whose tag was moved, replaced or deleted is refused, and cannot be made again under its name."""
    project, _ = history
    whole = project.madang("release", "v1.0", "--show", "--json").json
    for change in (("tag", "-f", "-a", "v1.0", "-m", "other"), ("tag", "-f", "v1.0", "HEAD"), ("tag", "-d", "v1.0")):
        project.git(*change)
        for command in (["rollback", "v1.0", "--yes"], ["release", "v1.0", "--show"]):
            assert "moved or deleted" in project.madang(*command, ok=1).err
        project.madang("release", "v1.0", ok=1)
        assert _state(project) == NEW
    project.git("update-ref", "refs/tags/v1.0", "refs/madang/releases/v1.0")
    assert project.madang("release", "v1.0", "--show", "--json").json == whole


def test_unknown_targets(history: tuple[Project, list[str]]) -> None:
    """A name that is no run, tag, release, date or commit is told; a time before the first commit too."""
    project, _ = history
    assert "--yes" in project.madang("rollback", "v1.0", "--json", ok=None).err
    for target in ("nope", "2001-01-01", "2026-13-99", "--", "HEAD~50"):
        project.madang("rollback", "--yes", "--", target, ok=1)
    assert _state(project) == NEW
