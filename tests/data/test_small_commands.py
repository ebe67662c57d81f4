"""remove, move, unprotect, check-ignore and root do to the files what the real dvc does, and lose nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.data.helpers import NFD, Tool, make, objects, read

from madang.workspace.data.repo.repository import Repository

PIPELINE = """\
stages:
  one:
    cmd: cp b.csv o.csv
    deps: [b.csv]
    outs: [o.csv]
  # about two
  two:
    cmd: cp o.csv p.csv
    deps: [o.csv]
    outs:
    - p.csv:
        desc: the end
  each:
    foreach: [a, b]
    do:
      cmd: echo ${item} > q_${item}
      outs:
      - q_${item}
params: [p.yaml]
"""
FILES = {
    "b.csv": b"b\n",
    "한글 파일.bin": b"\0\1",
    "odd [x]*": b"o",
    "빈 파일": b"",
    "data/a": b"a",
    f"data/{NFD}": b"nfd",
    "data/line\nbreak": b"n",
    "sub/c": b"c",
    "p.yaml": b"x: 1\n",
}
TRACKED = ["b.csv", "한글 파일.bin", "빈 파일", "data", "sub/c", "odd [x]*"]


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of a work tree but those of git and of the tools' own folders."""
    found = {}
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and ".git" not in parts and ".dvc" not in parts:
            found["/".join(parts)] = (path.stat().st_mode & 0o777, path.read_bytes())
    return found


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, dvc: Tool) -> Path:
    """A repository of the real dvc with tracked data."""
    folder = tmp_path_factory.mktemp("template") / "저장소"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    assert dvc(folder, "init", "-q").code == 0
    make(folder, FILES)
    assert dvc(folder, "add", "-q", *TRACKED).code == 0
    return folder


@pytest.fixture
def pair(tmp_path: Path, template: Path) -> tuple[Path, Path]:
    """Two equal repositories: ours and theirs."""
    ours, theirs = tmp_path / "ours" / "저장소", tmp_path / "theirs" / "저장소"
    shutil.copytree(template, ours)
    shutil.copytree(template, theirs)
    return ours, theirs


def both(pair: tuple[Path, Path], madang: Tool, dvc: Tool, *line: str, code: int | None = None) -> None:
    """The same command line in both repositories ends alike and leaves the same files."""
    ours, theirs = madang(pair[0], *line), dvc(pair[1], *line)
    assert (ours.code, line) == (theirs.code, line), ours.err + theirs.err
    assert state(pair[0]) == state(pair[1]), line
    if code is not None:
        assert ours.code == code, line


