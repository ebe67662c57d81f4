"""``data status``: the last commit, the records of the work tree and the files themselves, side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import field
from itertools import chain

from madang.domain.values import mutable
from madang.errors import InvalidInput, NotFound
from madang.workspace.data import progress
from madang.workspace.data.changes.differing import Differences, Entry, Present, Snapshot, compare, lacking
from madang.workspace.data.files.inside import Elsewhere
from madang.workspace.data.records.outs import Target, resolve, tracked
from madang.workspace.data.records.trees import CommitTree, FileTree
from madang.workspace.data.remotes.cloud_status import cloud_changes
from madang.workspace.data.remotes.transfer import OpenRemote
from madang.workspace.data.remotes.versioned import keeps_names, unpushed
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository


@mutable
class DataStatus:
    """Paths are relative to the repository's root, but for ``untracked``, which are as seen from the present folder."""

    committed: Differences = field(default_factory=Differences)  # the last commit → the records
    uncommitted: Differences = field(default_factory=Differences)  # the records → the files
    unchanged: list[Entry] = field(default_factory=list)  # in both
    not_in_cache: list[Entry] = field(default_factory=list)
    not_in_remote: list[str] = field(default_factory=list)
    untracked: list[str] = field(default_factory=list)  # neither git nor we know them
    is_empty: bool = False  # git has no commit yet
    is_dirty: bool = False  # git sees changes


def data_status(
    repository: Repository,
    names: Sequence[str] = (),
    *,
    granular: bool = False,
    unchanged: bool = False,
    untracked: bool = False,
    elsewhere: Elsewhere | None = None,
    meter: progress.Meter = progress.silent,
) -> DataStatus:
    """Compare the three. ``names`` are paths that need not be tracked, or records; none means everything.

    ``elsewhere`` is asked for the listings of folders that the cache lacks.

    Raises:
        InvalidInput: a record that cannot be read. Others as `current_content`.
    """
    found = DataStatus()
    wanted = _Wanted(repository, names)
    here = wanted.targets(None)
    now = Snapshot(repository, here, elsewhere)
    found.not_in_cache = lacking(repository, now, granular=granular)
    present = Present(repository, here, meter)
    found.uncommitted = compare(now, present, granular=granular, unchanged=unchanged)
    same = {entry.path: entry for entry in found.uncommitted.unchanged}
    if repository.git_root is not None:
        head = git.commit(repository.git_root, "HEAD")
        found.is_empty = head is None
        then = wanted.targets(CommitTree(repository, head)) if head is not None else ()
        before = Snapshot(repository, then, elsewhere)
        found.committed = compare(before, now, granular=granular, unchanged=unchanged)
        kept = {entry.path for entry in found.committed.unchanged}
        same = {path: entry for path, entry in same.items() if path in kept}
        found.is_dirty, others = git.changes(repository.git_root, untracked=untracked)
        found.untracked = wanted.inside(others)
    found.unchanged = list(same.values())
    return found


def not_in_remote(
    repository: Repository, names: Sequence[str], open_remote: OpenRemote, *, remote: str | None, granular: bool
) -> list[str]:
    """What the remote lacks; of folders as a whole, with ``granular`` of every file in them.

    Raises:
        ConfigError: a remote that is none.
    """
    every = _Wanted(repository, names).targets(None)
    targets = [one for one in every if one.out.md5 is not None and one.out.entry.push and not one.out.is_import]
    if remote is None and repository.settings.default_remote() is None:
        state = Snapshot(repository, targets)
        files = chain.from_iterable((state.files(path) or {}) if granular else () for path in state.outs)
        return [*(top.shown for _, top in state.outs.values()), *files]  # no remote holds anything
    absent = set[str]()
    others = []
    for target in targets:
        config = repository.settings.remote(target.out.entry.remote or remote)
        if keeps_names(config):  # the records tell what was pushed there
            absent.update(_placed(repository, target, path) for path in unpushed(target, config))
        else:
            others.append(target)
    changed = cloud_changes(repository, others, open_remote, remote)
    absent.update(path for path, state in changed.items() if state in ("new", "missing"))
    found = []
    for target in targets:
        path = repository.relative(target.out.path)
        below = sorted(name for name in absent if name.startswith(path + "/"))
        if path in absent or below:
            if not granular or path in absent:
                found.append(path + os.sep if target.out.is_dir else path)
            if granular:
                found.extend(below)
    return list(dict.fromkeys(found))


def _placed(repository: Repository, target: Target, path: str) -> str:
    top = repository.relative(target.out.path)
    return os.path.join(top, path) if path else top


class _Wanted:
    """What was named: paths, and records for what they stand for."""

    def __init__(self, repository: Repository, names: Sequence[str]) -> None:
        self._repository = repository
        self._paths = [path for name in names for path in self._paths_of(name)]

    def _paths_of(self, name: str) -> list[str]:
        path = os.path.abspath(name)
        if not os.path.exists(path) or os.path.basename(path).endswith((".dvc", "dvc.yaml")):
            try:
                return [os.path.join(one.out.path, one.inside) for one in resolve(self._repository, [name])]
            except (NotFound, InvalidInput):
                pass
        return [path]

    def targets(self, tree: FileTree | None) -> list[Target]:
        """The tracked data of a state that is meant."""
        outs = tracked(self._repository, tree=tree)
        if not self._paths:
            return [Target(out) for out in outs]
        found: dict[tuple[str, str], Target] = {}
        for out in outs:
            for path in self._paths:
                path = path.rstrip(os.sep) or path
                if out.path == path or out.path.startswith(path + os.sep):
                    found[out.path, ""] = Target(out)
                elif path.startswith(out.path + os.sep):
                    found[out.path, path[len(out.path) + 1 :]] = Target(out, path[len(out.path) + 1 :])
        whole = {path for path, inside in found if not inside}
        return [one for one in found.values() if not one.inside or one.out.path not in whole]

    def inside(self, paths: Sequence[str]) -> list[str]:
        """Those of the absolute paths that are meant and lie in the repository, as seen from the present folder."""
        root = self._repository.root.rstrip(os.sep) + os.sep
        return [
            os.path.relpath(path)
            for path in paths
            if path.startswith(root)
            and (not self._paths or any(path == one or path.startswith(one + os.sep) for one in self._paths))
        ]
