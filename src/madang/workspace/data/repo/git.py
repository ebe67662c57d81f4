"""The little that data commands ask of git."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from madang.errors import NotFound, StorageError

_ARGUMENTS = 500  # paths given to one program
_SMALL, _KEPT = 1 << 16, 1 << 26  # bytes of objects that are kept, and of all of them
_NOT_PASSED_ON = frozenset(("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"))
"""Variables by which git tells its hooks where they are."""


def ignored(root: str, paths: Sequence[str]) -> set[str]:
    """Those of the absolute paths that git's rules ignore (also ones that git does not know yet)."""
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    done = run(root, "check-ignore", "-z", "--stdin", literal=False, given=names)  # it takes paths literally anyway
    return {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}


def holding(root: str, paths: Sequence[str]) -> set[str]:
    """Those of the absolute paths that git tracks, or of which it tracks something below."""
    names: set[str] = set()
    for start in range(0, len(paths), _ARGUMENTS):
        done = run(root, "ls-files", "-z", "--full-name", "--", *paths[start : start + _ARGUMENTS])
        for name in done.stdout.split(b"\0"):
            parts = os.fsdecode(name).split("/") if name else []
            names.update(os.path.join(root, *parts[:depth]) for depth in range(1, len(parts) + 1))
    return names.intersection(paths)


def add(root: str, paths: Sequence[str]) -> None:
    """Stage files.

    Raises:
        StorageError: git refused, in its own words.
    """
    done = run(root, "add", "--", *paths)
    if done.returncode != 0:
        raise StorageError(f"git add failed: {os.fsdecode(done.stderr).strip()}", hint="Stage the files yourself.")


def changes(root: str, *, untracked: bool) -> tuple[bool, list[str]]:
    """Whether git sees changes in a work tree, and (when asked) the absolute paths of the files that it does not know.

    Without asking for them, they are no change.
    """
    mode = "all" if untracked else "no"
    done = run(root, "status", "--porcelain=v1", "-z", "--no-renames", f"--untracked-files={mode}")
    lines = [line for line in done.stdout.split(b"\0") if line]
    others = [os.path.join(root, os.fsdecode(line[3:])) for line in lines if line.startswith(b"?? ")]
    return bool(lines), others


def commit(root: str, revision: str) -> str | None:
    """Full name of the commit that git knows by a revision (``HEAD~2``, a tag, a branch); None when it knows none."""
    if not revision or revision.startswith("-") or "\0" in revision:
        return None
    done = run(root, "rev-parse", "--verify", "--quiet", revision + "^{commit}")
    return done.stdout.decode().strip() if done.returncode == 0 else None


def branch(root: str) -> str | None:
    """The name of the branch that is checked out; None when a commit is."""
    done = run(root, "symbolic-ref", "-q", "HEAD")
    return os.fsdecode(done.stdout).strip().removeprefix("refs/heads/") or None


def path_of(root: str, name: str) -> str:
    """Where a file of the git folder lies (``hooks``, ``rebase-merge``), work trees and core.hooksPath considered."""
    done = run(root, "rev-parse", "--git-path", name)
    return os.path.join(root, os.fsdecode(done.stdout).rstrip("\n"))


def setting(root: str, key: str) -> str | None:
    """A value of git's configuration, or None."""
    done = run(root, "config", "--get", key)
    return os.fsdecode(done.stdout).rstrip("\n") if done.returncode == 0 else None


def set_value(root: str, key: str, value: str) -> None:
    """Set a value in the repository's configuration. Raises `StorageError` when git refuses."""
    done = run(root, "config", key, value)
    if done.returncode != 0:
        raise StorageError(f"git config {key} failed: {os.fsdecode(done.stderr).strip()}", hint="Set it yourself.")


def refs(root: str, pattern: str) -> list[str]:
    """Full names of the refs below or like ``pattern``. Raises `StorageError` when git refuses, as those below do."""
    return os.fsdecode(_answer(root, "for-each-ref", "--format=%(refname)", pattern)).splitlines()


def first_parents(root: str, revision: str, count: int) -> list[str]:
    """``count`` commits from ``revision`` back along first parents; all of them when it is negative."""
    if count == 0:
        return []
    limit = [] if count < 0 else [f"--max-count={count}"]
    return _answer(root, "rev-list", "--first-parent", *limit, revision, "--").decode().split()


def reachable(root: str, *, since: int | None = None) -> list[str]:
    """Every commit that a branch, a tag, a remote branch or HEAD reaches, newest first.

    ``since`` leaves those committed then (in seconds) or later, also behind younger parents.
    """
    starts = ["--branches", "--tags", "--remotes"]
    if commit(root, "HEAD") is not None:
        starts.append("HEAD")
    elif not refs(root, "refs"):
        return []  # nothing was ever committed
    rows = (line.split() for line in _answer(root, "log", "--format=%H %ct", *starts, "--").decode().splitlines())
    return [name for name, when in rows if since is None or int(when) >= since]


def worktrees(root: str) -> list[tuple[str, str]]:
    """(folder, commit) of every work tree of the repository; an empty commit for a bare one or a branch without one."""
    found: list[tuple[str, str]] = []
    done = run(root, "worktree", "list", "--porcelain", "-z")
    fields = done.stdout.split(b"\0")
    if done.returncode != 0:  # git before 2.36
        fields = _answer(root, "worktree", "list", "--porcelain").split(b"\n")
    for field in fields:
        key, _, value = os.fsdecode(field).partition(" ")
        if key == "worktree":
            found.append((value, ""))
        elif key == "HEAD" and found:
            found[-1] = (found[-1][0], value.strip("0") and value)
    return found


