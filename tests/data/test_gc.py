"""``madang gc``: what it removes is what dvc removes, but never what somebody still needs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.data.helpers import Tool, make, objects

from madang.errors import Conflict, CorruptData
from madang.wiring_data import open_remote
from madang.workspace.data.files import undoing
from madang.workspace.data.files.adding import add
from madang.workspace.data.keeping import collecting
from madang.workspace.data.keeping.collecting_values import Scope
from madang.workspace.data.repo.initializing import initialize
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository

VERSIONS = [{"d/a": b"a%d" % number, "d/same": b"same", "d/sub/b": b"b%d" % number} for number in range(4)]


def git(folder: Path, *arguments: str) -> str:
    """Run git."""
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    ).stdout


def commit(root: Path, message: str, date: str = "2026-01-01T12:00:00") -> None:
    """Commit everything."""
    git(root, "add", "-A")
    os.environ["GIT_COMMITTER_DATE"] = date
    try:
        git(root, "commit", "-qm", message)
    finally:
        del os.environ["GIT_COMMITTER_DATE"]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository whose data changed three times, and its remote.

    Version 0 is tagged, 1 a commit in between, 2 the tip of a branch and of main, 3 in the workspace alone.
    """
    folder = tmp_path_factory.mktemp("history")
    root = folder / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    initialize(str(root))
    (root / ".dvc" / "config").write_text("[core]\n    remote = r\n['remote \"r\"']\n    url = ../../store\n")
    for number, files in enumerate(VERSIONS):
        make(root, {**files, "s": b"single %d" % number})
        repository = Repository(str(root))
        add(repository, [str(root / "d"), str(root / "s")])
        repository.close()
        if number < 3:
            commit(root, f"version {number}", f"2026-0{number + 1}-01T12:00:00")
        if number == 0:
            git(root, "tag", "first")
        if number in (1, 3):
            shutil.copytree(root / ".dvc" / "cache" / "files", folder / "store" / "files", dirs_exist_ok=True)
    git(root, "branch", "other")
    baseline = git(root, "rev-parse", "HEAD").strip()
    experiment = git(root, "commit-tree", "HEAD~1^{tree}", "-p", "HEAD", "-m", "an experiment").strip()
    git(root, "update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/an-experiment", experiment)
    return folder


