"""``push`` and ``fetch``: move objects between the cache and a remote, each verified where it arrives or leaves.

Only what the other side lacks is sent, a folder's listing after everything in it. Whether an object is there is asked
for each one (also its size): the listing of a folder alone proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import field
from typing import cast

from madang.domain.values import mutable
from madang.errors import CorruptData, Incompatible, NotFound
from madang.formats.dvc import layout
from madang.ports.objects import UNKNOWN, Objects
from madang.workspace.data import progress
from madang.workspace.data.files.legacy import LegacyCache
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.parallel import workers
from madang.workspace.data.records.outs import Target, check_supported
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.remotes.run_entries import fetch_runs, push_runs
from madang.workspace.data.remotes.versioned import NamedObjects, keeps_names, places_of, store_listings
from madang.workspace.data.repo.locks import using
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.settings import RemoteConfig

OpenRemote = Callable[[RemoteConfig], Objects]
"""Opens the store of a configured remote. Raises `ConfigError` for a kind of address that is not spoken."""

OnListed = Callable[[Sequence[Target]], None]
"""Called with targets whose listings are in the cache, before their files are."""

_THREADS = 16  # requests to a remote at once
_PORTION = 100_000  # objects that become visible in a remote together


@mutable
class Moved:
    """What a push or fetch did."""

    files: int = 0  # objects moved, listings included, as dvc counts
    size: int = 0  # bytes moved
    missing: list[str] = field(default_factory=list)  # objects that neither side has
    damaged: list[str] = field(default_factory=list)  # objects that were not what their name says


@mutable
class Job:
    """Targets whose objects lie in one remote in one layout."""

    remote: RemoteConfig
    is_legacy: bool  # written by dvc 2
    targets: list[Target] = field(default_factory=list)


@mutable
class Wanted:
    """The objects of some targets."""

    files: set[str] = field(default_factory=set)
    listings: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)  # listings that the cache lacks, or has in no usable state


def jobs_of(repository: Repository, targets: Iterable[Target], name: str | None, *, pushing: bool = False) -> list[Job]:
    """Targets by the remote that they belong to: their own, the one named, or the default.

    What has a remote of its own is not for another one that is named. Data that is imported from another data
    repository is not among them.

    Raises:
        ConfigError: no such remote. Incompatible: data or a remote that this release cannot handle.
    """
    found: dict[tuple[str, bool], Job] = {}
    only_imports = False
    for target in targets:
        entry = target.out.entry
        only_imports = only_imports or (target.out.is_import and not pushing)
        if entry.md5 is None or not entry.cache or target.out.is_import or (pushing and not entry.push):
            continue
        if name and entry.remote and entry.remote.lower() != name.lower():
            continue  # it may belong nowhere else
        remote = repository.settings.remote(entry.remote or name)
        if pushing and keeps_names(remote):
            raise Incompatible(
                f"The remote {remote.name!r} keeps files under their own names (version_aware, worktree), and madang "
                "only reads such remotes.",
                hint="Send to it with dvc push, or to a remote of another kind with -r NAME.",
            )
        is_legacy = entry.hash_name is None
        if not is_legacy:
            check_supported(target.out)
        found.setdefault((remote.name, is_legacy), Job(remote, is_legacy)).targets.append(target)
    if not found and not only_imports:
        repository.settings.remote(name)  # with nothing to move, a missing remote is still an error
    return list(found.values())


@contextmanager
def opened(
    repository: Repository, job: Job, open_remote: OpenRemote, jobs: int | None = None
) -> Iterator[RemoteObjects]:
    """The remote of a job, beside the cache that its objects belong into."""
    with closing(open_remote(job.remote)) as store:
        yield RemoteObjects(
            store, _cache_of(repository, job), jobs or _jobs(job.remote), files_at_once=jobs or _given(job.remote)
        )


def _cache_of(repository: Repository, job: Job) -> Cache:
    return LegacyCache(repository) if job.is_legacy else repository.cache


def _jobs(config: RemoteConfig) -> int:
    return _given(config) or (_THREADS if "://" in config.url else workers())


def _given(config: RemoteConfig) -> int | None:
    """The jobs that the configuration names."""
    given = config.options.get("jobs", "")
    return int(given) or None if given.isdigit() else None


def wanted_of(cache: Cache, targets: Iterable[Target]) -> Wanted:
    """The objects that the targets need, as far as the cache has their listings."""
    wanted = Wanted()
    for name, inside in dict.fromkeys((target.out.md5, target.inside) for target in targets):
        assert name is not None
        if not layout.is_dir(name):
            wanted.files.add(name)
            continue
        try:
            files = cache.listing(name)
        except (NotFound, CorruptData):
            wanted.lost.append(name)
            continue
        wanted.listings.add(name)
        wanted.files.update(md5 for _, md5 in inside_of(files, inside))
    return wanted


def inside_of(files: dict[str, str], inside: str) -> Iterable[tuple[str, str]]:
    """(path, MD5) of the files that a target means."""
    if not inside:
        return files.items()
    start = inside.rstrip("/") + "/"
    return ((path, md5) for path, md5 in files.items() if path == inside or path.startswith(start))


def push(
    repository: Repository,
    targets: Sequence[Target],
    open_remote: OpenRemote,
    *,
    remote: str | None = None,
    jobs: int | None = None,
    meter: progress.Meter = progress.silent,
) -> Moved:
    """Send to the remote what it lacks. What the cache lacks too is named in the result; the rest is sent."""
    moved = Moved()
    with using(repository.cache.folder):
        for job in jobs_of(repository, targets, remote, pushing=True):
            with opened(repository, job, open_remote, jobs) as side:
                _push_to(side, job.targets, moved, meter)
    return moved


def _push_to(side: RemoteObjects, targets: Sequence[Target], moved: Moved, meter: progress.Meter) -> None:
    cache = side.cache
    wanted = wanted_of(cache, targets)
    for name in wanted.lost:  # what is in such a folder may be here all the same, and the remote may know it
        inside = side.listing(name)
        wanted.files.update(inside.values())
        if not inside:
            moved.missing.append(name)
    names = wanted.files | wanted.listings
    found = cache.look(names)
    there = side.sizes(names)
    moved.missing.extend(name for name in found.missing if name not in there)
    todo = {name: key for name, key in found.keys.items() if there.get(name, -2) not in (key.size, UNKNOWN)}
    with meter(sum(key.size for key in todo.values()), "B", "checking") as advance:
        wrong = cache.verify(todo, advance)
    moved.damaged.extend(sorted(wrong))
    whole = sorted(name for name in todo if name not in wrong)
    files = [name for name in whole if not layout.is_dir(name)]
    listings = [name for name in whole if layout.is_dir(name)]
    portions = [files[start : start + _PORTION] for start in range(0, len(files), _PORTION)]
    with meter(sum(todo[name].size for name in whole), "B", "pushing") as advance:
        for portion in (*portions, listings):
            if portion:
                side.send(portion, todo, advance)
                moved.files += len(portion)
                moved.size += sum(todo[name].size for name in portion)


def fetch(
    repository: Repository,
    targets: Sequence[Target],
    open_remote: OpenRemote,
    *,
    remote: str | None = None,
    jobs: int | None = None,
    meter: progress.Meter = progress.silent,
    on_listed: OnListed | None = None,
) -> Moved:
    """Bring into the cache what it lacks. What the remote lacks too is named in the result; the rest is brought.

    ``on_listed`` is called with targets whose listings are there before their files are brought. Where the cache lacks
    nothing, no remote is needed.
    """
    moved = Moved()
    if remote is None and repository.settings.default_remote() is None:
        targets = [target for target in targets if target.out.entry.remote or not _is_here(repository, target)]
        if not targets:
            return moved
    with using(repository.cache.folder):
        for job in jobs_of(repository, targets, remote):
            cache = _cache_of(repository, job)
            if keeps_names(job.remote):
                store_listings(job.targets, cache)
            if _has_all(cache, job.targets):
                continue
            if keeps_names(job.remote):
                _fetch_named(repository, job, cache, open_remote, moved, meter)
                continue
            with opened(repository, job, open_remote, jobs) as side:
                _fetch_from(side, job.targets, moved, meter, on_listed)
    return moved


def _fetch_from(
    side: RemoteObjects, targets: Sequence[Target], moved: Moved, meter: progress.Meter, on_listed: OnListed | None
) -> None:
    _bring(side, {target.out.md5 for target in targets if target.out.md5 and target.out.is_dir}, moved, meter)
    if on_listed is not None:
        on_listed(targets)
    wanted = wanted_of(side.cache, targets)
    moved.damaged.extend(name for name in wanted.lost if name not in moved.missing + moved.damaged)
    _bring(side, wanted.files, moved, meter)


def _fetch_named(
    repository: Repository, job: Job, cache: Cache, open_remote: OpenRemote, moved: Moved, meter: progress.Meter
) -> None:
    """Bring what a remote keeps under the files' own names."""
    wanted = wanted_of(cache, job.targets)
    moved.missing.extend(wanted.lost)
    absent = cache.look(wanted.files).missing
    places, sizes = places_of(repository, job.targets, job.remote, cache)
    with closing(open_remote(job.remote)) as store:
        named = cast("Objects", NamedObjects(store, places))
        side = RemoteObjects(named, cache, _jobs(job.remote), files_at_once=_given(job.remote))
        there = {name: sizes[name] for name in absent if name in sizes}
        moved.missing.extend(sorted(set(absent) - there.keys()))
        _receive(side, there, moved, meter)


