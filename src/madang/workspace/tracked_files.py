"""Which data is tracked here, which version of it a file is, and its restoring elsewhere: for runs and reproduction."""

from __future__ import annotations

import os
from collections.abc import Iterable

from madang.domain.values import value
from madang.errors import NotFound
from madang.workspace.data import progress
from madang.workspace.data.files import hashing
from madang.workspace.data.files.checkout import Report, checkout, raise_if_incomplete
from madang.workspace.data.files.legacy import place_of
from madang.workspace.data.records import outs
from madang.workspace.data.records.outs import Target, TrackedOut
from madang.workspace.data.repo.repository import Repository, find_root

__all__ = ["FileDigest", "MissingObject", "TrackedFiles", "TrackedOut", "find_tracked_files"]


@value
class FileDigest:
    """A file at or below a tracked path: what it holds now and what is recorded for it."""

    path: str  # absolute
    md5: str  # of its bytes now, 32 hex digits
    recorded: str | None  # MD5 in the record; None when the record does not hold this file, or cannot be read
    out: TrackedOut
    inside: str  # path below the tracked folder; "" for a file that is tracked itself

    @property
    def is_changed(self) -> bool:
        """Whether the file is not as recorded."""
        return self.md5 != self.recorded


@value
class MissingObject:
    """Data that a record names and the cache does not hold."""

    path: str  # the workspace path that needs it, absolute
    name: str  # MD5, with ".dir" for a folder's listing


def find_tracked_files(path: str) -> TrackedFiles | None:
    """The tracked files of the data repository at or above a path, or None."""
    root = find_root(os.path.realpath(path))
    return TrackedFiles(Repository(root)) if root is not None else None


class TrackedFiles:
    """The tracked data of one repository. What it has read is kept: make a new one to see later changes of records."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._tracked: list[TrackedOut] | None = None
        self._listings: dict[str, dict[str, str]] = {}

    @property
    def root(self) -> str:
        """The folder that holds ``.dvc``, absolute."""
        return self.repository.root

    def tracked(self) -> list[TrackedOut]:
        """Every tracked path. Raises `InvalidInput` when a ``.dvc`` file cannot be read."""
        if self._tracked is None:
            self._tracked = outs.tracked(self.repository)
        return self._tracked

    def owner_of(self, path: str) -> TrackedOut | None:
        """The tracked path that is, or holds, an absolute path; None when it is not tracked."""
        return outs.owner_of(path, self.tracked())

    def digest_of(self, path: str) -> FileDigest | None:
        """What a file holds now and what is recorded for it; None when it is not tracked or not there.

        The file is read only when it changed since it was last hashed.

        Raises:
            Conflict: it is being written.
        """
        # Folders are resolved, the file is not: with links to the cache it is itself a link.
        path = os.path.join(os.path.realpath(os.path.dirname(os.path.abspath(path))), os.path.basename(path))
        out = self.owner_of(path)
        if out is None or not os.path.isfile(path):
            return None
        inside = path[len(out.path) + 1 :]
        recorded = self.files_of(out).get(inside) if out.is_dir else out.md5 if not inside else None
        return FileDigest(path, hashing.file_md5(place_of(self.repository, out).state, path), recorded, out, inside)

    def files_of(self, out: TrackedOut) -> dict[str, str]:
        """What is recorded of a tracked folder: MD5 by path; nothing when the cache lacks its listing."""
        assert out.md5 is not None
        if out.md5 not in self._listings:
            try:
                self._listings[out.md5] = place_of(self.repository, out).cache.listing(out.md5)
            except NotFound:
                self._listings[out.md5] = {}
        return self._listings[out.md5]

    def missing_objects(self, worktree_root: str) -> list[MissingObject]:
        """What the ``.dvc`` files of another work tree need and this cache lacks. Nothing is touched.

        Raises:
            Incompatible: data that this release cannot handle.
        """
        missing = []
        for out in self._outs_at(worktree_root):
            assert out.md5 is not None
            cache = place_of(self.repository, out).cache
            needed = {out.path: out.md5}
            if out.is_dir:
                try:
                    files = cache.listing(out.md5)
                except NotFound:
                    missing.append(MissingObject(out.path, out.md5))
                    continue
                needed = {os.path.join(out.path, name): md5 for name, md5 in files.items()}
            absent = set(cache.look(set(needed.values())).missing)
            missing.extend(MissingObject(path, name) for path, name in needed.items() if name in absent)
        return missing

    def checkout_into(self, worktree_root: str, *, meter: progress.Meter = progress.silent) -> Report:
        """Restore all data of another work tree of the same repository from this cache.

        Raises:
            NotFound: something is missing. CorruptData: an object is damaged. Others as `checkout`.
        """
        chosen = self._outs_at(worktree_root)
        report = checkout(self._other(worktree_root), [Target(out) for out in chosen], meter=meter)
        raise_if_incomplete(report, worktree_root)
        return report

    def close(self) -> None:
        """Give back what is open."""
        self.repository.close()

    def _outs_at(self, worktree_root: str) -> list[TrackedOut]:
        other = self._other(worktree_root)
        if not os.path.isdir(other.dvc_dir):
            return []
        found = [out for out in outs.tracked(other) if out.md5 is not None and out.entry.cache]
        _check_all(found)
        return found

    def _other(self, worktree_root: str) -> Repository:
        return Repository(self.repository.root_in(worktree_root), cache_dir=self.repository.cache.folder)


def _check_all(found: Iterable[TrackedOut]) -> None:
    for out in found:
        outs.check_supported(out)