@pytest.fixture
def both(history: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two copies of it: one for madang, one for dvc."""
    for name in ("ours", "theirs"):
        shutil.copytree(history, tmp_path / name, symlinks=True)
    return tmp_path / "ours", tmp_path / "theirs"


@pytest.fixture
def root(both: tuple[Path, Path]) -> Path:
    """The repository of our copy."""
    return both[0] / "repo"


def cached(root: Path) -> set[str]:
    """Names of the objects in the cache."""
    return set(objects(root / ".dvc" / "cache"))


def collected(madang: Tool, root: Path, *arguments: str) -> dict[str, Any]:
    """The answer of a collection."""
    answer = madang(root, "gc", *arguments, "--force", "--json")
    assert answer.code == 0, answer.err
    found: dict[str, Any] = json.loads(answer.out)
    return found


FORMS: list[Sequence[str]] = [
    ["-w"],
    ["-a"],
    ["-T"],
    ["-A"],
    ["-aT"],
    ["-w", "--rev", "HEAD~1"],
    ["--rev", "HEAD", "-n", "2"],
    ["-a", "-n", "3"],
    ["--date", "2026-02-01"],
    ["--all-experiments"],
    ["-w", "--not-in-remote"],
    ["-A", "--not-in-remote", "-r", "r"],
    ["-w", "--cloud"],
    ["-T", "-c", "-r", "r"],
]


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_it_removes_what_dvc_removes(both: tuple[Path, Path], madang: Tool, dvc: Tool, form: Sequence[str]) -> None:
    """For every form the cache and the remote end as with dvc, and --dry told exactly what went."""
    ours, theirs = both
    before = cached(ours / "repo"), set(objects(ours / "store"))
    told = json.loads(madang(ours / "repo", "gc", *form, "--dry", "--json").out)
    assert (cached(ours / "repo"), set(objects(ours / "store"))) == before
    assert madang(ours / "repo", "gc", *form, "-f").code == 0
    assert dvc(theirs / "repo", "gc", *form, "-f").code == 0
    assert cached(ours / "repo") == cached(theirs / "repo")
    assert objects(ours / "store") == objects(theirs / "store")
    gone = (before[0] - cached(ours / "repo"), before[1] - set(objects(ours / "store")))
    assert sum(part["objects"] for part in told["removed"]) == len(gone[0]) + len(gone[1])
    assert dvc(ours / "repo", "status", "-q").code == int("--not-in-remote" in form)


def test_usage_is_as_with_dvc(
    both: tuple[Path, Path], madang: Tool, dvc: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same exit codes for what makes no sense, and for a user who says no."""
    ours, theirs = both
    wrong: list[list[str]] = [
        [], ["-w", "-n", "2"], ["-w", "-c", "--not-in-remote"], ["--nosuch"], ["-w", "extra"],
        ["--rev", "nosuch", "-f"], ["-w", "-c", "-r", "nosuch", "-f"], ["--date", "yesterday", "-f"],
    ]  # fmt: skip
    before = cached(ours / "repo")
    for arguments in wrong:
        expected = dvc(theirs / "repo", "gc", *arguments).code
        assert madang(ours / "repo", "gc", *arguments).code == expected, arguments
    for answer in ("n\n", ""):  # no, and nobody there
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert madang(ours / "repo", "gc", "-w").code == 1
    assert cached(ours / "repo") == before
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert madang(ours / "repo", "gc", "-w").code == 0
    assert len(cached(ours / "repo")) == 5


def test_numbers_are_exact(root: Path, madang: Tool) -> None:
    """Counts and bytes are those of the files that go; a file with a second name frees nothing."""
    cache = root / ".dvc" / "cache" / "files" / "md5"
    gone = collected(madang, root, "-w", "--dry")["removed"][0]
    files = [cache / name[:2] / name[2:] for name in gone["names"]]
    assert gone["objects"] == len(files)
    assert gone["bytes"] == gone["freed"] == sum(path.stat().st_size for path in files)
    os.link(files[0], root / "linked")
    again = collected(madang, root, "-w")["removed"][0]
    assert again["bytes"] - again["freed"] == (root / "linked").stat().st_size
    assert collected(madang, root, "-w")["removed"][0]["objects"] == 0


def test_other_work_trees_and_stashes_keep_theirs(root: Path, madang: Tool) -> None:
    """What another work tree records, committed or not, and what a stash holds is kept, and told."""
    other = root.parent / "other 나무"
    git(root, "worktree", "add", "-q", str(other), "first")
    shutil.copytree(root / ".dvc" / "cache", other / ".dvc" / "cache")
    make(other / "d", {"a": b"only in the other tree"})
    repository = Repository(str(other), cache_dir=str(root / ".dvc" / "cache"))
    add(repository, [str(other / "d" / "a")] if (other / "d.dvc.x").exists() else [str(other / "d")])
    repository.close()
    make(root, {"stashed": b"in a stash alone", "s": b"changed in a stash"})
    assert madang(root, "add", "stashed", "s").code == 0
    git(root, "stash", "-u", "-q")
    for name in ("stashed", "s"):
        (root / name).unlink(missing_ok=True)
    needed = {
        name
        for name, (_, body) in objects(root / ".dvc" / "cache").items()
        if body in (b"only in the other tree", b"in a stash alone", b"changed in a stash")
    }
    assert len(needed) == 3
    kept = {entry["for"] for entry in collected(madang, root, "-w")["kept"]}
    assert kept == {f"the work tree {other}", "stash@{0}"}
    assert needed <= cached(root)
    git(root, "stash", "drop", "-q")
    git(root, "worktree", "remove", "--force", str(other))
    assert collected(madang, root, "-w")["kept"] == []
    assert not needed & cached(root)


def test_links_in_the_workspace_are_kept(root: Path, madang: Tool) -> None:
    """With symbolic links an object is the workspace's file: it stays though no record names it."""
    with (root / ".dvc" / "config").open("a") as file:
        file.write("[cache]\n    type = symlink\n")
    assert madang(root, "checkout", "--force").code == 0
    (root / "s").unlink()
    make(root, {"s": b"linked"})
    assert madang(root, "add", "s").code == 0
    assert (root / "s").is_symlink()
    git(root, "checkout", "-q", "s.dvc")
    assert collected(madang, root, "-w")["kept"] == [{"for": "links in the workspace", "objects": 1, "bytes": 6}]
    assert (root / "s").read_bytes() == b"linked"


def test_a_listing_that_is_gone(root: Path, madang: Tool, dvc: Tool) -> None:
    """Without the listing of a folder in use nothing is removed; the remote's is read; of the past it is only told."""
    shutil.rmtree(root.parent / "store")
    name = next(line.split()[-1] for line in (root / "d.dvc").read_text().splitlines() if "md5:" in line)
    listing = root / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]
    body = listing.read_bytes()
    before = cached(root)
    for damage in (None, b"[]", body[:-1]):
        listing.unlink(missing_ok=True)
        if damage is not None:
            listing.write_bytes(damage)
        answer = madang(root, "gc", "-w", "-f")
        assert answer.code == 255
        assert "Nothing was removed" in answer.err
        assert cached(root) >= before - {f"files/md5/{name[:2]}/{name[2:]}"}
    make(root.parent / "store" / "files" / "md5", {f"{name[:2]}/{name[2:]}": body})
    assert collected(madang, root, "-w")["removed"][0]["objects"] > 0
    assert "files/md5/" + name[:2] not in {os.path.dirname(one) for one in cached(root)} or listing.read_bytes()
    told = collected(madang, root, "-A", "--dry")
    assert len(told["unreadable"]) == 3


