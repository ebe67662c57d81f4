"""``push`` and ``fetch``: move objects between the cache and a remote, each verified where it arrives or leaves.

Only what the other side lacks is sent, a folder's listing after everything in it. Whether an object is there is asked
for each one (also its size): the listing of a folder alone proves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from madang.errors import CorruptData, Incompatible, NotFound
from madang.formats.dvc import layout, listing
from madang.ports.objects import Objects
from madang.workspace.data import progress
from madang.workspace.data.cache import CHUNK, Cache, create_object, write_and_hash
from madang.workspace.data.locks import using
from madang.workspace.data.outs import Target, check_supported
from madang.workspace.data.parallel import each
from madang.workspace.data.repository import Repository
from madang.workspace.data.settings import RemoteConfig
from madang.workspace.data.state import FileKey

OpenRemote = Callable[[RemoteConfig], Objects]
"""Opens the store of a configured remote. Raises `ConfigError` for a kind of address that is not spoken."""

_FEW = 256  # up to so many objects are asked for one by one, more by listing
_THREADS = 16  # requests to a remote at once


@dataclass(slots=True)
class Moved:
    """What a push or fetch did."""

    files: int = 0  # objects moved, listings included, as dvc counts
    size: int = 0  # bytes moved
    missing: list[str] = field(default_factory=list)  # objects that neither side has
    damaged: list[str] = field(default_factory=list)  # objects that were not what their name says


@dataclass(slots=True)
class Wanted:
    """The objects of some targets."""

    files: set[str] = field(default_factory=set)
    listings: set[str] = field(default_factory=set)


def by_remote(
    repository: Repository, targets: Iterable[Target], name: str | None, *, pushing: bool = False
) -> list[tuple[RemoteConfig, list[Target]]]:
    """Targets by the remote that they belong to: the one named, their own, or the default.

    Raises:
        ConfigError: no such remote. Incompatible: data or a remote that this release cannot handle.
    """
    found: dict[str, tuple[RemoteConfig, list[Target]]] = {}
    for target in targets:
        entry = target.out.entry
        if entry.md5 is None or not entry.cache or (pushing and not entry.push):
            continue
        check_supported(target.out)
        remote = repository.settings.remote(name or entry.remote)
        for key in ("version_aware", "worktree"):
            if remote.options.get(key, "false").lower() == "true":
                raise Incompatible(f"The remote {remote.name!r} is {key}.", hint="Use dvc for this remote.")
        found.setdefault(remote.name, (remote, []))[1].append(target)
    if not found:
        repository.settings.remote(name)  # with nothing to move, a missing remote is still an error
    return list(found.values())


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
    for config, chosen in by_remote(repository, targets, remote, pushing=True):
        store = open_remote(config)
        try:
            _push_to(repository.cache, store, chosen, moved, jobs or _jobs(config), meter)
        finally:
            store.close()
    return moved


def _push_to(
    cache: Cache, store: Objects, targets: Sequence[Target], moved: Moved, jobs: int, meter: progress.Meter
) -> None:
    wanted, lost = _wanted(cache, targets)
    moved.missing.extend(lost)
    names = wanted.files | wanted.listings
    found = cache.look(names)
    there = sizes_at(store, names, jobs)
    moved.missing.extend(name for name in found.missing if name not in there)
    todo = {name: key for name, key in found.keys.items() if there.get(name) != key.size}
    with meter(sum(key.size for key in todo.values()), "B", "checking") as advance:
        wrong = cache.verify(todo, advance)
    moved.damaged.extend(sorted(wrong))
    names_by_kind = (
        [name for name in sorted(todo) if name not in wrong and not layout.is_dir(name)],
        [name for name in sorted(todo) if name not in wrong and layout.is_dir(name)],
    )
    with meter(sum(todo[name].size for kind in names_by_kind for name in kind), "B", "pushing") as advance:
        for kind in names_by_kind:
            if kind:
                _send(cache, store, kind, todo, jobs, advance)
                moved.files += len(kind)
                moved.size += sum(todo[name].size for name in kind)


def _send(
    cache: Cache,
    store: Objects,
    names: Sequence[str],
    keys: dict[str, FileKey],
    jobs: int,
    advance: progress.Advance,
) -> None:
    with store.batch() as batch:

        def send(name: str) -> int:
            batch.put(layout.key_of(name), Path(cache.path(name)))
            return keys[name].size

        for size in each(send, names, threads=jobs, chunk=_chunk(len(names), jobs)):
            advance(size)


def _chunk(count: int, jobs: int) -> int:
    return max(1, min(64, count // (4 * jobs)))


def _jobs(config: RemoteConfig) -> int:
    given = config.options.get("jobs", "")
    if given.isdigit() and int(given):
        return int(given)
    return _THREADS if "://" in config.url else min(4, os.cpu_count() or 1)


def _wanted(cache: Cache, targets: Sequence[Target]) -> tuple[Wanted, list[str]]:
    """Objects of the targets, and the listings that the cache lacks."""
    wanted, lost = Wanted(), []
    for target in targets:
        name = target.out.md5
        assert name is not None
        if not target.out.is_dir:
            wanted.files.add(name)
            continue
        try:
            files = cache.listing(name)
        except NotFound:
            lost.append(name)
            continue
        wanted.listings.add(name)
        wanted.files.update(_inside(files, target.inside))
    return wanted, lost


def _inside(files: dict[str, str], inside: str) -> Iterable[str]:
    if not inside:
        return files.values()
    start = inside.rstrip("/") + "/"
    return (md5 for path, md5 in files.items() if path == inside or path.startswith(start))


def sizes_at(store: Objects, names: Iterable[str], jobs: int) -> dict[str, int]:
    """Size of each of the objects that the remote has."""
    wanted = sorted(set(names))
    if len(wanted) <= _FEW or not _listing_pays(store, len(wanted)):
        found = zip(
            wanted, each(lambda name: store.stat(layout.key_of(name)), wanted, threads=jobs, chunk=1), strict=True
        )
        return {name: stat.size for name, stat in found if stat is not None}
    asked = set(wanted)
    prefixes = sorted({name[:2] for name in wanted})

    def listed(prefix: str) -> list[tuple[str, int]]:
        stats = ((layout.name_of(stat.key), stat.size) for stat in store.list(f"{layout.PREFIX}/{prefix}"))
        return [(name, size) for name, size in stats if name is not None and name in asked]

    return {name: size for part in each(listed, prefixes, threads=jobs, chunk=1) for name, size in part}


def _listing_pays(store: Objects, count: int) -> bool:
    """Listing costs one request a thousand objects, asking one each: estimate from one of the 256 parts."""
    part = sum(1 for _ in store.list(f"{layout.PREFIX}/00"))
    return 256 * part / 1000 < count


def fetch(
    repository: Repository,
    targets: Sequence[Target],
    open_remote: OpenRemote,
    *,
    remote: str | None = None,
    jobs: int | None = None,
    meter: progress.Meter = progress.silent,
) -> Moved:
    """Bring into the cache what it lacks. What the remote lacks too is named in the result; the rest is brought."""
    with using(repository.cache.folder):
        return _fetch(repository, targets, open_remote, remote, jobs, meter)


def _fetch(
    repository: Repository,
    targets: Sequence[Target],
    open_remote: OpenRemote,
    remote: str | None,
    jobs: int | None,
    meter: progress.Meter,
) -> Moved:
    moved = Moved()
    for config, chosen in by_remote(repository, targets, remote):
        if _has_all(repository.cache, chosen):
            continue
        store = open_remote(config)
        try:
            threads = jobs or _jobs(config)
            lists = {t.out.md5 for t in chosen if t.out.is_dir and t.out.md5 is not None}
            _bring(repository.cache, store, lists, moved, threads, meter)
            wanted, _ = _wanted(repository.cache, chosen)
            _bring(repository.cache, store, wanted.files, moved, threads, meter)
        finally:
            store.close()
    return moved


def _has_all(cache: Cache, targets: Sequence[Target]) -> bool:
    """Whether nothing has to be asked of the remote."""
    wanted, lost = _wanted(cache, targets)
    return not lost and not cache.look(wanted.files).missing


def _bring(cache: Cache, store: Objects, names: set[str], moved: Moved, jobs: int, meter: progress.Meter) -> None:
    absent = cache.look(names).missing
    if not absent:
        return
    there = sizes_at(store, absent, jobs)
    moved.missing.extend(sorted(set(absent) - there.keys()))
    todo = sorted(there)
    got: list[str] = []
    with cache.staging() as staging, meter(sum(there.values()), "B", "fetching") as advance:

        def receive(name: str) -> str | None:
            aside = staging.new_path()
            return aside if _download(store, name, aside, there[name]) else None

        for name, aside in zip(todo, each(receive, todo, threads=jobs, chunk=_chunk(len(todo), jobs)), strict=True):
            if aside is None:
                moved.damaged.append(name)
            else:
                staging.add(aside, cache.path(name))
                got.append(name)
                moved.size += there[name]
            advance(there[name])
            if staging.waiting >= 20_000:
                staging.flush()
    moved.files += len(got)
    cache.remember(got)


def _download(store: Objects, name: str, aside: str, size: int) -> bool:
    """Copy one object aside. Returns whether its bytes are what its name says."""
    descriptor = create_object(aside)
    try:
        with store.open(layout.key_of(name)) as source:
            md5 = write_and_hash(iter(lambda: source.read(CHUNK), b""), descriptor)
    finally:
        os.close(descriptor)
    if md5 != name[:32]:
        os.unlink(aside)
        return False
    return True


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


def cloud_changes(
    repository: Repository, targets: Sequence[Target], open_remote: OpenRemote, remote: str | None = None
) -> dict[str, str]:
    """``status -c``: what the remote lacks (``new``), what the cache lacks (``deleted``), what both lack (``missing``).

    Named by workspace path relative to the root; every object is asked for, not only the listings.
    """
    result: dict[str, str] = {}
    for config, chosen in by_remote(repository, targets, remote, pushing=True):
        store = open_remote(config)
        try:
            _compare_with(repository, store, chosen, result, _jobs(config))
        finally:
            store.close()
    return result


def _compare_with(
    repository: Repository, store: Objects, targets: Sequence[Target], result: dict[str, str], jobs: int
) -> None:
    cache = repository.cache
    names: dict[str, str] = {}
    for target in targets:
        out = target.out
        assert out.md5 is not None
        names[repository.relative(out.path)] = out.md5
        if out.is_dir:
            for path, md5 in _listing_anywhere(cache, store, out.md5).items():
                names[os.path.join(repository.relative(out.path), path)] = md5
    there = sizes_at(store, names.values(), jobs)
    here = cache.look(set(names.values())).keys
    for path, name in names.items():
        is_here, is_there = name in here, name in there
        if is_here and is_there and here[name].size != there[name]:
            is_there = False  # cut short: a push replaces it
        if not (is_here and is_there):
            result[path] = "new" if is_here else "deleted" if is_there else "missing"


def _listing_anywhere(cache: Cache, store: Objects, name: str) -> dict[str, str]:
    try:
        return cache.listing(name)
    except (NotFound, CorruptData):
        pass
    try:
        body = store.read(layout.key_of(name))
    except NotFound:
        return {}
    return listing.decode(body, name) if listing.name_of_bytes(body) == name else {}
