"""data status and diff say of commits, records and files what the real dvc says of them."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.data.helpers import NFC, Answer, Tool, make
from tests.data.test_status import both, drop, edit, nothing, write
from tests.data.test_trees import commit, git

PIPELINE = """\
stages:
  s:
    cmd: mkdir out && cp s.csv out/a && cp s.csv m.json && cp s.csv own
    deps: [s.csv]
    outs: [out, own: {push: false}]
    metrics: [m.json: {cache: false}]
"""

Change = Callable[[Path, Tool], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, dvc: Tool) -> Path:
    """A repository with three commits: first, second (some of everything changed), and a third without data changes."""
    root = tmp_path_factory.mktemp("differences") / "저장소 repo"
    root.mkdir()
    git(root, "init", "-q")
    assert dvc(root, "init").code == 0
    store = root.parent / "store"
    assert dvc(root, "remote", "add", "-d", "r", str(store)).code == 0
    make(
        root,
        {
            "d/one": b"1",
            "d/sub/two": b"2",
            "d/same": b"same",
            "s.csv": b"id,x\n1,2\n2,3\n",
            "dvc.yaml": PIPELINE.encode(),
        },
    )
    make(
        root, {f"{NFC} folder/데이터.bin": b"x", "sub/deep/file": b"deep", "gone/a": b"gone a", "old name": b"renamed"}
    )
    assert dvc(root, "add", "d", "s.csv", f"{NFC} folder", "sub/deep/file", "gone", "old name").code == 0
    assert dvc(root, "repro").code == 0
    assert dvc(root, "push").code == 0
    commit(root, "first")
    git(root, "tag", "v1")
    make(root, {"d/one": b"one", "d/new": b"new", "s.csv": b"id,x,y\n1,2,0\n3,3,0\n", "added/a": b"same"})
    shutil.rmtree(root / "d" / "sub")
    os.rename(root / "old name", root / "new name")
    assert dvc(root, "remove", "gone.dvc", "old name.dvc").code == 0
    assert dvc(root, "add", "d", "s.csv", "added", "new name").code == 0
    shutil.rmtree(root / "out")
    assert dvc(root, "repro").code == 0
    commit(root, "second")
    git(root, "tag", "v2")
    make(root, {"readme": b"r"})
    commit(root, "third")
    time.sleep(0.05)
    return root


def rename(old: str, new: str) -> Change:
    """A change: a file has another name."""

    def change(root: Path, dvc: Tool) -> None:
        (root / old).rename(root / new)

    return change


def forgetful(root: Path, dvc: Tool) -> None:
    """A change: the cache is gone, and the real dvc does not remember what was in it."""
    shutil.rmtree(root / ".dvc" / "cache" / "files")
    os.utime(root / ".dvc" / "tmp" / "btime")


def tool_adds(*names: str) -> Change:
    """A change: these paths are added."""

    def change(root: Path, dvc: Tool) -> None:
        assert dvc(root, "add", *names).code == 0

    return change


def plainly(change: Callable[[Path], None]) -> Change:
    """A change that needs no tool."""

    def run(root: Path, dvc: Tool) -> None:
        change(root)

    return run


def first(*changes: Change) -> Change:
    """Several changes."""

    def run(root: Path, dvc: Tool) -> None:
        for change in changes:
            change(root, dvc)

    return run


STATUS = ["data status", "data status --granular --unchanged"]
DIFF = ["diff --show-hash", "diff --hide-missing"]
MODIFIED = both(write("d/one", b"other"), drop("d/same"), write("s.csv", b"id\n"), write("out/b", b"b"), drop("sub"))
CASES: dict[str, tuple[Change, list[str], str]] = {
    "clean": (
        plainly(nothing),
        [
            *STATUS, *DIFF, "data status --granular", "data status --unchanged",
            "diff HEAD~1", "diff v1 --show-hash", "diff v1 v2 --show-hash", "diff v2 v1", "diff v1 v1",
            "diff v1 HEAD --targets d s.csv", "diff v1 v2 --targets d/sub", "diff --targets nosuch", "diff nosuch",
            "diff v1 nosuch", "diff v1 --targets gone", "diff v1 v2 --targets out.dvc", "diff HEAD workspace",
            "data status d/one", "data status d --granular --unchanged", "data status nosuch",
            "diff v1 v2 --targets d/one",
        ],
        ".",
    ),
    "modified": (plainly(MODIFIED), [*STATUS, *DIFF, "data status --granular d sub", "diff v1 --show-hash"], "."),
    "modified, in a folder": (plainly(MODIFIED), ["data status --granular", "diff", "diff --targets ../s.csv"], "d"),
    "added": (
        first(plainly(both(write("new", b"n"), write("d/more", b"m"))), tool_adds("new", "d")),
        [*STATUS, "diff --show-hash"],
        ".",
    ),
    "added, then modified": (
        first(plainly(write("d/more", b"m")), tool_adds("d"), plainly(both(write("d/more", b"x"), drop("d/one")))),
        [*STATUS, "diff --show-hash"],
        ".",
    ),
    "renamed": (
        first(
            rename("s.csv", "t.csv"),
            rename("d/one", "d/eins"),
            tool_adds("t.csv", "d"),
            plainly(drop("s.csv.dvc")),
        ),
        [*STATUS, "diff --show-hash"],
        ".",
    ),
    "renamed here": (
        rename("d/one", "d/eins"),
        [*STATUS, "diff"],
        ".",
    ),
    "records gone": (plainly(drop("d.dvc", "dvc.yaml", "sub")), [*STATUS, *DIFF], "."),
    "cache gone": (forgetful, [*STATUS, *DIFF], "."),
    "cache and data gone": (first(forgetful, plainly(drop("d", "s.csv"))), [*STATUS, *DIFF], "."),
    "cache gone, data modified": (first(forgetful, plainly(MODIFIED)), [*STATUS, *DIFF], "."),
    "kind changed": (plainly(both(drop("d"), write("d", b"a file"))), [*STATUS, "diff --show-hash"], "."),
    "untracked": (
        plainly(both(write("u/x", b""), write(f"{NFC}.txt", b""), write("d/u", b""), edit("readme", "r", "R"))),
        ["data status --untracked-files", "data status --untracked-files=all u", "data status --untracked-files no"],
        ".",
    ),
    "untracked, in a folder": (plainly(write("sub/x", b"")), ["data status --untracked-files"], "sub"),
    "no lock": (plainly(drop("dvc.lock")), [*STATUS, "diff"], "."),
    "ignored": (plainly(write(".dvcignore", b"one\n")), ["data status --granular", "diff"], "."),
    "ignored data": (plainly(write(".dvcignore", b"/added\n")), ["data status --granular", "diff", "diff v1 v2"], "."),
    "unknown": (
        first(plainly(both(write("d/x/y/z", b"z"), drop(".dvc/config"))), forgetful),
        ["data status --granular", "data status"],
        ".",
    ),
    "remote": (
        first(plainly(write("d/more", b"m")), tool_adds("d")),
        ["data status --not-in-remote", "data status --not-in-remote --granular", "data status --not-in-remote -r r d"],
        ".",
    ),
    "no remote": (plainly(drop(".dvc/config")), ["data status --not-in-remote"], "."),
    "wrong record": (plainly(write("w.dvc", b"outs: [{nosuch: 1}]\n")), ["data status", "diff"], "."),
    "options": (plainly(nothing), ["data status --nosuch", "data status --untracked-files=some", "diff a b c"], "."),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_as_dvc_says(name: str, made: Path, tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """JSON and exit codes are the same for every kind of change, option, target and folder."""
    change, lines, folder = CASES[name]
    before = tmp_path / "before"
    shutil.copytree(made, before, symlinks=True, copy_function=shutil.copy2)
    try:
        change(made, dvc)
        for line in lines:
            args = [*line.split(), "--json"]
            if "--targets" in args:
                args = ["diff", "--json", *args[1:-1]]
            theirs, ours = dvc(made / folder, *args), madang(made / folder, *args)
            assert ours.code == theirs.code, (line, theirs, ours)
            assert value(ours) == value(theirs), line
    finally:
        shutil.rmtree(made)
        os.rename(before, made)


def value(answer: Answer) -> Any:
    """What a command printed; the order of lists does not count, as it is another one at each run of dvc."""
    return unordered(json.loads(answer.out)) if answer.out.strip().startswith("{") else None


def unordered(found: Any) -> Any:
    """The value with its lists sorted."""
    if isinstance(found, dict):
        return {key: unordered(item) for key, item in found.items()}
    if isinstance(found, list):
        return sorted((unordered(item) for item in found), key=json.dumps)
    return found


def test_what_people_read(made: Path, dvc: Tool, madang: Tool) -> None:
    """Markdown tables and summaries have dvc's text; a changed table is told in rows and columns."""
    for line in ("diff v1 v2 --md", "diff v1 v2 --md --show-hash", "diff v1 v1 --md"):
        theirs, ours = dvc(made, *line.split()), madang(made, *line.split())
        assert ours.out == theirs.out, line
    ours, theirs = madang(made, "diff", "v1", "v2", "--show-hash"), dvc(made, "diff", "v1", "v2", "--show-hash")
    assert ours.out.startswith(theirs.out)
    assert ours.out[len(theirs.out) :] == "s.csv: rows 2 -> 2, 1 added, 1 removed, column y added\n"
    assert madang(made, "data", "status").out == dvc(made, "data", "status").out == "No changes.\n"


