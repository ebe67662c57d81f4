"""The `Git` port over real repositories: odd names, hostile settings, patches that reach outside."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from madang.backends.git.program import GitProgram
from madang.errors import ConfigError, Conflict, NotAWorkspace, NotFound, Refused
from madang.ports.git import Git, Head

NAMES = ["plain.txt", "한글 이름.txt", "한글.txt", "new\nline.txt", 'quo"te.txt', "sub/dir/ü.bin", "-dash", "tab\t.py"]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=True)
    return os.fsdecode(done.stdout).strip()


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit of oddly named files, away from the user's own settings."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    folder = tmp_path / "저장소 one"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "x")
    git(folder, "config", "user.email", "x@example.org")
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(f"first of {name}\n".encode())
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def port(folder: Path) -> Git:
    return GitProgram(str(folder))


def test_state_of_a_tree(repo: Path) -> None:
    """Commit, branch, changed, untracked and tracked paths are told, whatever the names are."""
    it = port(repo)
    commit = git(repo, "rev-parse", "HEAD")
    assert it.head() == Head(commit, "main")
    assert sorted(it.tracked()) == sorted(NAMES)
    assert not it.status().dirty
    for name in NAMES:
        (repo / name).write_bytes(b"second\0\xff\n")
    (repo / "sub/new file\n.py").write_text("x")
    (repo / ".gitignore").write_text("*.log\n")
    (repo / "a.log").write_text("x")
    status = it.status()
    assert sorted(status.changed) == sorted(NAMES)
    assert sorted(status.untracked) == [".gitignore", "sub/new file\n.py"]
    git(repo, "checkout", "-q", "--detach")
    assert it.status().head == it.head() == Head(commit, "")


def test_before_the_first_commit(tmp_path: Path, repo: Path) -> None:
    """A repository without a commit has an empty one; what is staged is the diff."""
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q", "-b", "main")
    it = port(empty)
    assert it.head() == Head("", "main")
    assert it.diff() == b""
    (empty / "a.py").write_text("a\n")
    git(empty, "add", "a.py")
    assert b"+a" in it.diff()
    assert "a.py" in it.diff_stat()
    with pytest.raises(NotFound):
        it.resolve("HEAD")


def test_a_diff_travels_to_a_clean_tree(repo: Path, tmp_path: Path) -> None:
    """Edits, binary changes, additions, deletions and modes come out of `diff` and go in by `apply`, byte for byte."""
    it = port(repo)
    commit = it.head().commit
    for name in NAMES[:-2]:
        (repo / name).write_bytes(os.urandom(3000))
    (repo / "-dash").unlink()
    (repo / "tab\t.py").chmod(0o755)
    (repo / "added 파일.py").write_bytes(b"no newline at the end")
    (repo / "link").symlink_to("sub/dir")
    git(repo, "add", "added 파일.py", "link")
    patch = it.diff()
    clean = it.add_worktree(str(tmp_path / "clean tree"), commit)
    assert not clean.status().dirty
    clean.apply(patch)
    assert clean.diff() == patch
    for name in (*NAMES[:-2], "added 파일.py"):
        assert (tmp_path / "clean tree" / name).read_bytes() == (repo / name).read_bytes()
    assert not (tmp_path / "clean tree/-dash").exists()
    assert (tmp_path / "clean tree/tab\t.py").stat().st_mode & 0o111
    assert os.readlink(tmp_path / "clean tree/link") == "sub/dir"
    it.remove_worktree(str(tmp_path / "clean tree"))
    it.remove_worktree(str(tmp_path / "clean tree"))
    assert not (tmp_path / "clean tree").exists()
    assert git(repo, "worktree", "list").count("\n") == 0


def test_work_trees_made_and_removed_at_once(repo: Path, tmp_path: Path) -> None:
    """Nobody who adds or removes a work tree meets the half-made one of another."""
    it = port(repo)

    def use(number: int) -> None:
        for turn in range(10):
            path = str(tmp_path / f"{number}-{turn}" / "tree")
            it.add_worktree(path, "HEAD")
            it.remove_worktree(path)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(use, number) for number in range(6)]:
            done.result()
    assert git(repo, "worktree", "list").count("\n") == 0


def test_a_diff_does_not_depend_on_settings(repo: Path) -> None:
    """The user's taste in diffs changes nothing of what is recorded."""
    it = port(repo)
    (repo / "plain.txt").write_text("second\n")
    before = it.diff(), it.diff_stat(), it.status()
    for setting in (
        "diff.noprefix=true", "diff.mnemonicPrefix=true", "color.ui=always", "diff.context=0", "core.quotePath=true",
        "diff.renames=copies", "status.showUntrackedFiles=no", "core.pager=false", "diff.external=false",
        "diff.algorithm=patience", "status.relativePaths=false", "core.abbrev=12", "diff.stat=false",
        "apply.whitespace=fix",
    ):  # fmt: skip
        git(repo, "config", *setting.split("=", 1))
    assert (it.diff(), it.diff_stat(), it.status()) == before


