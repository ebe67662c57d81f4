"""The little that data commands ask of git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from madang.errors import StorageError


def find_root(path: str) -> str | None:
    """The top folder of the git work tree that holds ``path``, or None. Looks for ``.git`` and asks nobody."""
    folder = os.path.abspath(path)
    while True:
        if os.path.exists(os.path.join(folder, ".git")):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def common_dir(root: str) -> str:
    """The folder that all worktrees of a repository share (``.git`` of the main one)."""
    dot_git = os.path.join(root, ".git")
    if os.path.isdir(dot_git):
        return dot_git
    with open(dot_git, encoding="utf-8", errors="surrogateescape") as file:
        own = os.path.join(root, file.read().removeprefix("gitdir:").strip())
    try:
        with open(os.path.join(own, "commondir"), encoding="utf-8", errors="surrogateescape") as file:
            return os.path.normpath(os.path.join(own, file.read().strip()))
    except FileNotFoundError:
        return os.path.normpath(own)  # a submodule: its git folder is its own


def is_ignored(root: str, path: str) -> bool:
    """Whether git's rules ignore a path (also one that git does not know yet)."""
    return (
        _run(root, "check-ignore", "-q", "--", path, literal=False).returncode == 0
    )  # it takes paths literally anyway


def has_tracked(root: str, path: str) -> bool:
    """Whether git tracks the path, or anything below it."""
    return bool(_run(root, "ls-files", "-z", "--", path).stdout)


def add(root: str, paths: Sequence[str]) -> None:
    """Stage files.

    Raises:
        StorageError: git refused, in its own words.
    """
    done = _run(root, "add", "--", *paths)
    if done.returncode != 0:
        raise StorageError(f"git add failed: {os.fsdecode(done.stderr).strip()}", hint="Stage the files yourself.")


def _run(root: str, *arguments: str, literal: bool = True) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": str(int(literal))}
    return subprocess.run(
        ["git", "-C", root, *arguments], capture_output=True, check=False, env=environment, stdin=subprocess.DEVNULL
    )
