"""Keep git away from tracked data: one line in the ``.gitignore`` beside it."""

from __future__ import annotations

import os

from madang.durable import write_file
from madang.formats.dvc import gitignore
from madang.workspace.data import git
from madang.workspace.data.repository import Repository

FILE_NAME = ".gitignore"


def is_in_git(repository: Repository, path: str) -> bool:
    """Whether git tracks the path or something below it."""
    return repository.git_root is not None and git.has_tracked(repository.git_root, path)


def hide(repository: Repository, path: str, aside: str) -> list[str]:
    """Make git ignore a path, unless it does already; ``aside`` is for writing. Returns the files changed.

    Raises:
        InvalidInput: a name that no ``.gitignore`` can express.
    """
    folder, name = os.path.split(path)
    file_name = os.path.join(folder, FILE_NAME)
    text = _read(file_name)
    changed = gitignore.added(text, name)
    if changed == text or repository.git_root is None or git.is_ignored(repository.git_root, path):
        return []
    write_file(file_name, changed.encode("utf-8", "surrogateescape"), aside=aside)
    return [file_name]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