@pytest.mark.parametrize("form", [["-w"], ["-A", "--dry"]], ids=" ".join)
def test_an_empty_cache(root: Path, madang: Tool, dvc: Tool, form: list[str]) -> None:
    """Where nothing could go, nobody is asked what is used: a fresh clone without its remote has nothing to collect."""
    make(root, {"d/x": b"x"})
    assert madang(root, "add", "d").code == 0
    subprocess.run(["git", "-C", str(root), "add", "-A"], check=True)
    commit = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@a", "commit", "-qm", "x"]
    subprocess.run(commit, check=True)
    assert madang(root, "remote", "add", "-d", "gone", "http://127.0.0.1:9/x").code == 0
    shutil.rmtree(root / ".dvc" / "cache")
    shutil.rmtree(root / "d")
    for tool in (dvc, madang):
        answer = tool(root, "gc", "-f", *form)
        assert answer.code == 0, answer.err
    assert "No unused objects" in answer.out + answer.err


def test_records_that_cannot_be_read(root: Path, madang: Tool) -> None:
    """A commit with a broken record stops the collection, named; --skip-failed passes over it and says so."""
    good = (root / "d.dvc").read_text()
    (root / "d.dvc").write_text("outs: [")
    commit(root, "broken")
    (root / "d.dvc").write_text(good)
    before = cached(root)
    answer = madang(root, "gc", "-A", "-f")
    assert answer.code == 255
    assert git(root, "rev-parse", "HEAD")[:10] in answer.err
    assert cached(root) == before
    (root / "d.dvc").write_text("outs: [")
    assert madang(root, "gc", "-A", "--skip-failed", "-f").code == 255  # never those of somebody who works with them
    assert cached(root) == before
    (root / "d.dvc").write_text(good)
    assert len(collected(madang, root, "-A", "--skip-failed")["passed_over"]) == 1


