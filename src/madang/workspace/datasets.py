"""The tracked data of a work tree, its versions in git, and the bytes in its cache (`TrackedData`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import BinaryIO

from madang.domain.datasets import Recorded
from madang.domain.tables import TableChange
from madang.errors import ConfigError, InvalidInput, MadangError, NotFound
from madang.formats.dvc import dvcfile, layout
from madang.workspace.data.changes import tables
from madang.workspace.data.records import outs
from madang.workspace.data.records.outs import TrackedOut
from madang.workspace.data.records.trees import CommitTree
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository, find_root

LOCK = "dvc.lock"
_LARGEST_TABLE = 64 << 20  # bytes: a page does not wait longer


class WorkspaceData:
    """See `TrackedData`. Every project of the workspace's store has the same data: that of its work tree."""

    def __init__(self, root: str) -> None:
        """``root`` is the work tree; a data repository need not be there (yet)."""
        self._root = root

    def tracked(self, project: str) -> dict[str, Recorded]:
        """See `TrackedData.tracked`."""
        with self._opened() as repository:
            return {} if repository is None else {self._name(out): _recorded(out) for out in outs.tracked(repository)}

    def history(self, project: str, name: str, limit: int) -> list[Recorded]:
        """See `TrackedData.history`."""
        path = os.path.join(self._root, name)
        with self._opened() as repository:
            if repository is None or repository.git_root is None:
                return []
            out = next((one for one in outs.tracked(repository) if one.path == path), None)
            file = out.dvc_file if out is not None else path + dvcfile.SUFFIX
            if not file.endswith(dvcfile.SUFFIX):
                file = os.path.join(os.path.dirname(file), LOCK)
            return [
                replace(
                    _at(repository, entry.commit, file, path),
                    commit=entry.commit,
                    at=entry.at,
                    author=entry.author,
                    message=entry.message,
                    record=os.path.relpath(file, self._root),
                )
                for entry in git.log(repository.git_root, file, limit)
            ]

    def listing(self, project: str, version: str) -> dict[str, str]:
        """See `TrackedData.listing`."""
        name = layout.check_name(version.removeprefix("md5:"), "The version")
        if not layout.is_dir(name):
            return {"": name}
        with self._needed() as repository:
            return repository.cache.listing(name)

    def sizes(self, project: str, md5s: Iterable[str]) -> dict[str, int]:
        """See `TrackedData.sizes`."""
        with self._opened() as repository:
            if repository is None:
                return {}
            return {name: key.size for name, key in repository.cache.look(set(md5s)).keys.items()}

    def table_change(self, project: str, before: str, after: str, name: str) -> TableChange | None:
        """See `TrackedData.table_change`."""
        sizes = self.sizes(project, (before, after))
        if not tables.is_table(name) or len(sizes) < len({before, after}) or max(sizes.values()) > _LARGEST_TABLE:
            return None
        with self._needed() as repository:
            try:
                return tables.compare(repository.cache.path(before), repository.cache.path(after), name)
            except (InvalidInput, ConfigError):  # not the table that its name promises, or nothing here reads it
                return None

    def open(self, project: str, md5: str) -> tuple[BinaryIO, int]:
        """See `TrackedData.open`."""
        with self._needed() as repository:
            try:
                file = open(repository.cache.path(layout.check_name(md5, "The file")), "rb")  # noqa: SIM115 - the caller closes it
            except (FileNotFoundError, NotADirectoryError):
                raise NotFound(f"The object {md5} is not in the cache.", hint="madang fetch") from None
            return file, os.fstat(file.fileno()).st_size

    def _name(self, out: TrackedOut) -> str:
        return os.path.relpath(out.path, self._root)

    @contextmanager
    def _opened(self) -> Iterator[Repository | None]:
        root = find_root(self._root)
        if root is None:
            yield None
            return
        with closing(Repository(root)) as repository:
            yield repository

    @contextmanager
    def _needed(self) -> Iterator[Repository]:
        with self._opened() as repository:
            if repository is None:
                raise NotFound(f"{self._root} has no tracked data.", hint="madang init, then madang add")
            yield repository


def _at(repository: Repository, commit: str, file: str, path: str) -> Recorded:
    """What the record ``file`` said of a path in a commit."""
    tree = CommitTree(repository, commit)
    try:
        if file.endswith(dvcfile.SUFFIX):
            text = tree.read(repository.relative(file).replace(os.sep, "/"))
            found = outs.outs_of(file, text) if text is not None else []
        else:
            found = outs.tracked(repository, os.path.dirname(file), tree=tree)
    except MadangError:  # a record that cannot be read names nothing that could be had
        found = []
    return next((_recorded(out) for out in found if out.path == path), Recorded(""))


def _recorded(out: TrackedOut) -> Recorded:
    return Recorded(f"md5:{out.md5}" if out.md5 else "", out.size, out.nfiles if out.is_dir else 1)