def test_remove_records(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """Records go with their line in .gitignore, an empty .gitignore goes too, data goes only with --outs."""
    both(pair, madang, dvc, "remove", "b.csv", code=1)
    both(pair, madang, dvc, "remove", "nothing", code=1)
    both(pair, madang, dvc, "remove", "nothing.dvc", code=1)
    both(pair, madang, dvc, "remove", "b.csv.dvc", code=0)
    both(pair, madang, dvc, "remove", "한글 파일.bin.dvc", code=0)
    assert madang(pair[0], "remove", "odd [x]*.dvc").code == dvc(pair[1], "remove", "odd [x]*.dvc").code == 0
    (pair[1] / ".gitignore").write_text("/빈 파일\n/data\n")  # the real dvc forgets the line of such a name
    both(pair, madang, dvc, "remove", "sub/c.dvc", code=0)
    both(pair, madang, dvc, "remove", "--outs", "data.dvc", "빈 파일.dvc", code=0)
    assert not (pair[0] / "data").exists()
    assert not (pair[0] / ".gitignore").exists()
    assert objects(pair[0] / ".dvc" / "cache") == objects(pair[1] / ".dvc" / "cache")


def test_remove_stages(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """A stage leaves dvc.yaml, dvc.lock and .gitignore; one that a template makes is refused without any change."""
    for folder in pair:
        (folder / "dvc.yaml").write_text(PIPELINE)
    assert dvc(pair[0], "repro", "-q").code == dvc(pair[1], "repro", "-q").code == 0
    both(pair, madang, dvc, "remove", "two", code=0)
    both(pair, madang, dvc, "remove", "--outs", "one", code=0)
    before = state(pair[0])
    for name in ("each", "each@a", "dvc.yaml", "nothing"):
        assert madang(pair[0], "remove", name).code == dvc(pair[1], "remove", name).code == 1
    assert state(pair[0]) == before
    for folder in pair:
        make(folder, {"sub/dvc.yaml": b"stages:\n  s:\n    cmd: cp c d\n    deps: [c]\n    outs: [d]\n"})
        for text in ("dvc.yaml", "dvc.lock", ".gitignore"):
            (folder / text).unlink()
        assert dvc(folder, "repro", "-q", "sub/dvc.yaml").code == 0
    both(pair, madang, dvc, "remove", "sub/dvc.yaml:s", code=0)
    assert not (pair[0] / "sub" / "dvc.yaml").exists()


def test_remove_keeps_unsaved_bytes(pair: tuple[Path, Path], madang: Tool) -> None:
    """`remove --outs` of data that was changed, or holds ignored files, keeps them for `madang undo`."""
    ours = pair[0]
    (ours / "b.csv").write_bytes(b"unsaved")
    (ours / ".dvcignore").write_text("*.tmp\n")
    (ours / "data" / "x.tmp").write_bytes(b"ignored")
    answer = madang(ours, "remove", "--outs", "b.csv.dvc", "data.dvc")
    assert answer.code == 0
    assert "madang undo" in answer.err
    assert not (ours / "b.csv").exists()
    kept = {path.read_bytes() for path in (ours / ".dvc/tmp/madang/replaced").rglob("*") if path.is_file()}
    assert {b"unsaved", b"ignored"} <= kept
    assert madang(ours, "undo").code == 0
    assert (ours / "b.csv").read_bytes() == b"unsaved"
    assert (ours / "data" / "x.tmp").read_bytes() == b"ignored"


def test_move(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """Data and record move together, into a folder when that is named, and what cannot be is refused."""
    both(pair, madang, dvc, "move", "b.csv", "moved.csv", code=0)
    both(pair, madang, dvc, "move", "moved.csv", "sub", code=0)
    both(pair, madang, dvc, "move", "data", "sub/데이터", code=0)
    both(pair, madang, dvc, "move", "한글 파일.bin", "odd [x]*", code=1)
    both(pair, madang, dvc, "move", "nothing", "x", code=1)
    both(pair, madang, dvc, "move", "sub/moved.csv", "deep/er.csv", code=1)
    both(pair, madang, dvc, "move", "sub/moved.csv", "/tmp/elsewhere", code=1)
    both(pair, madang, dvc, "move", "sub/데이터/a", "a", code=1)
    for folder in pair:
        os.rename(folder / "빈 파일.dvc", folder / "other.dvc")
    both(pair, madang, dvc, "move", "빈 파일", "full", code=0)
    assert read(pair[0] / "sub" / "데이터")["line\nbreak"] == b"n"
    assert dvc(pair[0], "status", "--json").out.strip() == "{}"


REFUSED = {
    "move": ["move", "s", "t"],
    "checkout": ["checkout", "s"],
    "commit": ["commit", "s.dvc"],
    "add": ["add", "s", "--out", "t"],
    "import-url": ["import-url", "t", "s"],
    "get-url": ["get-url", "t", "s"],
    "unprotect": ["unprotect", "nosuch"],
}


@pytest.mark.parametrize("command", REFUSED)
def test_a_hint_names_options_that_there_are(command: str, root: Path, madang: Tool) -> None:
    """What a refused command advises can be typed: every option in its message is one of that command."""
    make(root, {"s": b"1", "t": b"2"})
    assert madang(root, "add", "s").code == 0
    (root / "s").write_bytes(b"changed")
    answer = madang(root, *REFUSED[command])
    assert answer.code != 0
    about = madang(root, command, "--help").out
    assert [option for option in re.findall(r"--[a-z-]+", answer.err) if option not in about] == []


def test_move_overwrites_nothing_and_keeps_comments(pair: tuple[Path, Path], madang: Tool) -> None:
    """An untracked file at the target is not replaced (dvc does); the record's comments and notes move with it."""
    ours = pair[0]
    (ours / "there").write_bytes(b"mine")
    assert madang(ours, "move", "b.csv", "there").code == 1
    assert (ours / "there").read_bytes() == b"mine"
    record = ours / "b.csv.dvc"
    record.write_text("# why\n" + record.read_text() + "  desc: hello # note\n  labels: [x]\nmeta: {a: 1}\n")
    (ours / "b.csv").write_bytes(b"unsaved")
    assert madang(ours, "move", "b.csv", "c.csv").code == 0
    text = (ours / "c.csv.dvc").read_text()
    assert text.startswith("# why\n")
    for part in ("desc: hello # note", "labels: [x]", "meta: {a: 1}", "path: c.csv"):
        assert part in text
    assert (ours / "c.csv").read_bytes() == b"unsaved"
    assert not record.exists()


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_unprotect(kind: str, pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """Links to the cache become files of their own that may be written; the cache and foreign links stay."""
    for folder in pair:
        assert dvc(folder, "config", "cache.type", kind).code == 0
        assert dvc(folder, "checkout", "--relink").code == 0
    both(pair, madang, dvc, "unprotect", "b.csv", code=0)
    both(pair, madang, dvc, "unprotect", "data/a", code=0)
    both(pair, madang, dvc, "unprotect", "data", code=0)
    both(pair, madang, dvc, "unprotect", "nothing", code=255)
    both(pair, madang, dvc, "remove", "sub/c.dvc", code=0)
    ours = pair[0]
    (ours / "b.csv").write_bytes(b"other")
    assert all(mode == 0o444 for mode, _ in objects(ours / ".dvc" / "cache").values())
    (ours / "elsewhere").write_bytes(b"far")
    os.symlink(ours / "elsewhere", ours / "data" / "link")
    assert madang(ours, "unprotect", "data").code == 0
    assert (ours / "data" / "link").is_symlink()


def test_check_ignore(pair: tuple[Path, Path], madang: Tool, dvc: Tool, repo: Repository) -> None:
    """Answers, reasons and exit codes are those of the real dvc."""
    for folder in pair:
        make(
            folder,
            {
                ".dvcignore": "*.tmp\n!keep.tmp\n# c\n\n/build\nlogs/\n한글*\n".encode(),
                "s/.dvcignore": b"x*\n!xb\n",
                "build/.dvcignore": b"!*\n",
                "build/f": b"",
                "s/logs/f": b"",
                "nested/.dvc/config": b"",
            },
        )
    lines = [
        ["a.tmp", "b"],
        ["b"],
        ["keep.tmp"],
        ["-d", "a.tmp", "keep.tmp", "b", "s/xa", "s/xb", "build", "build/a.tmp", ".dvc", ".git", "logs", "s/logs"],
        ["-d", "-n", "a.tmp", "b", "s/logs/f", "한글 파일", "../outside.tmp"],
        ["-d", "-a", "s/x.tmp", "keep.tmp"],
        ["build/deep/er"],
        ["-d", "nested", "nested/a"],
        ["-n", "b"],
        ["-a", "b"],
        [],
        ["--stdin", "a"],
    ]
    for line in lines:
        ours, theirs = madang(pair[0], "check-ignore", *line), dvc(pair[1], "check-ignore", *line)
        assert (ours.code, ours.out) == (theirs.code, theirs.out), line
    for name in ("sub", "s"):
        ours = madang(pair[0] / name, "check-ignore", "-d", "xa", "../a.tmp", "/tmp/x")
        theirs = dvc(pair[1] / name, "check-ignore", "-d", "xa", "../a.tmp", "/tmp/x")
        assert (ours.code, ours.out) == (theirs.code, theirs.out), name


def test_root(pair: tuple[Path, Path], tmp_path: Path, madang: Tool, dvc: Tool) -> None:
    """The path to the top from anywhere below it; 253 outside."""
    for place in (".", "sub", "data"):
        assert madang(pair[0] / place, "root").out == dvc(pair[1] / place, "root").out
    assert madang(tmp_path, "root").code == dvc(tmp_path, "root").code == 253


def test_other_names_and_common_options(pair: tuple[Path, Path], madang: Tool, dvc: Tool) -> None:
    """Dvc's short names of commands, its --cd, and -q and -v everywhere are understood."""
    both(pair, madang, dvc, "--cd", "sub", "mv", "-q", "c", "d", code=0)
    both(pair, madang, dvc, "rm", "-v", "sub/d.dvc", code=0)
    assert madang(pair[0], "ls", ".", "-q").code == dvc(pair[1], "ls", ".", "-q").code == 0
    assert madang(pair[0], "--cd", "nothing", "root").code != 0
    line = ["get", ".", "b.csv", "-o", "x", "--remote-config", "jobs=1", "verify=true"]
    assert madang(pair[0], *line).code == 0
