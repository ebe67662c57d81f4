"""The records of a repository, in the work tree and in commits."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.data.helpers import make

from madang.errors import InvalidInput, NotAWorkspace, NotFound
from madang.workspace.data.files.adding import add
from madang.workspace.data.records.outs import resolve, tracked
from madang.workspace.data.records.trees import CommitTree, FileTree, WorkTree, commit_of, commits
from madang.workspace.data.repo.initializing import initialize
from madang.workspace.data.repo.repository import Repository


def git(folder: Path, *args: str, when: str = "2026-11-01T12:00:00") -> str:
    """Run git there; gives what it printed."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when}
    who = ("-c", "user.name=n", "-c", "user.email=e@x")
    return subprocess.run(
        ["git", "-C", str(folder), *who, *args], check=True, capture_output=True, text=True, env=environment
    ).stdout.strip()


def commit(folder: Path, message: str, when: str = "2026-11-01T12:00:00") -> str:
    """Commit all that git sees; gives the commit's name."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message, when=when)
    return git(folder, "rev-parse", "HEAD")


def files_in(tree: FileTree, folder: str = "") -> dict[str, bytes]:
    """Every file of a tree with its bytes."""
    found: dict[str, bytes] = {}
    for entry in tree.entries(folder):
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.name in (".git", "tmp", "cache"):
            continue
        if entry.is_dir:
            found.update(files_in(tree, path))
        else:
            found[path] = tree.read(path) or b""
    return found


def test_a_commit_reads_as_the_work_tree_did(repo: Repository, root: Path) -> None:
    """Names of any kind, links and empty files are in a commit's tree as they were on disk; nothing else is."""
    make(root, {"한글 이름/a b\nc": b"1", "x/y/z": b"", "-dash": b"2", "한글/nfd": b"3"})
    (root / "link").symlink_to("x/../-dash")
    (root / "outward").symlink_to("../../etc/passwd")
    (root / "folder link").symlink_to("x")
    name = commit(root, "one")
    before = files_in(WorkTree(repo))
    assert before["link"] == b"2"
    make(root, {"-dash": b"changed", "new": b"n"})
    tree = CommitTree(repo, name)
    assert tree.revision == name
    after = files_in(tree)
    assert after.pop("outward") == b""
    before.pop("outward")
    assert after == before
    assert {entry.name for entry in tree.entries("") if entry.is_link} == {"link", "outward", "folder link"}
    assert tree.exists("x/y")
    for path in ("new", "x/nosuch", "-dash/below", "../outside"):
        assert not tree.exists(path)
        assert tree.read(path) is None
    assert tree.entries("nosuch") == ()
    assert tree.entries("-dash") == ()
    assert WorkTree(repo).read("x") is None


def test_records_of_a_commit(repo: Repository, root: Path) -> None:
    """tracked() and resolve() see a commit's own records, its own .dvcignore, and paths of the work tree."""
    make(root, {"d/a": b"a", "sub/s": b"s", "ignored/t": b"t"})
    add(repo, ["d", "sub/s", "ignored/t"])
    first = commit(root, "one")
    (root / ".dvcignore").write_text("ignored\n")
    (root / "d" / "a").write_bytes(b"b")
    add(repo, ["d"])
    second = commit(root, "two")
    (root / "d.dvc").unlink()
    old, new = CommitTree(repo, first), CommitTree(repo, second)
    relative = [[repo.relative(out.path) for out in tracked(repo, tree=tree)] for tree in (old, new, None)]
    assert relative == [["d", "ignored/t", "sub/s"], ["d", "sub/s"], ["sub/s"]]
    hashes = [resolve(repo, ["d/a"], tree=tree)[0] for tree in (old, new)]
    assert hashes[0].inside == "a"
    assert hashes[0].out.md5 != hashes[1].out.md5
    assert [target.out.path for target in resolve(repo, ["sub"], recursive=True, tree=old)] == [str(root / "sub" / "s")]
    assert [repo.relative(out.path) for out in tracked(repo, str(root / "sub"), tree=old)] == ["sub/s"]
    with pytest.raises(NotFound):
        resolve(repo, ["d"])


def test_a_repository_below_the_top_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data repository in a folder of a git repository sees its own folder of a commit only."""
    git(tmp_path, "init", "-q")
    make(tmp_path, {"top": b"t", "inner/data": b"d"})
    repo = initialize(str(tmp_path / "inner"), subdir=True)
    monkeypatch.chdir(tmp_path / "inner")
    add(repo, ["data"])
    tree = CommitTree(repo, commit(tmp_path, "one"))
    assert not tree.exists("top")
    assert [out.path for out in tracked(repo, tree=tree)] == [str(tmp_path / "inner" / "data")]
    assert tree.read("data.dvc") == (tmp_path / "inner" / "data.dvc").read_bytes()
    repo.close()


def test_the_commits_that_options_mean(repo: Repository, root: Path) -> None:
    """Branches, tags, everything reachable, N commits back and dates give the commits that dvc takes."""
    days = [commit(root, str(day), f"2026-11-{day:02}T12:00:00") for day in range(1, 5)]
    git(root, "branch", "old", days[1])
    git(root, "tag", "-a", "-m", "t", "v1", days[0])
    git(root, "checkout", "-q", "--detach")
    loose = commit(root, "loose", "2026-11-09T12:00:00")
    assert commit_of(repo, "HEAD~2") == days[2]
    assert commit_of(repo, "v1") == days[0]
    assert commit_of(repo, loose[:9]) == loose
    assert commits(repo) == []
    assert set(commits(repo, branches=True)) == {days[1], days[3]}
    assert set(commits(repo, branches=True, num=2)) == {days[0], days[1], days[2], days[3]}
    assert commits(repo, tags=True) == [days[0]]
    assert set(commits(repo, every=True)) == {*days, loose}
    assert commits(repo, revisions=["old", "HEAD"], num=-1) == [days[1], days[0], loose, days[3], days[2]]
    assert commits(repo, revisions=["HEAD"], num=0) == []
    assert set(commits(repo, since="2026-11-04")) == {days[3], loose}
    git(root, "update-ref", "refs/exps/ab/cdef/brave-owl", days[2])
    assert commit_of(repo, "brave-owl") == days[2]
    git(root, "update-ref", "refs/exps/cd/cdef/brave-owl", days[1])
    with pytest.raises(InvalidInput, match="2 experiments"):
        commit_of(repo, "brave-owl")
    for name in ("nosuch", "", "--all", "*", "old..HEAD", "a\0b"):
        with pytest.raises(NotFound):
            commit_of(repo, name)
    with pytest.raises(InvalidInput, match="not a date"):
        commits(repo, since="yesterday")


def test_without_git_there_are_no_revisions(tmp_path: Path) -> None:
    """A repository that wants no git has no history; one that has lost its git says so instead of giving no list."""
    repo = initialize(str(tmp_path), no_scm=True)
    assert commits(repo, every=True, branches=True, tags=True) == []
    with pytest.raises(NotAWorkspace, match="no revisions"):
        commits(repo, revisions=["HEAD"])
    (tmp_path / ".dvc" / "config").write_text("")
    repo = Repository(str(tmp_path))
    with pytest.raises(NotAWorkspace, match="no revisions"):
        commits(repo, every=True)
    with pytest.raises(NotAWorkspace, match="no revisions"):
        commit_of(repo, "HEAD")