def _is_here(repository: Repository, target: Target) -> bool:
    """Whether a remote is not asked for a target: the cache has it, or it comes from elsewhere."""
    out = target.out
    if out.md5 is None or not out.entry.cache or out.is_import:
        return True
    return _has_all(LegacyCache(repository) if out.is_legacy else repository.cache, [target])


def _has_all(cache: Cache, targets: Sequence[Target]) -> bool:
    """Whether nothing has to be asked of the remote."""
    wanted = wanted_of(cache, targets)
    return not wanted.lost and not cache.look(wanted.files).missing


def _bring(side: RemoteObjects, names: set[str], moved: Moved, meter: progress.Meter) -> None:
    absent = side.cache.look(names).missing
    if not absent:
        return
    there = side.sizes(absent)
    moved.missing.extend(sorted(set(absent) - there.keys()))
    _receive(side, there, moved, meter)


def _receive(side: RemoteObjects, there: dict[str, int], moved: Moved, meter: progress.Meter) -> None:
    with side.bringing() as bringing:
        with meter(sum(max(0, size) for size in there.values()), "B", "fetching") as advance:
            brought = bringing.take(there, advance)
        bringing.copy(meter)
    moved.files += len(brought.got)
    moved.size += brought.size
    moved.missing.extend(brought.missing)
    moved.damaged.extend(brought.damaged)