def test_before_the_first_commit(root: Path, dvc: Tool, madang: Tool) -> None:
    """Without a commit everything is new; without git there is nothing to compare with."""
    make(root, {"d/a": b"a"})
    assert dvc(root, "add", "d").code == 0
    for line in ("data status --json", "data status --granular --json --unchanged", "diff --json"):
        theirs, ours = dvc(root, *line.split()), madang(root, *line.split())
        assert (ours.code, value(ours)) == (theirs.code, value(theirs)), line


def test_without_git(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """Then data status compares records and files only; diff says what is missing."""
    root = tmp_path / "plain"
    make(root, {"d/a": b"a"})
    assert dvc(root, "init", "--no-scm").code == 0
    assert dvc(root, "add", "d").code == 0
    (root / "d" / "a").write_bytes(b"b")
    theirs, ours = dvc(root, "data", "status", "--json"), madang(root, "data", "status", "--json")
    assert (ours.code, value(ours)) == (theirs.code, value(theirs))
    assert madang(root, "diff").code == dvc(root, "diff").code != 0


def test_a_repository_below_the_top_of_git(tmp_path: Path, dvc: Tool, madang: Tool) -> None:
    """In a folder of a git repository, paths are those of the data repository."""
    root = tmp_path / "project"
    make(root, {"d/a": b"a"})
    git(tmp_path, "init", "-q")
    assert dvc(root, "init", "--subdir").code == 0
    assert dvc(root, "add", "d").code == 0
    commit(tmp_path, "one")
    make(root, {"d/a": b"b", "untracked": b"u"})
    make(tmp_path, {"above": b"a"})
    for folder in (root, root / "d"):
        for line in ("data status --granular --untracked-files --json", "diff --json", "status --json"):
            theirs, ours = dvc(folder, *line.split()), madang(folder, *line.split())
            assert (ours.code, value(ours)) == (theirs.code, value(theirs)), (line, folder)
