"""Experiments of madang are experiments of dvc, and the reverse: the same refs, commits and answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.data.helpers import Tool, make
from tests.experiments.conftest import git


def twin(folder: Path, name: str = "theirs") -> Path:
    """A copy of a repository beside it."""
    other = folder.parent / name
    shutil.copytree(folder, other, symlinks=True)
    return other


def refs(folder: Path) -> dict[str, tuple[list[str], str, str]]:
    """The experiments: ref → (files, parent, message). dvc leaves a note of its own in what it saves."""
    names = git(folder, "for-each-ref", "--format=%(refname)", "refs/exps").split()
    found = {}
    for name in names:
        if name.split("/")[2] not in ("exec", "apply", "celery", "stash", "temp"):
            parents, message = git(folder, "log", "-1", "--format=%P%x00%B", name).split("\0")
            files = [line for line in git(folder, "ls-tree", "-r", name).splitlines() if ".dvc/tmp/" not in line]
            found[name] = (files, parents, message.strip())
    return found


def seen(tool: Tool, folder: Path, *options: str) -> Any:
    """What `exp show --json` says, without the words of errors."""
    answer = tool(folder, "exp", "show", "--json", *options)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    _forget_words(found)
    return found


def _forget_words(value: Any) -> None:
    if isinstance(value, dict):
        if set(value) == {"type", "msg"}:
            value["msg"] = ""
        for item in value.values():
            _forget_words(item)
    elif isinstance(value, list):
        for item in value:
            _forget_words(item)


def test_a_run_leaves_the_commit_that_dvc_leaves(project: Path, dvc: Tool, madang: Tool) -> None:
    """In the work tree: the same ref, tree, parent and message; the same files changed and nothing staged."""
    theirs = twin(project)
    make(project, {"notes.txt": b"not known to git\n", "train.py": (project / "train.py").read_bytes() + b"# more\n"})
    make(theirs, {"notes.txt": b"not known to git\n", "train.py": (project / "train.py").read_bytes()})
    for tool, folder in ((madang, project), (dvc, theirs)):
        answer = tool(folder, "exp", "run", "-S", "lr=0.5", "-n", "first")
        assert answer.code == 0, answer.err
    assert refs(project) == refs(theirs)
    assert git(project, "status", "--porcelain") == git(theirs, "status", "--porcelain")
    assert (project / "model.bin").read_bytes() == b"WORDS\n0.5"
    assert seen(dvc, project) == seen(madang, project)


def test_a_run_elsewhere_leaves_the_commit_that_dvc_leaves(project: Path, dvc: Tool, madang: Tool) -> None:
    """With --temp: the same commit, though changed data and code come along, and the work tree is as it was."""
    for folder in (project, twin(project)):
        make(folder, {"raw.txt": b"other words\n", "train.py": (folder / "train.py").read_bytes() + b"# more\n"})
    theirs = project.parent / "theirs"
    before = git(project, "status", "--porcelain")
    for tool, folder in ((madang, project), (dvc, theirs)):
        answer = tool(folder, "exp", "run", "--temp", "-S", "lr=0.5", "-n", "away", "-m", "a message")
        assert answer.code == 0, answer.err
    assert refs(project) == refs(theirs)
    assert git(project, "status", "--porcelain") == before
    assert not (project / "model.bin").exists()
    assert git(project, "worktree", "list").count("\n") == 1
    assert (project / "raw.txt").read_bytes() == b"other words\n"


def _mixed(project: Path, dvc: Tool, madang: Tool) -> None:
    """Experiments of both tools on two commits, one of them with several of its own."""
    assert madang(project, "exp", "run", "-S", "lr=0.5", "-n", "ours").code == 0
    assert dvc(project, "exp", "run", "--temp", "-S", "lr=0.7", "-n", "theirs").code == 0
    assert madang(project, "exp", "save", "-n", "by-hand").code == 0
    git(project, "add", "--all")
    git(project, "commit", "-q", "-m", "second")
    git(project, "tag", "-a", "v1", "-m", "tagged")
    assert madang(project, "exp", "run", "--temp", "-S", "epochs=9", "-n", "later").code == 0
    git(project, "branch", "side", "HEAD~1")


OPTIONS = [
    [], ["-A"], ["-n", "2"], ["--sha", "-A"], ["-a"], ["-T"], ["--hide-workspace"],
    ["--rev", "HEAD~1"],
]  # fmt: skip


def test_what_is_told_is_that_of_dvc(project: Path, dvc: Tool, madang: Tool) -> None:
    """`exp show` gives the same values, names, hashes and order as dvc, as JSON and as CSV; `exp list` and `exp diff`
    answer alike, whoever made the experiments.
    """
    _mixed(project, dvc, madang)
    _check_tables(project, dvc, madang)
    for options in ([], ["-A"], ["--name-only", "-A"], ["--sha-only", "-A"], ["--rev", "HEAD~1"]):
        ours, theirs = (tool(project, "exp", "list", *options).out.splitlines() for tool in (madang, dvc))
        assert sorted(ours) == sorted(theirs), options
    for options in ([], ["ours", "theirs"], ["ours", "theirs", "--all"], ["later"], ["HEAD", "later", "--param-deps"]):
        ours, theirs = (json.loads(tool(project, "exp", "diff", "--json", *options).out) for tool in (madang, dvc))
        assert ours == theirs, options


def _check_tables(project: Path, dvc: Tool, madang: Tool) -> None:
    for options in OPTIONS:
        ours, theirs = (seen(tool, project, *options) for tool in (madang, dvc))
        assert ours == theirs, f"{options}\n{json.dumps(ours)}\n{json.dumps(theirs)}"
    for options in (
        [],
        ["-A", "--only-changed"],
        ["-A", "--drop", "^e", "--keep", "epochs"],
        ["-A", "--sort-by", "acc"],
    ):
        ours, theirs = (tool(project, "exp", "show", "--csv", *options).out for tool in (madang, dvc))
        assert ours.splitlines() == theirs.splitlines(), options
    ours, theirs = (tool(project, "exp", "show", "--md", "-A").out for tool in (madang, dvc))
    assert ours == theirs


def test_dvc_goes_on_with_our_experiments(project: Path, dvc: Tool, madang: Tool) -> None:
    """Dvc applies, branches, renames and removes what madang made."""
    for lr in ("0.5", "0.7"):
        assert madang(project, "exp", "run", "--temp", "-S", f"lr={lr}", "-n", f"lr-{lr}").code == 0
    assert dvc(project, "exp", "apply", "lr-0.7").code == 0
    assert (project / "model.bin").read_bytes() == b"WORDS\n0.7"
    assert json.loads(dvc(project, "status", "--json").out) == {}
    assert dvc(project, "exp", "branch", "lr-0.5", "half").code == 0
    assert dvc(project, "exp", "rename", "lr-0.5", "half").code == 0
    assert dvc(project, "exp", "remove", "lr-0.7").code == 0
    assert madang(project, "exp", "list", "--name-only").out == "half\n"


def test_we_go_on_with_experiments_of_dvc(project: Path, dvc: Tool, madang: Tool) -> None:
    """The reverse: what dvc made is applied to the same files, branched, renamed, removed, and goes on from there."""
    for lr in ("0.5", "0.7"):
        assert dvc(project, "exp", "run", "--temp", "-S", f"lr={lr}", "-n", f"lr-{lr}").code == 0
    theirs = twin(project)
    for tool, folder in ((madang, project), (dvc, theirs)):
        answer = tool(folder, "exp", "apply", "lr-0.7")
        assert answer.code == 0, answer.err
    assert git(project, "status", "--porcelain") == git(theirs, "status", "--porcelain")
    assert (project / "model.bin").read_bytes() == b"WORDS\n0.7"
    again = madang(project, "exp", "run", "-n", "same")
    assert "Running" not in again.out, again.out
    assert madang(project, "exp", "branch", "lr-0.5", "half").code == 0
    assert git(project, "rev-parse", "half^") == git(project, "rev-parse", "HEAD")
    assert madang(project, "exp", "rename", "lr-0.5", "half").code == 0
    assert madang(project, "exp", "remove", "lr-0.7", "same").code == 0
    assert dvc(project, "exp", "list", "--name-only").out == "half\n"


def test_save_keeps_what_dvc_keeps(project: Path, dvc: Tool, madang: Tool) -> None:
    """The same commit of a work tree that was changed by hand, with a file that git does not know."""
    assert dvc(project, "repro").code == 0
    git(project, "add", "--all")
    git(project, "commit", "-q", "-m", "run")
    make(project, {"model.bin": b"by hand", "notes.txt": b"mine\n", "params.yaml": b"lr: 7\nepochs: 1\n"})
    theirs = twin(project)
    for tool, folder in ((madang, project), (dvc, theirs)):
        answer = tool(folder, "exp", "save", "-n", "kept", "-I", "notes.txt")
        assert answer.code == 0, answer.err
    assert refs(project) == refs(theirs)
    assert git(project, "status", "--porcelain") == git(theirs, "status", "--porcelain")


@pytest.mark.parametrize("first", ["madang", "dvc"])
def test_experiments_travel_between_the_tools(project: Path, dvc: Tool, madang: Tool, first: str) -> None:
    """One tool pushes refs and data, the other pulls them in a clone and applies them."""
    tools = {"madang": madang, "dvc": dvc}
    one, other = tools.pop(first), next(iter(tools.values()))
    hub, data, clone = project.parent / "hub.git", project.parent / "data", project.parent / "clone"
    assert dvc(project, "remote", "add", "-q", "-d", "shared", str(data)).code == 0
    git(project, "commit", "-q", "-a", "-m", "remote")
    git(project, "clone", "-q", "--bare", str(project), str(hub))
    git(project, "remote", "add", "origin", str(hub))
    for lr in ("0.5", "0.7"):
        assert one(project, "exp", "run", "--temp", "-S", f"lr={lr}", "-n", f"lr-{lr}").code == 0
    answer = one(project, "exp", "push", "origin", "lr-0.5", "lr-0.7", "--run-cache")
    assert answer.code == 0, answer.err
    git(project, "clone", "-q", str(hub), str(clone))
    assert sorted(other(clone, "exp", "list", "origin", "--name-only").out.split()) == ["lr-0.5", "lr-0.7"]
    answer = other(clone, "exp", "pull", "origin", "lr-0.7", "--run-cache")
    assert answer.code == 0, answer.err
    assert other(clone, "exp", "apply", "lr-0.7").code == 0
    assert (clone / "model.bin").read_bytes() == b"WORDS\n0.7"
    assert other(clone, "exp", "remove", "-g", "origin", "lr-0.5").code == 0
    assert one(project, "exp", "list", "origin", "--name-only").out.split() == ["lr-0.7"]
    assert "up to date" in one(project, "exp", "push", "origin", "lr-0.7").out.lower()


def test_what_waits_in_the_queue_of_dvc_is_seen(project: Path, dvc: Tool, madang: Tool) -> None:
    """`exp show` lists experiments that dvc has queued with their parameters, as dvc does."""
    assert dvc(project, "exp", "run", "--queue", "-S", "lr=0.5", "-n", "theirs").code == 0
    assert madang(project, "exp", "run", "--queue", "-S", "lr=0.7", "-n", "ours").code == 0
    rows = {one[0]["name"]: (one[0], state) for one, state in _experiments(madang, project)}
    assert rows.keys() == {"theirs", "ours"}
    assert {state["state"] for _, state in rows.values()} == {"queued"}
    expected = next(one[0] for one, _ in _experiments(dvc, project))
    assert rows["theirs"][0] == expected


def _experiments(tool: Tool, folder: Path) -> list[tuple[Any, Any]]:
    (head,) = seen(tool, folder, "--hide-workspace")
    return [(one["revs"], one["executor"]) for one in head["experiments"]]


def test_an_experiment_that_was_gone_on_with(project: Path, dvc: Tool, madang: Tool) -> None:
    """One of several commits is shown with all of them, and its data travels with all of them."""
    assert madang(project, "exp", "run", "-S", "lr=0.5", "-n", "long").code == 0
    head = git(project, "rev-parse", "HEAD").strip()
    git(project, "checkout", "-q", "--detach")
    git(project, "add", "--all")
    git(project, "commit", "-q", "-m", "one")
    assert madang(project, "exp", "run", "-S", "lr=0.7", "-n", "next").code == 0
    git(project, "add", "--all")
    git(project, "commit", "-q", "-m", "two")
    git(project, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/long", "HEAD")
    git(project, "checkout", "-q", "-f", "main")
    assert seen(madang, project) == seen(dvc, project)
    assert len(seen(madang, project)[1]["experiments"][0]["revs"]) == 2
