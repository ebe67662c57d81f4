"""The little that data commands ask of git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from madang.errors import StorageError


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
