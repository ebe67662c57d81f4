"""Pipelines that are allowed but rare, and outputs that no stage may have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.data.helpers import Tool, make
from tests.data.source import git
from tests.data.test_remotes import good
from tests.data.test_repro import ran


def test_a_pipeline_without_stages(root: Path, madang: Tool, dvc: Tool) -> None:
    """A dvc.yaml that only declares artifacts or metrics is no mistake: there is nothing to list or to run."""
    make(root, {"dvc.yaml": b"artifacts:\n  model: {path: m.pkl, type: model}\n"})
    for words in (("stage", "list"), ("repro",), ("status",), ("status", "dvc.yaml"), ("dag",), ("commit", "dvc.yaml")):
        assert madang(root, *words).code == dvc(root, *words).code == 0, words
    assert not (root / "dvc.lock").exists()
    answer = madang(root, "repro", "dvc.yaml:train")
    assert answer.code == 255
    assert "train" in answer.err


@pytest.mark.parametrize(
    "out",
    ["data.dvc", "dvc.yaml", "below/dvc.yaml", "dvc.lock", ".gitignore", ".dvcignore", ".git/hooks/x", ".dvc/tmp/x"],
)
def test_an_output_that_would_take_the_place_of_a_record(root: Path, madang: Tool, out: str) -> None:
    """Refused before anything runs, in a sentence that names it and the stage; the file stays as it was."""
    text = f"stages:\n  made: {{cmd: 'touch ran; echo 1 > {out}', outs: ['{out}']}}\n".encode()
    make(root, {"dvc.yaml": text})
    answer = madang(root, "repro")
    assert answer.code == 255
    assert out in answer.err
    assert "made" in answer.err
    assert not (root / "ran").exists()
    assert (root / "dvc.yaml").read_bytes() == text


def test_values_that_a_lock_cannot_hold_as_they_are(root: Path, madang: Tool, dvc: Tool) -> None:
    """Tuples in tuples, and what is no number: recorded as dvc records them, and not stale for that."""
    make(
        root, {"p.py": b"SIZE = (1, (2, [3]))\nclass A:\n    x = {'k': (1, 2)}\n", "params.yaml": b"a: [.nan, .inf]\n"}
    )
    text = b"stages:\n  s: {cmd: cp p.py o, params: [a, {p.py: [SIZE, A]}], outs: [o]}\n"
    make(root, {"dvc.yaml": text})
    good(dvc(root, "repro"))
    lock = (root / "dvc.lock").read_bytes()
    assert not ran(good(madang(root, "repro")).out)["ran"]
    assert "is cached" not in good(madang(root, "repro")).out
    make(root, {"p.py": b"SIZE = (1, (2, [4]))\nclass A:\n    x = {'k': (1, 2)}\n"})
    assert ran(good(madang(root, "repro")).out)["ran"] == {"s"}
    make(root, {"p.py": b"SIZE = (1, (2, [3]))\nclass A:\n    x = {'k': (1, 2)}\n"})
    good(madang(root, "repro"))
    assert (root / "dvc.lock").read_bytes() == lock


@pytest.mark.parametrize("words", [("metrics", "show"), ("metrics", "diff"), ("params", "diff"), ("plots", "show")])
def test_what_git_alone_keeps_can_be_shown(tmp_path: Path, madang: Tool, dvc: Tool, words: tuple[str, ...]) -> None:
    """Metrics, parameters and plots need no `init`: without it they are read from git, and nothing is made."""
    make(tmp_path, {"dvc.yaml": b"metrics: [m.json]\nplots: [p.csv]\n", "p.csv": b"x,y\n1,2\n"})
    make(tmp_path, {"m.json": b'{"acc": 1}', "params.yaml": b"lr: 1\n"})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "-c", "user.name=n", "-c", "user.email=e@e", "commit", "-q", "-m", "1")
    make(tmp_path, {"m.json": b'{"acc": 2}', "params.yaml": b"lr: 2\n"})
    answer, expected = (good(tool(tmp_path, *words, "--json")) for tool in (madang, dvc))
    assert json.loads(answer.out) == json.loads(expected.out)
    assert not (tmp_path / ".dvc").exists()


def test_a_server_that_does_not_answer_hides_nothing_else(root: Path, madang: Tool) -> None:
    """What lies there is said not to be compared; other stages are told, and are run."""
    text = b"stages:\n  far: {cmd: touch f, deps: ['http://127.0.0.1:9/x', 'http://127.0.0.1:9/y'], outs: [f]}\n"
    make(root, {"dvc.yaml": text + b"  near: {cmd: touch n, outs: [n]}\n"})
    answer = good(madang(root, "status"))
    assert "near" in answer.out
    assert "http://127.0.0.1:9/x" in answer.out + answer.err
    answer = madang(root, "repro", "--keep-going")
    assert answer.code == 255
    assert "does not answer" in answer.err
    assert ran(answer.out)["ran"] == {"near"}


def test_a_wrong_pipeline_hides_no_other_from_a_list(root: Path, madang: Tool, dvc: Tool) -> None:
    """`stage list --all` leaves it out and says so; with --fail it stops there."""
    make(root, {"a/dvc.yaml": b"stages:\n  s: {cmd: 'echo ${nothing}'}\n", "b/dvc.yaml": b"stages:\n  t: {cmd: ls}\n"})
    answer, expected = (good(tool(root, "stage", "list", "--all", "--name-only")) for tool in (madang, dvc))
    assert answer.out == expected.out == "b/dvc.yaml:t\n"
    assert "a/dvc.yaml, line 2" in answer.err
    assert madang(root, "stage", "list", "--all", "--fail").code == dvc(root, "stage", "list", "--all", "--fail").code


def test_how_to_stage_files_is_one_line_to_copy(root: Path, madang: Tool) -> None:
    """What is to be put into git is told as a command on a line of its own, without escapes."""
    make(root, {"dvc.yaml": b"stages:\n  s: {cmd: echo 1 > o, outs: [o]}\n"})
    assert "    git add .gitignore dvc.lock" in good(madang(root, "repro")).err.splitlines()
