"""The Git hooks do their work in a real Git, replace nobody's, and folders are merged by their listings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.data.helpers import NFC, Tool, make, read

from madang.errors import Conflict
from madang.workspace.data.repo.merging import merged


@pytest.fixture
def git(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with an identity, and `madang` on the PATH of what Git starts."""
    for key, value in (("user.name", "a"), ("user.email", "a@b"), ("init.defaultBranch", "main")):
        subprocess.run(["git", "-C", str(root), "config", key, value], check=True)
    programs = tmp_path / "programs"
    programs.mkdir()
    script = programs / "madang"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m madang "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return root


def run_git(folder: Path, *line: str) -> subprocess.CompletedProcess[str]:
    """Git in a folder."""
    return subprocess.run(["git", "-C", str(folder), *line], capture_output=True, text=True, check=False)


def test_hooks_work_in_git(git: Path, tmp_path: Path, madang: Tool) -> None:
    """A checkout of another commit brings its data, a commit shows what differs, a push sends data first."""
    make(git, {"data.csv": b"one"})
    assert madang(git, "add", "data.csv").code == 0
    assert madang(git, "install").code == 0
    assert madang(git, "install").code == 0
    run_git(git, "add", "-A")
    assert run_git(git, "commit", "-m", "1").returncode == 0
    make(git, {"data.csv": b"two"})
    assert madang(git, "add", "data.csv").code == 0
    run_git(git, "commit", "-a", "-m", "2")
    assert run_git(git, "checkout", "-q", "HEAD~1").returncode == 0
    assert (git / "data.csv").read_bytes() == b"one"
    (git / "data.csv").write_bytes(b"changed")
    assert "modified" in run_git(git, "commit", "--allow-empty", "-m", "3").stderr
    assert run_git(git, "checkout", "-q", "--", "data.csv.dvc").returncode == 0
    assert (git / "data.csv").read_bytes() == b"changed"
    madang(git, "remote", "add", "-d", "store", str(tmp_path / "store"))
    run_git(git, "init", "-q", "--bare", str(tmp_path / "origin.git"))
    assert run_git(git, "push", str(tmp_path / "origin.git"), "HEAD:refs/heads/x").returncode == 0
    assert any((tmp_path / "store").rglob("*/*/*/*"))


def test_a_push_without_data(git: Path, tmp_path: Path, madang: Tool) -> None:
    """A repository without tracked data needs no remote of data to be pushed by Git."""
    assert madang(git, "install").code == 0
    run_git(git, "commit", "-q", "-m", "1")
    run_git(git, "init", "-q", "--bare", str(tmp_path / "origin.git"))
    assert run_git(git, "push", str(tmp_path / "origin.git"), "HEAD:refs/heads/x").returncode == 0


def test_hooks_of_others_stay(git: Path, madang: Tool, dvc: Tool) -> None:
    """A hook that is not ours is never replaced, and then no other is written either; dvc's driver stays."""
    hooks = git / ".git" / "hooks"
    (hooks / "pre-push").write_text("#!/bin/sh\nexit 0\n")
    answer = madang(git, "install")
    assert answer.code == 1
    assert "pre-push" in answer.err
    assert not (hooks / "pre-commit").exists()
    (hooks / "pre-push").unlink()
    assert dvc(git, "install").code == 0
    before = {path.name: path.read_bytes() for path in hooks.iterdir()}
    assert madang(git, "install").code == 1
    assert {path.name: path.read_bytes() for path in hooks.iterdir()} == before
    assert "dvc git-hook" in run_git(git, "config", "merge.dvc.driver").stdout


def test_pre_commit_tool(git: Path, madang: Tool) -> None:
    """Entries for the pre-commit tool are added once, beside what is there; comments stay."""
    path = git / ".pre-commit-config.yaml"
    path.write_text("# ours\nrepos:\n- repo: local # here\n  hooks: []\n")
    assert madang(git, "install", "--use-pre-commit-tool").code == 0
    text = path.read_text()
    assert text.startswith("# ours\nrepos:\n- repo: local # here\n")
    assert text.count("id: madang-") == 3
    assert madang(git, "install", "--use-pre-commit-tool").code == 0
    assert path.read_text() == text
    assert not (git / ".git" / "hooks" / "pre-push").exists()