def test_every_kind_of_record_counts(root: Path, madang: Tool, dvc: Tool) -> None:
    """Outputs of stages, imports, data of dvc 2 and of version-aware remotes stay; the same bytes unrecorded go."""
    cache = root / ".dvc" / "cache"

    def put(body: bytes, folder: str = "files/md5/") -> str:
        name = hashlib.md5(body).hexdigest()
        make(cache, {f"{folder}{name[:2]}/{name[2:]}": body})
        return name

    stage, lone, old = put(b"of a stage"), put(b"of nobody"), put(b"of dvc 2", "")
    imported, versioned, lone_old = put(b"imported"), put(b"versioned"), put(b"of nobody in dvc 2", "")
    lock = (
        f"schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: out\n      hash: md5\n      md5: {stage}\n"
    )
    source = "deps:\n- path: p\n  repo:\n    url: u\n    rev_lock: r\n"
    versions = f"files:\n  - relpath: x\n    md5: {versioned}\n    cloud:\n      r:\n        version_id: v\n"
    texts = {
        "dvc.yaml": "stages:\n  s:\n    cmd: x\n    outs: [out]\n",
        "dvc.lock": lock,
        "old.dvc": f"outs:\n- md5: {old}\n  path: old\n",
        "imported.dvc": f"{source}outs:\n- md5: {imported}\n  hash: md5\n  path: imported\n",
        "versioned.dvc": f"outs:\n- path: versioned\n  hash: md5\n  {versions}",
    }
    make(root, {name: text.encode() for name, text in texts.items()})
    entry = f"cmd: x\ndeps:\n- path: a\n  md5: {stage}\nouts:\n- path: b\n  md5: {lone}\n"
    make(cache, {"runs/aa/aab/c": entry.encode()})
    assert "entries of the run cache: 1." in madang(root, "gc", "-w", "--dry").err
    removed = collected(madang, root, "-w")["removed"]
    left = {name.replace("files/md5/", "").replace("/", "") for name in cached(root)}
    assert {stage, old, imported, versioned} <= left
    assert lone in removed[0]["names"]
    assert removed[1]["names"] == [lone_old]


@pytest.mark.parametrize("form", [["-w"], ["-a"], ["-T"], ["-A"], ["--date", "2026-01-01"], ["--rev", "HEAD"]])
def test_a_git_that_refuses(root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch, form: list[str]) -> None:
    """When git does not answer (a damaged repository, another owner) nothing is taken for unneeded."""
    before = cached(root)
    refuse = root.parent / "bin" / "git"
    make(refuse.parent, {"git": b"#!/bin/sh\necho 'fatal: detected dubious ownership' >&2\nexit 128\n"})
    refuse.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{refuse.parent}:{os.environ['PATH']}")
        assert madang(root, "gc", *form, "-f").code == 255
    assert cached(root) == before
    shutil.rmtree(root / ".git" / "objects")
    assert madang(root, "gc", *form, "-f").code == 255
    assert cached(root) == before


def test_projects_share_a_cache(root: Path, tmp_path: Path, madang: Tool) -> None:
    """What a named repository records is kept; without it the user is warned that the cache lies elsewhere."""
    shared = tmp_path / "shared"
    (root / ".dvc" / "cache").rename(shared)
    other = tmp_path / "second"
    other.mkdir()
    git(other, "init", "-q")
    initialize(str(other))
    for place in (root, other):
        with (place / ".dvc" / "config").open("a") as file:
            file.write(f"[cache]\n    dir = {shared}\n")
    make(other, {"theirs": b"of another project"})
    assert madang(other, "add", "theirs").code == 0
    count = len(objects(shared))
    assert "--projects" in madang(root, "gc", "-w", "--dry").err
    assert madang(root, "gc", "-w", "-f", "-p", str(other)).code == 0
    bodies = {body for _, body in objects(shared).values()}
    assert b"of another project" in bodies
    assert len(bodies) < count
    assert madang(root, "gc", "-w", "-f").code == 0
    assert b"of another project" not in {body for _, body in objects(shared).values()}


def test_nobody_else_uses_the_cache_meanwhile(root: Path, tmp_path: Path) -> None:
    """A collection waits for every command that relies on objects of the cache, of other work trees too."""
    mine, other = Repository(str(root)), Repository(str(root), cache_dir=str(root / ".dvc" / "cache"))
    other.tmp_dir = str(tmp_path / "tmp of another work tree")
    with hold(other), pytest.raises(Conflict, match="is using the cache"), collecting.alone(mine):
        pass
    with collecting.alone(mine), pytest.raises(Conflict, match="is deleting objects"), hold(other, wait=0.1):
        pass


