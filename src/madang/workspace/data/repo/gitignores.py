"""Keep git away from tracked data: one line in the ``.gitignore`` beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from madang.durable import unlink, write_file
from madang.formats.dvc import gitignore
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository

FILE_NAME = ".gitignore"
_OWN = ("config.local", "tmp", "cache")  # what of ``.dvc`` is for this machine alone


def unnamed(paths: Iterable[str]) -> list[str]:
    """Those of the paths that the ``.gitignore`` beside them does not name: of these alone git need be asked."""
    lines: dict[str, set[str]] = {}
    found = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in lines:
            lines[folder] = set(_read(os.path.join(folder, FILE_NAME)).split("\n"))
        if gitignore.line_for(name) not in lines[folder]:
            found.append(path)
    return found


def hide(path: str, aside: str) -> list[str]:
    """Write the line that makes git ignore a path, if it is missing, by way of ``aside``. Returns files changed."""
    folder, name = os.path.split(path)
    file_name = os.path.join(folder, FILE_NAME)
    text = _read(file_name)
    changed = gitignore.added(text, name)
    if changed == text:
        return []
    write_file(file_name, changed.encode("utf-8", "surrogateescape"), aside=aside)
    return [file_name]


def protect(repository: Repository, path: str) -> list[str]:
    """Make git ignore tracked data, where there is git and it does not ignore it yet. Returns files changed."""
    if repository.git_root is None or path in git.ignored(repository.git_root, [path]):
        return []
    os.makedirs(repository.private_dir, exist_ok=True)
    return hide(path, os.path.join(repository.private_dir, f"ignore-{os.urandom(6).hex()}"))


def protect_own(repository: Repository) -> None:
    """Make git ignore what of ``.dvc`` is for this machine alone.

    The ``.gitignore`` of DVC 0 says nothing of ``tmp``, where replaced files are kept: ``git add -A`` would take them.
    """
    if repository.git_root is None:
        return
    for path in unnamed(os.path.join(repository.dvc_dir, name) for name in _OWN):
        protect(repository, path)


def show(path: str) -> list[str]:
    """Take back the line that hides a path; a ``.gitignore`` that becomes empty goes. Returns files changed."""
    folder, name = os.path.split(path)
    file_name = os.path.join(folder, FILE_NAME)
    text = _read(file_name)
    if not text:
        return []
    changed = gitignore.removed(text, name)
    if changed == text:
        return []
    if changed:
        write_file(file_name, changed.encode("utf-8", "surrogateescape"))
    else:
        unlink(file_name)
    return [file_name]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