def test_hooks_outside_a_data_repository(tmp_path: Path, madang: Tool) -> None:
    """Where there is no data repository the hooks say and do nothing: they may be installed for all repositories."""
    for line in (("pre-commit",), ("post-checkout", "a", "b", "1"), ("pre-push", "origin", "url")):
        answer = madang(tmp_path, "git-hook", *line)
        assert (answer.code, answer.out, answer.err) == (0, "", "")


@pytest.mark.parametrize("driver", ["madang", "dvc"])
def test_merge_driver_in_git(driver: str, git: Path, madang: Tool, dvc: Tool) -> None:
    """`git merge` joins changes of two branches to one folder, as the real dvc does, byte for byte."""
    make(git, {"data/a": b"1", "data/b": b"2", "data/gone": b"3", ".gitattributes": b"*.dvc merge=dvc\n"})
    assert madang(git, "add", "data").code == 0
    run_git(git, "add", "-A")
    run_git(git, "commit", "-m", "1")
    run_git(git, "checkout", "-q", "-b", "other")
    make(git, {f"data/{NFC}": b"new", "data/b": b"two"})
    (git / "data" / "gone").unlink()
    madang(git, "add", "data")
    run_git(git, "commit", "-a", "-m", "2")
    run_git(git, "checkout", "-q", "-")
    madang(git, "checkout")
    make(git, {"data/a": b"one", "data/sub/c": b"c"})
    madang(git, "add", "data")
    run_git(git, "commit", "-a", "-m", "3")
    assert (madang if driver == "madang" else dvc)(git, "install").code == 0
    if driver == "dvc":
        program = f"{sys.executable} -m dvc git-hook merge-driver --ancestor %O --our %A --their %B"
        run_git(git, "config", "merge.dvc.driver", program)
        for hook in ("pre-commit", "post-checkout", "pre-push"):
            (git / ".git" / "hooks" / hook).unlink()
    merge = run_git(git, "merge", "other", "-m", "both")
    assert merge.returncode == 0, merge.stdout + merge.stderr
    assert (git / "data.dvc").read_text() == (
        "outs:\n- md5: d1db8a6366fec9610de7773d647c86fb.dir\n  size: 10\n  nfiles: 4\n  hash: md5\n  path: data\n"
    )
    assert madang(git, "checkout").code == 0
    assert read(git / "data") == {"a": b"one", "b": b"two", NFC: b"new", "sub/c": b"c"}


def test_merge_of_what_cannot_be_merged(git: Path, madang: Tool) -> None:
    """Single files, and two changes of one path, are left for a person: exit 1, our side untouched."""
    make(git, {"one": b"1", "folder/x": b"1"})
    for number in ("1", "2", "3"):
        make(git, {"one": number.encode(), "folder/x": number.encode()})
        madang(git, "add", "one", "folder")
        for name in ("one", "folder"):
            shutil.copy(git / f"{name}.dvc", git / f"{name}.{number}")
    for name, word in (("one", "folder"), ("folder", "x")):
        line = ["--ancestor", f"{name}.1", "--our", f"{name}.2", "--their", f"{name}.3"]
        before = (git / f"{name}.2").read_bytes()
        answer = madang(git, "git-hook", "merge-driver", *line)
        assert answer.code == 1
        assert word in answer.err
        assert (git / f"{name}.2").read_bytes() == before


def test_merged() -> None:
    """The same change on both sides, and a removal on both, are no conflict; a file against a folder is one."""
    assert merged({"a": "1", "b": "2"}, {"a": "9"}, {"a": "9"}) == {"a": "9"}
    assert merged({}, {"a": "1"}, {"a": "1", "b": "2"}) == {"a": "1", "b": "2"}
    for ancestor, our, their in (
        ({"a": "1"}, {"a": "2"}, {"a": "3"}),
        ({"a": "1"}, {}, {"a": "3"}),
        ({}, {"a": "1"}, {"a/b": "1"}),
    ):
        with pytest.raises(Conflict):
            merged(ancestor, our, their)