def stashes(root: str) -> list[list[str]]:
    """The commits of each stash, newest first: its work tree, its index and, if there are any, its unknown files."""
    if not refs(root, "refs/stash"):
        return []
    lines = [
        line.split() for line in _answer(root, "log", "-g", "--format=%H %P", "refs/stash", "--").decode().splitlines()
    ]
    return [[line[0], *line[2:]] for line in lines if line]


def sizes(root: str, commit: str, folder: str) -> dict[str, int]:
    """Bytes of each file in one folder of a commit (``""`` for its root), by name."""
    done = run(root, "ls-tree", "-l", "-z", f"{commit}:{folder}")
    found = {}
    for line in done.stdout.split(b"\0"):
        head, tab, name = line.partition(b"\t")
        size = head.split()[-1:]
        if tab and size and size[0].isdigit():
            found[os.fsdecode(name)] = int(size[0])
    return found


class Logged(NamedTuple):
    """One commit of a file's history."""

    commit: str
    at: int  # µs UTC
    author: str
    message: str  # first line


def log(root: str, path: str, limit: int) -> list[Logged]:
    """The commits before and at HEAD that changed a file (absolute path), newest first; nothing without a commit."""
    done = run(root, "log", f"--max-count={limit}", "--format=%H%x00%ct%x00%an%x00%s", "--", path)
    rows = (line.split("\0") for line in done.stdout.decode("utf-8", "replace").splitlines())
    return [Logged(row[0], int(row[1]) * 1_000_000, row[2], row[3]) for row in rows if len(row) == 4]


class GitEntry(NamedTuple):
    """One name in a tree of git."""

    name: str | None  # of the object; None for a submodule, whose objects are elsewhere
    is_dir: bool
    is_link: bool = False
    is_exec: bool = False


class GitObjects:
    """The objects of one git repository, read by their names through one ``git cat-file`` that stays. Thread-safe."""

    def __init__(self, root: str) -> None:
        """``root`` is a work tree or a git folder. Nothing is started until the first read."""
        self.root = root
        self._lock = threading.Lock()
        self._program: subprocess.Popen[bytes] | None = None
        self._trees: dict[str, dict[str, GitEntry]] = {}
        self._small: dict[str, bytes] = {}  # by name: commits share most of their files
        self._kept = 0  # bytes in it

    def read(self, name: str) -> bytes:
        """Bytes of an object, by its name or any expression of git without a line break.

        Raises:
            NotFound: git has no such object.
        """
        found = self._small.get(name)
        return self._ask(name) if found is None else found

    def _ask(self, name: str) -> bytes:
        with self._lock:
            if self._program is None or self._program.poll() is not None:
                self._program = _start(self.root, "cat-file", "--batch")
            asked, answers = self._program.stdin, self._program.stdout
            assert asked is not None
            assert answers is not None
            asked.write(os.fsencode(name) + b"\n")
            asked.flush()
            head = answers.readline().split()
            if len(head) != 3 or not head[2].isdigit():
                raise NotFound(
                    f"git has no object {name} in {self.root}.", hint="In a shallow clone: git fetch --unshallow."
                )
            body = answers.read(int(head[2]))
            answers.read(1)
            if len(body) < _SMALL and head[0] == os.fsencode(name):
                if self._kept > _KEPT:
                    self._small.clear()
                    self._kept = 0
                self._small[name] = body
                self._kept += len(body)
        return body

    def tree(self, name: str) -> dict[str, GitEntry]:
        """What a tree holds, by name."""
        found = self._trees.get(name)
        if found is None:
            digits = len(name.removesuffix("^{tree}")) // 2
            found = self._trees[name] = dict(_entries(self.read(name), digits))
        return found

    def close(self) -> None:
        """End the program."""
        with self._lock:
            program, self._program = self._program, None
        if program is not None:
            program.communicate()


def _entries(body: bytes, digits: int) -> Iterator[tuple[str, GitEntry]]:
    """Entries of a tree's bytes; its names of objects take ``digits`` bytes each."""
    start = 0
    while start < len(body):
        space, end = body.index(b" ", start), body.index(b"\0", start)
        mode, path = body[start:space], body[space + 1 : end]
        start = end + 1 + digits
        name = body[end + 1 : start].hex()
        is_module = mode == b"160000"
        yield (
            os.fsdecode(path),
            GitEntry(None if is_module else name, mode == b"40000", mode == b"120000", mode == b"100755"),
        )


def _start(root: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["git", "-C", root, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment(),
    )  # fmt: skip


def _answer(root: str, *arguments: str) -> bytes:
    """What git prints. An error is never taken for an empty answer: what is not named there may be deleted."""
    done = run(root, *arguments)
    if done.returncode != 0:
        raise StorageError(
            f"git {arguments[0]} failed in {root}: {os.fsdecode(done.stderr).strip()}", hint="Mend that, then repeat."
        )
    return done.stdout


def run(
    root: str, *arguments: str, literal: bool = True, given: bytes = b"", index: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a work tree, whatever comes of it; ``index`` is a file that stands for the index."""
    variables = {**environment(), "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": str(int(literal))}
    if index:
        variables["GIT_INDEX_FILE"] = index
    return subprocess.run(["git", "-C", root, *arguments], capture_output=True, check=False, env=variables, input=given)


def environment() -> dict[str, str]:
    """What git is started with: the folder that is given decides, also inside a hook of another repository."""
    return {key: value for key, value in os.environ.items() if key not in _NOT_PASSED_ON}