def test_a_hostile_repository_runs_nothing(repo: Path, tmp_path: Path) -> None:
    """Hooks, monitors, external diffs, filters and pagers that a repository brings along do not run."""
    trap = tmp_path / "trap"
    sign = tmp_path / "ran"
    trap.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{sign}'\ncat\n")
    trap.chmod(0o755)
    for hook in ("post-checkout", "pre-commit", "post-index-change", "fsmonitor-watchman", "reference-transaction"):
        (repo / ".git/hooks").mkdir(exist_ok=True)
        os.link(trap, repo / ".git/hooks" / hook)
    for key in (
        "core.fsmonitor", "core.pager", "pager.diff", "diff.external", "diff.evil.textconv", "diff.evil.command",
        "core.editor", "filter.evil.smudge", "filter.evil.process", "core.sshCommand", "core.askPass",
        "core.gitProxy", "gpg.program",
        "core.alternateRefsCommand", "merge.evil.driver", "credential.helper",
    ):  # fmt: skip
        git(repo, "config", key, str(trap))
    git(repo, "config", "filter.evil.required", "true")
    git(repo, "config", "remote.origin.url", f"ext::{trap}")
    (repo / ".git/info/attributes").write_text("* diff=evil filter=evil merge=evil\n")
    it = port(repo)
    assert it.head().commit
    assert it.remote_url("main")
    clean = it.add_worktree(str(tmp_path / "tree"), "HEAD")
    assert (tmp_path / "tree/plain.txt").read_text() == "first of plain.txt\n"
    (repo / ".git/info/attributes").write_text("* diff=evil merge=evil\n")
    (repo / "plain.txt").write_text("second\n")
    patch = it.diff()
    assert it.status().changed == ["plain.txt"]
    it.diff_stat()
    clean.apply(patch)
    it.remove_worktree(str(tmp_path / "tree"))
    assert not sign.exists(), sign.read_text()