def test_a_collection_beside_an_add(root: Path, tmp_path: Path, madang: Tool) -> None:
    """Data that is added in another work tree of one cache while collections run is there afterwards."""
    other, shared = tmp_path / "other", tmp_path / "shared"
    (root / ".dvc" / "cache").rename(shared)
    with (root / ".dvc" / "config").open("a") as file:
        file.write(f"[cache]\n    dir = {shared}\n")
    git(root, "worktree", "add", "-q", str(other), "HEAD")
    shutil.copy(root / ".dvc" / "config", other / ".dvc" / "config")
    script = "import sys, time; from madang.cli.main import run\nfor _ in range(8): run(sys.argv[1:]); time.sleep(0.1)"
    collecting_now = subprocess.Popen(
        [sys.executable, "-c", script, "gc", "-w", "-f"], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    bodies = {f"d/{number}": b"%d" % number * 2000 for number in range(50)}
    make(other, bodies)
    while collecting_now.poll() is None:
        for command in ("add", "checkout"):
            answer = madang(other, command, "d")
            assert answer.code == 0 or "Another" in answer.err  # it had to wait too long on a busy machine
        make(other, {"d/changing": str(time.time_ns()).encode()})
    assert madang(other, "add", "d").code == 0
    shutil.rmtree(other / "d")
    assert madang(other, "checkout", "d").code == 0


def test_two_plans(root: Path, madang: Tool) -> None:
    """What came into use between the question and the answer stays."""
    repository = Repository(str(root))
    first = collecting.plan(repository, Scope(), open_remote)
    git(root, "checkout", "-q", "first", "--", "s.dvc")
    second = collecting.both(first, collecting.plan(repository, Scope(), open_remote))
    assert sum(len(part.items) for part in second.local) == sum(len(part.items) for part in first.local) - 1
    collecting.remove(repository, second, open_remote)
    assert madang(root, "checkout", "-f", "s").code == 0
    assert (root / "s").read_bytes() == b"single 0"


def test_old_entries_of_undo_go(root: Path, madang: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a forced command replaced stays 30 days, and goes with a collection only."""
    make(root, {"s": b"mine"})
    assert madang(root, "checkout", "-f", "s").code == 0
    assert collected(madang, root, "-w")["undo"]["entries"] == 0
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 31 * 86_400 * 10**9)
    assert madang(root, "undo", "--list", "--json").out != "[]\n"
    assert collected(madang, root, "-w")["undo"] == {"entries": 1, "bytes": 4}
    assert madang(root, "undo", "--list", "--json").out == "[]\n"
    assert not any(Path(undoing.folder_of(Repository(str(root)))).iterdir())


def test_runs_keep_what_they_read(root: Path, madang: Tool) -> None:
    """Data that a recorded run read stays, and is told, until --ignore-runs lets it go."""
    program = "import madang; run = madang.init(project='p'); open('s').read(); run.log({'x': 1}); run.finish()"
    make(root, {"train.py": program.encode()})
    git(root, "checkout", "-q", "first", "--", "s.dvc", "d.dvc")
    assert madang(root, "checkout", "-f").code == 0
    assert madang(root, "run", "--", sys.executable, "train.py").code == 0
    git(root, "checkout", "-q", "main", "--", "s.dvc", "d.dvc")
    assert madang(root, "checkout", "-f").code == 0
    old = next(name for name, (_, body) in objects(root / ".dvc" / "cache").items() if body == b"single 0")
    told = collected(madang, root, "-w")["kept"]
    assert [entry["for"] for entry in told] == ["recorded runs"]
    assert old in cached(root)
    segment = max((root / ".git" / "madang" / "segments").glob("*/*/*.seg"), key=lambda path: path.stat().st_size)
    segment.write_bytes(segment.read_bytes() + b"\1" * 100)
    assert "what they used is not known" in madang(root, "gc", "-w", "--dry").err
    assert collected(madang, root, "-w", "--ignore-runs")["kept"] == []
    assert old not in cached(root)


def test_a_read_only_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that may not be changed is named, and the command fails."""
    repository = Repository(str(root))
    plan = collecting.plan(repository, Scope(), open_remote)

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(collecting, "unlink", refuse)
    with pytest.raises(Exception, match="cannot be removed: Permission denied"):
        collecting.remove(repository, plan, open_remote)


def test_a_plan_fails_closed(root: Path) -> None:
    """A plan is not made while the workspace names a listing that is damaged."""
    name = next(line.split()[-1] for line in (root / "d.dvc").read_text().splitlines() if "md5:" in line)
    path = root / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]
    path.chmod(0o644)
    path.write_bytes(b"garbage")
    shutil.rmtree(root.parent / "store")
    with pytest.raises(CorruptData):
        collecting.plan(Repository(str(root)), Scope(), open_remote)
