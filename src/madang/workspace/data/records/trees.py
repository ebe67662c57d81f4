"""The files of a data repository as they stand in the work tree or in a commit, read without a checkout."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from madang.errors import InvalidInput, NotAWorkspace, NotFound
from madang.workspace.data.repo import git
from madang.workspace.data.repo.git import GitObjects
from madang.workspace.data.repo.repository import Repository

_LINKS = 10  # links behind links that are followed


class TreeEntry(NamedTuple):
    """One name in a folder."""

    name: str
    is_dir: bool  # a folder itself, not a link to one
    is_link: bool = False
    is_exec: bool = False  # told by commits only: a file that may be run


class FileTree(Protocol):
    """Files by path: ``/`` between parts, relative to the repository's root; ``""`` is the root."""

    @property
    def revision(self) -> str:
        """The commit's 40 (or 64) hex digits; empty for the work tree."""
        ...

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, links followed; None when there is no such file."""
        ...

    def entries(self, folder: str) -> Sequence[TreeEntry]:
        """What a folder holds, in no particular order; nothing when there is no such folder or it may not be read."""
        ...

    def exists(self, path: str) -> bool:
        """Whether a file or folder of this name is there."""
        ...


class WorkTree:
    """The files on disk."""

    revision = ""

    def __init__(self, repository: Repository) -> None:
        self._root = repository.root

    def read(self, path: str) -> bytes | None:
        """See `FileTree.read`."""
        try:
            with open(os.path.join(self._root, path), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def entries(self, folder: str) -> Sequence[TreeEntry]:
        """See `FileTree.entries`."""
        try:
            with os.scandir(os.path.join(self._root, folder)) as entries:
                return [TreeEntry(one.name, one.is_dir(follow_symlinks=False), one.is_symlink()) for one in entries]
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return ()  # not ours to read: nothing of ours can be in it

    def exists(self, path: str) -> bool:
        """See `FileTree.exists`."""
        return os.path.lexists(os.path.join(self._root, path))


class GitTree:
    """The files of a commit below one of its folders. Objects are read through one git process."""

    def __init__(self, objects: GitObjects, commit: str, folder: str = "") -> None:
        """``folder`` is the data repository's root inside the commit, ``""`` for the commit's own root."""
        self.revision = commit
        self.objects = objects
        self.folder = folder

    def read(self, path: str) -> bytes | None:
        """See `FileTree.read`."""
        whole = posixpath.join(self.folder, path)
        for _ in range(_LINKS):
            found = self._find(whole)
            if found is None or found.is_dir or found.name is None:
                return None
            body = self.objects.read(found.name)
            if not found.is_link:
                return body
            whole = posixpath.normpath(posixpath.join(posixpath.dirname(whole), os.fsdecode(body)))
        return None

    def entries(self, folder: str) -> Sequence[TreeEntry]:
        """See `FileTree.entries`."""
        found = self._find(posixpath.join(self.folder, folder))
        if found is None or not found.is_dir or found.name is None:
            return ()
        return [
            TreeEntry(name, one.is_dir, one.is_link, one.is_exec)
            for name, one in self.objects.tree(found.name).items()
            if one.name is not None  # the files of a submodule are elsewhere
        ]

    def exists(self, path: str) -> bool:
        """See `FileTree.exists`."""
        return self._find(posixpath.join(self.folder, path)) is not None

    def _find(self, path: str) -> git.GitEntry | None:
        found: git.GitEntry | None = git.GitEntry(self.revision + "^{tree}", is_dir=True)
        for part in path.split("/"):
            if part in ("", "."):
                continue
            if found is None or not found.is_dir or found.name is None:
                return None
            found = self.objects.tree(found.name).get(part)
        return found


class CommitTree(GitTree):
    """The files of a data repository at a commit of the git repository around it."""

    def __init__(self, repository: Repository, commit: str) -> None:
        """``commit`` is a full name, as `commit_of` gives it. Raises `NotAWorkspace` without git."""
        root = _git_root(repository)
        below = os.path.relpath(repository.root, root)
        super().__init__(repository.git_objects, commit, "" if below == "." else below.replace(os.sep, "/"))


def commit_of(repository: Repository, revision: str) -> str:
    """Full name of the commit that git, or dvc as an experiment, knows by ``revision``.

    Raises:
        NotFound: neither knows it. InvalidInput: it fits several experiments. NotAWorkspace: there is no git.
    """
    root = _git_root(repository)
    found = git.commit(root, revision)
    if found is None:
        experiments = git.refs(root, f"refs/exps/*/*/{revision}") if _is_plain(revision) else []
        if len(experiments) > 1:
            raise InvalidInput(f"{revision!r} is the name of {len(experiments)} experiments.", hint="Use a commit.")
        found = git.commit(root, experiments[0]) if experiments else None
    if found is None:
        raise NotFound(f"git knows no commit {revision!r}.", hint="git log --oneline lists commits.")
    return found


def commits(
    repository: Repository,
    *,
    branches: bool = False,
    tags: bool = False,
    every: bool = False,
    revisions: Sequence[str] = (),
    num: int = 1,
    since: str = "",
) -> list[str]:
    """Full names of the commits that options such as ``--all-branches`` mean, each once.

    ``num`` is how many commits count from each of ``revisions`` and branches, along first parents; negative: all of
    them. ``every`` is all commits that a branch, tag, remote branch or HEAD reaches. ``since`` is a date YYYY-MM-DD,
    midnight here: those of them that were committed then or later. With ``core.no_scm`` there are none.

    Raises:
        NotFound: an unknown revision. InvalidInput: not such a date. NotAWorkspace: there is no git.
    """
    if not revisions and repository.settings.is_true("core", "no_scm"):
        return []
    root = _git_root(repository)
    found: dict[str, None] = {}
    for revision in revisions:
        found.update(dict.fromkeys(git.first_parents(root, commit_of(repository, revision), num)))
    if every:
        found.update(dict.fromkeys(git.reachable(root)))
        return list(found)
    if branches:
        for ref in git.refs(root, "refs/heads"):
            found.update(dict.fromkeys(git.first_parents(root, ref, num)))
    if tags:
        found.update(dict.fromkeys(filter(None, (git.commit(root, ref) for ref in git.refs(root, "refs/tags")))))
    if since:
        found.update(dict.fromkeys(git.reachable(root, since=_seconds(since))))
    return list(found)


def _seconds(date: str) -> int:
    import time  # noqa: PLC0415 - one rare option

    try:
        return int(time.mktime(time.strptime(date, "%Y-%m-%d")))
    except (ValueError, OverflowError):
        raise InvalidInput(f"{date!r} is not a date.", hint="Write it as 2026-11-21.") from None


def _is_plain(name: str) -> bool:
    return bool(name) and name != "HEAD" and not any(sign in name for sign in "*?[\\^~: /\0")


def _git_root(repository: Repository) -> str:
    root = repository.git_root
    if root is None:
        raise NotAWorkspace(
            f"{repository.root} is not in a git repository (or core.no_scm is set), so it has no revisions.",
            hint="git init, and commit the .dvc files.",
        )
    return root
