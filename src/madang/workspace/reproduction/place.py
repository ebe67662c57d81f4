"""A clean place in which a run can be repeated: the recorded code in a work tree of its own, and its data."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import field

from madang.domain.runs import RunRecord
from madang.domain.values import mutable
from madang.domain.versions import check_path
from madang.errors import StorageError
from madang.ports.git import Git
from madang.ports.reader import Reader
from madang.services.reproduce import written_by_children
from madang.workspace import lfs_objects, tracked_files
from madang.workspace.data.remotes.transfer import OpenRemote
from madang.workspace.reproduction.data import MAX_NAMED, RunData, is_seen
from madang.workspace.reproduction.files import (
    blake3_of,
    checked_bytes,
    is_inside,
    link_above,
    md5_of,
    no_links_above,
    write_inside,
)
from madang.workspace.worktrees import Worktree, Worktrees

_NOWHERE = "it is neither in Git nor tracked as data"


@mutable
class Place:
    """A work tree for one repetition. ``missing`` is what it lacks; nothing may run while something does."""

    tree: Worktree
    missing: list[str] = field(default_factory=list)
    local: list[str] = field(default_factory=list)  # files taken from the original's work tree as they are now

    @property
    def folder(self) -> str:
        """Of this repetition, in the store."""
        return self.tree.folder

    @property
    def root(self) -> str:
        """Of the work tree."""
        return self.tree.root


class Workspace:
    """The repository in which the run is repeated, and its data."""

    def __init__(self, git: Git, git_dir: str, store: str, open_remote: OpenRemote | None = None) -> None:
        """``open_remote`` opens remotes of data; without it the cache alone is looked into."""
        self.git = git
        self.git_dir = git_dir  # shared by all work trees
        self.store = store
        self._open_remote = open_remote
        self._trees = Worktrees(git, os.path.join(store, "reproduce"))

    def prepare(self, run: RunRecord, reader: Reader, *, with_local: bool, with_unchanged: bool = False) -> Place:
        """Make the work tree: commit, diff, untracked files, data. What is missing is listed, all of it.

        ``with_unchanged`` takes files that nothing tracks from the original's work tree where they still have the
        digest of what the run read.

        Raises:
            Refused: the diff or a file reaches outside the tree.
            Conflict: the diff does not fit its commit.
            CorruptData: stored bytes do not have their digest.
            StorageError: the disk refused.
        """
        code = run.code
        assert code is not None
        try:
            place = Place(self._trees.make(code.commit))
        except OSError as error:
            raise _refused(error) from error
        try:
            if code.diff is not None:
                with reader.open_blob(run.project, code.diff.digest) as file:
                    place.tree.git.apply(checked_bytes(file, code.diff.digest, "the diff"))
            for item in code.untracked:
                with reader.open_blob(run.project, item.digest) as file:
                    write_inside(place.root, item, file)
            if with_local:
                self._take_local(run, [item.path for item in code.withheld], place)
            self._data(run, place)
            if with_unchanged:
                _take_unchanged(run, place)
            own = {item.path for item in run.outputs} | written_by_children(reader, run)
            self._reads(run, place, own, with_local=with_local)
            _make_working_folder(run, place.root)
        except OSError as error:
            self.remove(place)
            raise _refused(error) from error
        except BaseException:
            self.remove(place)
            raise
        return place

    def remove(self, place: Place) -> None:
        """Take the work tree away."""
        self._trees.remove(place.tree)

    def keep(self, place: Place) -> None:
        """Leave the work tree to the user: it is not cleared away later either."""
        self._trees.keep(place.tree)

    def missing_data(self, run: RunRecord) -> list[str]:
        """Tracked data that the run read and that can be had from nowhere, as far as it is told without a work tree."""
        tracked = tracked_files.find_tracked_files(self.git.root)
        if tracked is None:
            lost = [item for item in run.inputs if not is_seen(item, run)]
            return [f"{item.path} ({item.digest}): there is no data repository here" for item in lost]
        try:
            return RunData(run, tracked, self._open_remote).missing()
        finally:
            tracked.close()

    def _data(self, run: RunRecord, place: Place) -> None:
        tracked = tracked_files.find_tracked_files(self.git.root)
        if tracked is None:
            place.missing += self.missing_data(run)
            return
        try:
            place.missing += RunData(run, tracked, self._open_remote).restore(place.root)
        finally:
            tracked.close()

    def _reads(self, run: RunRecord, place: Place, made: Collection[str], *, with_local: bool) -> None:
        """Files that the run opened and that are nowhere in the record: not in Git, not tracked, not captured.

        ``made`` are those that it wrote itself.
        """
        opened = {path: how for path, how in run.opened.items() if is_inside(path)}
        lost = [
            path
            for path, how in opened.items()
            if how == "r" and path not in made and not os.path.exists(os.path.join(place.root, path))
        ]
        modules = {
            path
            for path in run.imports
            if is_inside(path)
            and "w" not in opened.get(path, "")
            and not os.path.exists(os.path.join(place.root, path))
        }
        lost += sorted(modules - set(lost))
        for path in sorted(path for path, how in opened.items() if "r" in how):
            if link_above(place.root, path):
                continue  # it may lead anywhere, and Git LFS writes none below it
            oid = lfs_objects.pointer_of(os.path.join(place.root, path))
            if oid and not lfs_objects.restore(os.path.join(place.root, path), self.git_dir):
                place.missing.append(f"{path} (sha256:{oid}): its Git LFS object is not here; run `git lfs fetch`")
        if with_local:
            self._take_local(run, lost, place)
            lost = [path for path in lost if path not in place.local]
        tracked = {item.path for item in run.inputs if not is_seen(item, run)}
        submodules = [folder + "/" for folder in _submodules(place.root)]
        for path in [path for path in sorted(lost) if path not in tracked][:MAX_NAMED]:
            module = next((folder for folder in submodules if path.startswith(folder)), "")
            why = f"it lies in the submodule {module[:-1]}, which is not restored" if module else _NOWHERE
            place.missing.append(f"{path}: the run {'imported' if path in modules else 'read'} it, and {why}")
        for use in run.uses:
            target = os.path.join(place.root, use.path) if use.path else ""
            if use.digest.startswith("blake3:") and os.path.isfile(target) and blake3_of(target) != use.digest:
                place.missing.append(f"{use.path} ({use.digest}): its present bytes are others")

    def _take_local(self, run: RunRecord, paths: Sequence[str], place: Place) -> None:
        """Copy files from the original's work tree as they are now: nobody knows whether they are what it read."""
        for path in paths:
            source = os.path.join(run.root, check_path(path))
            no_links_above(place.root, path)
            target = os.path.join(place.root, path)
            if run.root and os.path.isdir(run.root) and not os.path.lexists(source) and os.path.isfile(target):
                os.unlink(target)  # the withheld diff may have deleted it
                place.local.append(path)
            if not run.root or not os.path.isfile(source) or os.path.islink(source):
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, target, follow_symlinks=False)
            place.local.append(path)