def move_runs(
    repository: Repository,
    open_remote: OpenRemote,
    *,
    pushing: bool,
    remote: str | None = None,
    jobs: int | None = None,
    key: str = "",
) -> list[str]:
    """Move the run cache to or from the named or default remote. Returns the names of the entries that were moved.

    With a ``key`` only what one command gave for the same inputs comes.

    Raises:
        Refused: a remote that cannot be listed has no run cache.
    """
    config = repository.settings.remote(remote)
    folder = repository.cache.folder
    with closing(open_remote(config)) as store, using(folder):
        if pushing:
            return push_runs(folder, store, jobs or _jobs(config))
        return fetch_runs(folder, store, jobs or _jobs(config), key)


def raise_if_incomplete(moved: Moved, what: str) -> None:
    """Turn what could not be moved into an error.

    Raises:
        CorruptData: objects that were not what their name says. NotFound: objects that neither side has.
    """
    if moved.damaged:
        raise CorruptData(
            f"{what}: {_named(moved.damaged)} are not what their names say, so they were not taken.",
            hint="Another copy is needed: push them again from where they are whole.",
        )
    if moved.missing:
        raise NotFound(
            f"{what}: {_named(moved.missing)} are neither in the cache nor in the remote.",
            hint="Push them from where they are.",
        )


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(set(names))[:5])
    return f"{len(set(names))} objects ({shown}{', …' if len(set(names)) > 5 else ''})"