def test_the_callers_git_variables_do_not_leak_in(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a hook, Git points its variables at another repository; the port looks at its own."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    (repo / "plain.txt").write_text("second\n")
    assert port(repo).status().changed == ["plain.txt"]
    assert b"second" in port(repo).diff()


def new_file(path: str, text: str = "x", mode: int = 100644) -> str:
    """A patch that makes one file without a newline at its end."""
    return (
        f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n"
        f"@@ -0,0 +1 @@\n+{text}\n\\ No newline at end of file\n"
    )


PATCHES = {
    "dot dot": new_file("../out"),
    "absolute": new_file("/{tmp}/out"),
    "git folder": new_file(".git/x"),
    "git folder below": new_file("s/.GIT/x"),
    "link out": new_file("l", "../..", 120000),
    "link absolute": new_file("l", "/etc", 120000),
    "link to git": new_file("l", ".git", 120000),
    "through a link": new_file("l", "sub", 120000) + new_file("l/x"),
    "submodule": new_file("m", "Subproject commit 0123456789012345678901234567890123456789", 160000),
}


@pytest.mark.parametrize("kind", PATCHES)
def test_a_patch_that_reaches_outside_is_refused(kind: str, repo: Path, tmp_path: Path) -> None:
    """Nothing is written when any part of a patch leads out of the tree, and the error says why."""
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*") if "index" not in path.name}
    patch = PATCHES[kind].replace("{tmp}", str(tmp_path)).encode()
    with pytest.raises((Refused, Conflict)):
        port(repo).apply(new_file("good").encode() + patch)
    after = {path for path in tmp_path.rglob("*") if "objects" not in path.parts and "index" not in path.name}
    assert {path for path in after if path not in before} == set()


def test_a_patch_that_does_not_fit_is_a_conflict(repo: Path) -> None:
    """A patch against other content changes nothing and says so."""
    (repo / "plain.txt").write_text("second\n")
    patch = port(repo).diff()
    (repo / "plain.txt").write_text("third\n")
    git(repo, "commit", "-aqm", "third")
    with pytest.raises(Conflict, match=r"plain\.txt"):
        port(repo).apply(patch)
    assert (repo / "plain.txt").read_text() == "third\n"


@pytest.fixture
def moved(repo: Path) -> tuple[str, str]:
    """Two commits of a branch, with a file changed, one added, one gone and one executable; HEAD is at the first."""
    old = git(repo, "rev-parse", "HEAD")
    for name in NAMES[:3]:
        (repo / name).write_text("second")
    (repo / NAMES[3]).unlink()
    (repo / NAMES[4]).chmod(0o755)
    (repo / "added").write_text("x")
    (repo / "link").symlink_to("added")
    git(repo, "add", "--all")
    git(repo, "commit", "-q", "-m", "second")
    new = git(repo, "rev-parse", "HEAD")
    git(repo, "reset", "-q", "--hard", old)
    return old, new


def _half(repo: Path, new: str) -> None:
    """Some files are written, the index is not."""
    for name in (NAMES[0], "added", "link"):
        git(repo, "checkout", "-q", new, "--", name)
    (repo / NAMES[3]).unlink()
    git(repo, "reset", "-q", "--mixed", "HEAD")


def _index(repo: Path, new: str) -> None:
    git(repo, "read-tree", "-m", "-u", "HEAD", new)


def _branch(repo: Path, new: str) -> None:
    """Half of the way back: files and index are old again, the branch is not."""
    git(repo, "update-ref", "HEAD", new)


def _whole(repo: Path, new: str) -> None:
    git(repo, "reset", "-q", "--hard", new)


def _nothing(repo: Path, new: str) -> None:
    return


def test_files_that_were_only_touched_are_in_nobodys_way(repo: Path, moved: tuple[str, str]) -> None:
    """A move goes by what files hold: their times, and the inodes of a copied repository, are not asked."""
    old, new = moved
    for name in NAMES[:5]:
        os.utime(repo / name, (1, 1))
    port(repo).move(old, new)
    assert git(repo, "rev-parse", "HEAD") == new
    assert git(repo, "status", "--porcelain") == ""


@pytest.mark.parametrize("stop", [_nothing, _half, _index, _branch, _whole])
def test_a_move_is_taken_back_wherever_it_stopped(
    repo: Path, moved: tuple[str, str], stop: Callable[[Path, str], None]
) -> None:
    """Files, index and branch are at the first commit again; files of nobody's stay."""
    old, new = moved
    stop(repo, new)
    (repo / "mine").write_text("mine")
    port(repo).take_back(old, new)
    assert git(repo, "rev-parse", "HEAD") == old
    assert git(repo, "status", "--porcelain") == "?? mine"


def test_a_move_is_not_taken_back_over_other_bytes(repo: Path, moved: tuple[str, str]) -> None:
    """A file with bytes of neither commit, a locked index and a branch that went on are conflicts; all stays."""
    old, new = moved
    _half(repo, new)
    (repo / NAMES[0]).write_text("by hand")
    with pytest.raises(Conflict, match=NAMES[0]):
        port(repo).take_back(old, new)
    assert (repo / NAMES[0]).read_text() == "by hand"
    assert (repo / "added").read_text() == "x"
    (repo / ".git" / "index.lock").touch()
    with pytest.raises(Conflict, match=r"index\.lock"):
        port(repo).take_back(old, new)
    (repo / ".git" / "index.lock").unlink()
    git(repo, "commit", "-q", "--allow-empty", "-m", "went on")
    with pytest.raises(Conflict, match="neither"):
        port(repo).take_back(old, new)


def test_remotes_are_told_without_credentials(repo: Path) -> None:
    """The address is the one that the branch follows; user and password are gone."""
    it = port(repo)
    assert it.remote_url() == ""
    git(repo, "config", "remote.origin.url", "https://kim:geheim@example.org/a.git")
    git(repo, "config", "remote.up.url", "git@example.org:b.git")
    assert it.remote_url("main") == "https://example.org/a.git"
    git(repo, "config", "branch.main.remote", "up")
    assert it.remote_url("main") == "git@example.org:b.git"


def test_files_of_a_commit(repo: Path) -> None:
    """A file is read as it stands in a commit, whatever happened to it since."""
    it = port(repo)
    (repo / "한글 이름.txt").unlink()
    assert it.read("HEAD", "한글 이름.txt").decode() == "first of 한글 이름.txt\n"
    with pytest.raises(NotFound):
        it.read("HEAD", "none")
    assert it.has_commit("main")
    assert not it.has_commit("0" * 40)
    for odd in ("--all", "nope", "", "HEAD; rm -rf /"):
        with pytest.raises(NotFound):
            it.resolve(odd)


def test_submodules_are_named(repo: Path, tmp_path: Path) -> None:
    """A submodule at another commit is a change, and told to be a submodule."""
    inner = repo / "inner"
    subprocess.run(["git", "clone", "-q", str(repo), str(inner)], check=True, capture_output=True)
    git(inner, "config", "user.name", "x")
    git(inner, "config", "user.email", "x@example.org")
    git(repo, "-c", "advice.addEmbeddedRepo=false", "add", "inner")
    git(repo, "commit", "-qm", "with a submodule")
    git(inner, "commit", "-q", "--allow-empty", "-m", "on")
    status = port(repo).status()
    assert status.submodules == ["inner"]


def test_errors_name_the_matter(tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository, no git program and a stranger's repository each have their own error."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(NotAWorkspace):
        port(tmp_path).status()
    with pytest.raises(NotAWorkspace):
        port(tmp_path / "none").status()
    with pytest.raises(ConfigError, match="Git"):
        GitProgram(str(repo), program=str(tmp_path / "no-git")).status()
    if os.getuid() == 0:
        os.chown(repo, 12345, 12345)
        os.chown(repo / ".git", 12345, 12345)
        with pytest.raises(Refused, match="another user"):
            port(repo).status()
