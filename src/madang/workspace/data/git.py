"""The little that data commands ask of git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from madang.errors import StorageError

_ARGUMENTS = 500  # paths given to one program


def ignored(root: str, paths: Sequence[str]) -> set[str]:
    """Those of the absolute paths that git's rules ignore (also ones that git does not know yet)."""
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    done = _run(root, "check-ignore", "-z", "--stdin", literal=False, given=names)  # it takes paths literally anyway
    return {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}


def holding(root: str, paths: Sequence[str]) -> set[str]:
    """Those of the absolute paths that git tracks, or of which it tracks something below."""
    names: set[str] = set()
    for start in range(0, len(paths), _ARGUMENTS):
        done = _run(root, "ls-files", "-z", "--full-name", "--", *paths[start : start + _ARGUMENTS])
        for name in done.stdout.split(b"\0"):
            parts = os.fsdecode(name).split("/") if name else []
            names.update(os.path.join(root, *parts[:depth]) for depth in range(1, len(parts) + 1))
    return names.intersection(paths)


def add(root: str, paths: Sequence[str]) -> None:
    """Stage files.

    Raises:
        StorageError: git refused, in its own words.
    """
    done = _run(root, "add", "--", *paths)
    if done.returncode != 0:
        raise StorageError(f"git add failed: {os.fsdecode(done.stderr).strip()}", hint="Stage the files yourself.")


def _run(root: str, *arguments: str, literal: bool = True, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": str(int(literal))}
    return subprocess.run(
        ["git", "-C", root, *arguments], capture_output=True, check=False, env=environment, input=given
    )
