"""Repair what a check found: good bytes from the workspace or a remote; what is wrong is set aside, never deleted."""

from __future__ import annotations

import os
from collections.abc import Iterator

from madang.durable import clear_beside
from madang.staging import STAGING, clear_abandoned
from madang.workspace.data import progress
from madang.workspace.data.files import hashing
from madang.workspace.data.files.legacy import LegacyCache
from madang.workspace.data.keeping.checking import Checked, Problem
from madang.workspace.data.keeping.uses import Listings
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.reading import READ_ONLY, hash_file
from madang.workspace.data.objects.state import key_of
from madang.workspace.data.objects.taking import store
from madang.workspace.data.records import outs
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.remotes.transfer import OpenRemote
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import rules_above, scan_tree

_JOBS = 16


def repair(
    repository: Repository,
    found: Checked,
    open_remote: OpenRemote,
    remote: str | None = None,
    meter: progress.Meter = progress.silent,
) -> None:
    """Repair what can be repaired; each problem that was says how. The caller holds the repository.

    Raises:
        StorageError, Unavailable: the disk or the remote refused. What was repaired is.
    """
    for label, cache in (("cache", repository.cache), ("legacy cache", LegacyCache(repository))):
        mine = [problem for problem in found.problems if problem.where == label]
        wrong = [problem for problem in mine if problem.kind in ("corrupt", "listing")]
        for problem in wrong:
            if os.path.exists(cache.path(problem.name)):
                repository.state.forget([key_of(os.stat(cache.path(problem.name)))])
                problem.detail += f"; set aside as {cache.set_aside(problem.name)}"
        lost = [*wrong, *(problem for problem in mine if problem.kind == "missing")]
        if lost and label == "cache":
            _from_workspace(repository, lost)
        if any(not problem.repaired for problem in lost):
            _from_remotes(repository, cache, lost, open_remote, remote, meter)
        _repair_modes(cache, mine, {problem.name for problem in wrong})
    _repair_leftovers(repository, found)


def _from_workspace(repository: Repository, lost: list[Problem]) -> None:
    """Workspace files that are still as recorded."""
    wanted = {problem.name: problem for problem in lost}
    for out in outs.tracked(repository):
        problem = wanted.get(out.md5 or "")
        if problem is not None and out.is_dir and not problem.repaired and os.path.isdir(out.path):
            tree = scan_tree(repository.root, out.path, rules_above(repository.root, out.path))
            hashes = hashing.known_hashes(repository.state, tree)
            hashing.complete_hashes(repository.state, out.path, hashes, lambda _: None)
            content, body = hashing.tree_content(hashes)
            if content.md5 == out.md5:
                with repository.cache.staging() as staging:
                    repository.cache.add_bytes(staging, content.md5, body)
                problem.repaired = f"made from {repository.relative(out.path)}"
    for path, name in _recorded_files(repository):
        problem = wanted.get(name)
        if problem is not None and not problem.repaired and os.path.isfile(path) and hash_file(path).md5 == name:
            with repository.cache.staging() as staging:
                store(repository.cache, staging, [path], lambda _: None, lambda *_: None)
            problem.repaired = f"taken from {repository.relative(path)}"


def _recorded_files(repository: Repository) -> Iterator[tuple[str, str]]:
    listings = Listings(repository.cache)
    for out in outs.tracked(repository):
        if out.md5 is None or out.is_legacy:
            continue
        if not out.is_dir:
            yield out.path, out.md5
        for inside, md5 in (listings.files(out.md5) or {}).items() if out.is_dir else ():
            yield os.path.join(out.path, inside), md5


def _from_remotes(
    repository: Repository,
    cache: Cache,
    lost: list[Problem],
    open_remote: OpenRemote,
    remote: str | None,
    meter: progress.Meter,
) -> None:
    """The remote named; otherwise the default one and those that records name for themselves."""
    own = sorted({out.entry.remote for out in outs.tracked(repository) if out.entry.remote})
    for name in [remote] if remote else [repository.settings.default_remote(), *own]:
        wanted = {problem.name: problem for problem in lost if not problem.repaired}
        if name is None or not wanted:
            continue
        config = repository.settings.remote(name)
        store = open_remote(config)
        try:
            side = RemoteObjects(store, cache, _JOBS)
            sizes = side.sizes(wanted)
            with meter(sum(max(0, size) for size in sizes.values()), "B", "fetching") as advance:
                brought = side.bring(sizes, advance)
        finally:
            store.close()
        for got in brought.got:
            wanted[got].repaired = f"fetched from {config.name!r}"


def _repair_modes(cache: Cache, problems: list[Problem], wrong: set[str]) -> None:
    for problem in problems:
        if problem.kind == "mode" and problem.name not in wrong:
            os.chmod(cache.path(problem.name), READ_ONLY)
            problem.repaired = "made read-only"
        elif problem.kind == "mode":
            problem.repaired = "set aside"
        elif problem.kind == "state":
            problem.repaired = "forgotten"


def _repair_leftovers(repository: Repository, found: Checked) -> None:
    for top in (repository.cache.folder, repository.private_dir):
        if os.path.isdir(os.path.join(top, STAGING)):
            clear_abandoned(os.path.join(top, STAGING))
    for folder in {os.path.dirname(problem.name) for problem in found.problems if problem.kind == "staging"}:
        clear_beside(folder)
    for problem in found.problems:
        if problem.kind == "staging":
            problem.repaired = "removed"
        elif problem.kind == "state" and problem.where == "workspace":
            repository.state.forget([key_of(os.stat(problem.name))])
            problem.repaired = "forgotten"
