"""Commands of experiments that die, or meet a full disk, at any operation lose nothing and can be repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make, read
from tests.data.test_crash import run_all
from tests.experiments.conftest import git


@pytest.fixture
def template(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository at ``template/repo``; nobody follows its runs, since it is copied."""
    monkeypatch.setenv("MADANG_FOLLOWER", "0")
    folder = project.parent / "template"
    folder.mkdir()
    project.rename(folder / "repo")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """What the user sees."""
    return {name: body for name, body in read(folder).items() if not name.startswith((".git/", ".dvc/"))}


def names(madang: Tool, repo: Path) -> list[str]:
    """The experiments."""
    return sorted(madang(repo, "exp", "list", "--name-only").out.split())


@pytest.mark.parametrize("mode", ["kill", "full"])
def test_apply(template: Path, tmp_path: Path, madang: Tool, mode: str) -> None:
    """The user's own bytes are in the work tree or where `undo` finds them; the next apply completes the work."""
    repo = template / "repo"
    assert madang(repo, "exp", "run", "--temp", "-q", "-S", "lr=0.5", "-n", "half").code == 0
    mine = b"# written for hours, saved nowhere\n"
    make(repo, {"train.py": mine, "metrics.json": mine})
    for folder in run_all(template, tmp_path / "runs", mode, "exp", "apply", "-q", "half", step=23):
        there = folder / "repo"
        aside = there / ".dvc" / "tmp" / "madang" / "replaced"
        for name in ("train.py", "metrics.json"):
            places = [there / name, *aside.glob(f"*/files/{name}")]
            assert mine in [place.read_bytes() for place in places if place.is_file()], (folder, name)
        answer = madang(there, "exp", "apply", "-q", "half")
        assert answer.code == 0, answer.err
        assert (there / "model.bin").read_bytes() == b"WORDS\n0.5"
        assert json.loads((there / "metrics.json").read_text())["acc"] == 1.0
        assert (there / "train.py").read_bytes() != mine


@pytest.mark.parametrize("mode", ["kill", "full"])
def test_put_into_the_queue(template: Path, tmp_path: Path, madang: Tool, mode: str) -> None:
    """A task is in the queue with all that it needs, or not at all; the work tree is as it was."""
    repo = template / "repo"
    make(repo, {"raw.txt": b"other\n"})
    before = files(repo)
    for folder in run_all(template, tmp_path / "runs", mode, "exp", "run", "--queue", "-q", "-S", "lr=0.5", step=43):
        there = folder / "repo"
        now = {name: body for name, body in files(there).items() if not name.endswith(".madang")}  # a record on its way
        now["raw.txt.dvc"] = before["raw.txt.dvc"]  # killed meanwhile, the record may say what is there
        assert now == before
        assert madang(there, "exp", "run", "--queue", "-q", "-S", "lr=0.5", "-n", "again").code == 0
        tasks = json.loads(madang(there, "queue", "status", "--json").out)
        assert 1 <= len(tasks) <= 2
        for one in tasks:
            assert git(there, "show", f"{one['commit']}:params.yaml").count("lr: 0.5") == 1


def test_worker(template: Path, tmp_path: Path, madang: Tool) -> None:
    """Whenever a worker dies, the next one makes the same experiment, and no work tree is left."""
    repo = template / "repo"
    assert madang(repo, "exp", "run", "--queue", "-q", "-S", "lr=0.5", "-n", "half").code == 0
    for folder in run_all(template, tmp_path / "runs", "kill", "queue", "worker", step=113):
        there = folder / "repo"
        answer = madang(there, "queue", "start")
        assert answer.code == 0, answer.err
        answer = madang(there, "exp", "run", "--run-all", "-q")
        assert answer.code == 0, answer.err
        assert names(madang, there) == ["half"]
        (one,) = json.loads(madang(there, "queue", "status", "--json").out)
        assert one["state"] == "success"
        assert git(there, "show", f"{one['result']}:metrics.json") == '{"acc": 1.0, "loss": 1.5}'
        assert not list(there.glob(".git/madang/experiments/queue/*/tree"))
        assert git(there, "worktree", "list").count("\n") == 1


def test_run_in_the_work_tree(template: Path, tmp_path: Path, madang: Tool) -> None:
    """Whenever it dies, the experiment is there whole or not at all, and the same command completes it."""
    for folder in run_all(
        template, tmp_path / "runs", "kill", "exp", "run", "-q", "-S", "lr=0.5", "-n", "half", step=97
    ):
        there = folder / "repo"
        if names(madang, there):
            assert madang(there, "exp", "remove", "half").code == 0
        answer = madang(there, "exp", "run", "-q", "-S", "lr=0.5", "-n", "half")
        assert answer.code == 0, answer.err
        assert (there / "model.bin").read_bytes() == b"WORDS\n0.5"
        assert names(madang, there) == ["half"]
