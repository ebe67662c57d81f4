"""``gc``: remove the objects that nothing needs, after telling exactly what goes and what stays for whom.

What the options name is kept, as in dvc; so is what another work tree, a stash, a recorded run or a link in the
workspace needs, and that is told. A plan is made first, from one look at cache and remotes; then its objects are
removed, listings before what they name, so that a process killed at any moment leaves no listing without its files.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from madang.durable import remove_tree, unlink
from madang.errors import CorruptData, StorageError
from madang.formats.dvc.layout import PREFIX, is_dir, is_name
from madang.workspace.data.files import undoing
from madang.workspace.data.keeping import beside, uses
from madang.workspace.data.keeping.collecting_remotes import THREADS, Remotes, held, unused
from madang.workspace.data.keeping.collecting_values import Item, Kept, Part, Plan, Scope
from madang.workspace.data.keeping.uses import Listings, Root, Roots
from madang.workspace.data.objects.parallel import each
from madang.workspace.data.records.trees import commits
from madang.workspace.data.remotes.transfer import OpenRemote
from madang.workspace.data.repo.locks import emptying, exclusive
from madang.workspace.data.repo.repository import Repository, open_repository

_DAY = 86_400_000_000  # µs
_RECORDED = re.compile(r"md5: ([0-9a-f]{32}(?:\.dir)?)")


@contextmanager
def alone(repository: Repository, projects: Sequence[str] = ()) -> Iterator[None]:
    """Hold the repository and its cache, so that nobody writes a record or relies on an object meanwhile.

    The cache's lock is known to madang only; so the locks of ``projects`` and of work trees that share the cache are
    taken as well, for the sake of dvc.

    Raises:
        Conflict: another command works in the repository, or (from another work tree) with the cache.
    """
    repository.check_locks_are_shared()
    cache = os.path.realpath(repository.cache.folder)
    others = [one for one in uses.other_work_trees(repository) if os.path.realpath(one.cache.folder) == cache]
    places = (repository, *others, *(open_repository(path) for path in projects))
    with ExitStack() as held:
        for folder in sorted({place.tmp_dir for place in places}):
            held.enter_context(exclusive(folder))
        held.enter_context(emptying(repository.cache.folder))
        yield


def plan(
    repository: Repository, scope: Scope, open_remote: OpenRemote, runs: Callable[[], Iterable[Root]] | None = None
) -> Plan:
    """Find out what goes. Nothing is touched; the caller holds `alone`.

    ``runs`` gives what recorded runs need, one after the other: there may be many; None does not ask them.

    Raises:
        NotFound, InvalidInput, CorruptData: records, or the listing of a folder that is in use, cannot be read.
        ConfigError: no such remote.
    """
    result = Plan()
    remotes = Remotes(repository, open_remote, skip_failed=scope.skip_failed)
    try:
        chosen = _chosen(repository, scope)
        others = _others(repository, scope)
        result.failed = [failed.label for failed in (*chosen.failed, *others.failed)]
        listings = Listings(repository.cache, remotes.reader(scope.remote))
        is_needed = scope.cloud or _holds_any(repository)  # to know what is used: it may take what nobody has here
        used = _used(chosen.found, listings, result) if is_needed else set[str]()
        protected: dict[str, set[str]] = {}
        kept = itertools.chain(others.found, runs() if runs is not None else ())
        for root in kept if is_needed else ():
            protected.setdefault(_label_of(root), set()).update(_used([root], listings, result) - used)
        links = uses.linked_objects(repository)
        away = (
            set(held(repository, scope, chosen.found, listings, remotes))
            if scope.not_in_remote and is_needed
            else set()
        )
        protected["links in the workspace"] = links - (used - away)
        everything = used.union(*protected.values())
        spared = everything - (away - set().union(*protected.values()))
        present = _local_part(repository, result, spared)
        _count_kept(result, protected, present)
        if scope.cloud:
            result.remotes = list(unused(scope, chosen.found, everything, remotes))
        before = time.time_ns() // 1000 - undoing.DAYS * _DAY
        result.expired = undoing.expire(repository, before, dry=True)
        _warn(repository, scope, result)
    finally:
        remotes.close()
    return result


def remove(repository: Repository, planned: Plan, open_remote: OpenRemote, jobs: int | None = None) -> None:
    """Do what was planned; the caller holds `alone`. Repeated after an interruption it does the rest.

    Raises:
        StorageError: the disk or the remote refused.
    """
    beside.clear(repository)
    for part in planned.local:
        for item in _in_order(part.items):
            try:
                unlink(os.path.join(part.folder, item.key))
            except OSError as error:
                raise StorageError(
                    f"{error.filename} cannot be removed: {error.strerror}.", hint="Check the permissions, then repeat."
                ) from error
            if is_dir(item.name):
                remove_tree(os.path.join(part.folder, item.key + ".unpacked"))  # a leftover of very old releases
    for config, part in planned.remotes:
        store = open_remote(config)
        try:
            for listings in (True, False):
                keys = [item.key for item in part.items if is_dir(item.name) == listings]
                for _ in each(store.delete, keys, threads=jobs or THREADS, chunk=8):
                    continue
        finally:
            store.close()
    if planned.expired:
        newest = max(entry.at for entry in planned.expired)
        undoing.expire(repository, newest + 1, dry=False)


def both(first: Plan, second: Plan) -> Plan:
    """What both plans remove: the user agreed to the first, the second is true now."""
    shown = [{item.key for item in part.items} for part in first.parts]
    for part, keys in zip(second.parts, shown, strict=True):
        part.items = [item for item in part.items if item.key in keys]
    names = {entry.name for entry in first.expired}
    second.expired = [entry for entry in second.expired if entry.name in names]
    return second


def _chosen(repository: Repository, scope: Scope) -> Roots:
    """What the options keep: the workspaces always, as in dvc."""
    roots = Roots()
    uses.in_workspace(roots, repository)
    projects = [open_repository(path) for path in scope.projects]
    revisions = [scope.revision] if scope.revision else []
    if any((revisions, scope.branches, scope.tags, scope.every, scope.since, scope.experiments)):
        for place in (repository, *projects):
            _add_commits(roots, place, scope, revisions)
    for place in projects:
        uses.in_workspace(roots, place, f"the project {place.root}", "project")
    uses.check(roots, skip_failed=scope.skip_failed)
    return roots


def _add_commits(roots: Roots, place: Repository, scope: Scope, revisions: Sequence[str]) -> None:
    found = commits(
        place,
        branches=scope.branches,
        tags=scope.tags,
        every=scope.every,
        revisions=revisions,
        num=scope.num,
        since=scope.since,
    )
    if scope.experiments:
        found += uses.experiments(place)
    uses.in_commits(roots, place, list(dict.fromkeys(found)))


def _others(repository: Repository, scope: Scope) -> Roots:
    """What is kept though the options do not say so, but for what runs need."""
    roots = Roots()
    uses.in_worktrees(roots, repository)
    uses.in_stashes(roots, repository)
    uses.in_queue(roots, repository)
    uses.check(roots, skip_failed=scope.skip_failed)
    return roots


def _label_of(root: Root) -> str:
    return "recorded runs" if root.kind == "run" else root.label


def _used(roots: Sequence[Root], listings: Listings, result: Plan) -> set[str]:
    found: set[str] = set()
    for root in roots:
        for need in root.needs:
            if is_dir(need.name) and not need.is_listed and listings.files(need.name) is None:
                if root.is_live:
                    raise CorruptData(
                        f"The listing {need.name} of {need.path} ({root.label}) is missing or damaged, so nobody can "
                        "tell which objects belong to it. Nothing was removed.",
                        hint=f"madang fetch {need.record}, or madang add {need.path} again.",
                    )
                if need.name not in result.unreadable:
                    result.unreadable.append(need.name)
            found |= listings.names(need.name)
    return found


def _local_part(repository: Repository, result: Plan, spared: set[str]) -> dict[str, int]:
    """Add what goes from the cache; returns the sizes of what stays, by name."""
    folder = repository.cache.folder
    stays: dict[str, int] = {}
    parts = (Part("repo cache", f"{folder}/{PREFIX}"), Part("legacy cache", folder))
    found = [list(objects_in(part.folder)) for part in parts]
    going = Counter((stat.st_dev, stat.st_ino) for entries in found for name, _, stat in entries if name not in spared)
    for part, entries in zip(parts, found, strict=True):
        for name, key, stat in entries:
            if name in spared:
                stays[name] = stat.st_size
            else:
                freed = stat.st_nlink <= going[stat.st_dev, stat.st_ino]
                part.items.append(Item(name, key, stat.st_size, freed))
    result.local.extend(parts)
    return stays


def _holds_any(repository: Repository) -> bool:
    """Whether the cache has an object at all."""
    folder = repository.cache.folder
    return any(next(objects_in(path), None) is not None for path in (f"{folder}/{PREFIX}", folder))


def objects_in(folder: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """(name, path below the folder, stat) of each object in a folder with the layout ``ab/cdef…``."""
    for number in range(256):
        prefix = f"{number:02x}"
        try:
            entries = list(os.scandir(f"{folder}/{prefix}"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if is_name(prefix + entry.name) and entry.is_file(follow_symlinks=False):
                yield prefix + entry.name, f"{prefix}/{entry.name}", entry.stat(follow_symlinks=False)


def _count_kept(result: Plan, protected: Mapping[str, set[str]], present: Mapping[str, int]) -> None:
    for label, names in protected.items():
        here = [present[name] for name in names if name in present]
        if here:
            result.kept.append(Kept(label, len(here), sum(here)))


def _in_order(items: Sequence[Item]) -> Iterator[Item]:
    """Listings first."""
    yield from (item for item in items if is_dir(item.name))
    yield from (item for item in items if not is_dir(item.name))


def _count_runs(repository: Repository, result: Plan) -> int:
    """Entries of the run cache that lose outputs."""
    going = {item.name for part in result.local for item in part.items}
    count = 0
    for above, _, names in os.walk(os.path.join(repository.cache.folder, "runs")) if going else ():
        for name in names:
            with open(os.path.join(above, name), encoding="utf-8", errors="replace") as file:
                count += not going.isdisjoint(_RECORDED.findall(file.read().partition("outs:")[2]))
    return count


def _warn(repository: Repository, scope: Scope, result: Plan) -> None:
    if entries := _count_runs(repository, result):
        result.warnings.append(
            f"Outputs go that are named by entries of the run cache: {entries}. These stages run again."
        )
    if result.unreadable:
        result.warnings.append(
            f"{len(result.unreadable)} folder versions of the past cannot be read (their listings are in neither cache "
            "nor remote): files that only they name go."
        )
    outside = not os.path.realpath(repository.cache.folder).startswith(os.path.realpath(repository.root) + os.sep)
    if outside and not scope.projects:
        result.warnings.append(
            f"The cache {repository.cache.folder} lies outside this repository: what other repositories keep there "
            "goes unless they are named (--projects)."
        )