def _take_unchanged(run: RunRecord, place: Place) -> None:
    for item in run.inputs:
        source, target = os.path.join(run.root, item.path), os.path.join(place.root, item.path)
        if not is_seen(item, run) or not is_inside(item.path) or os.path.lexists(target) or not run.root:
            continue
        if os.path.isfile(source) and not os.path.islink(source) and f"md5:{md5_of(source)}" == item.digest:
            no_links_above(place.root, item.path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(source, target)


def _submodules(root: str) -> list[str]:
    """The folders of the submodules that a work tree names."""
    try:
        with open(os.path.join(root, ".gitmodules"), encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.strip() for line in file]
    except OSError:
        return []
    return [line.partition("=")[2].strip() for line in lines if line.replace(" ", "").startswith("path=")]


def _refused(error: OSError) -> StorageError:
    return StorageError(f"No work tree can be prepared: {error.strerror} ({error.filename}).")


def _make_working_folder(run: RunRecord, root: str) -> None:
    """Git has no empty folders, and a run may have been started in one."""
    below = os.path.relpath(run.cwd, run.root) if run.cwd and run.root else "."
    if below != ".." and not below.startswith("../"):
        no_links_above(root, f"{below}/.")
        os.makedirs(os.path.join(root, below), exist_ok=True)
