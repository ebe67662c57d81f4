"""``fsck`` of a remote: does it hold, whole, what the records say it should?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from madang.errors import CorruptData, NotFound
from madang.formats.dvc.layout import is_dir
from madang.formats.dvc.places import Check, Place
from madang.ports.objects import UNKNOWN
from madang.workspace.data import progress
from madang.workspace.data.files.legacy import LegacyCache
from madang.workspace.data.keeping.checking import Checked, Problem
from madang.workspace.data.keeping.uses import Listings
from madang.workspace.data.objects.parallel import each
from madang.workspace.data.objects.reading import CHUNK
from madang.workspace.data.records.outs import Target, tracked
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.remotes.transfer import Job, OpenRemote, jobs_of
from madang.workspace.data.repo.repository import Repository

_JOBS = 16


def check_remote(
    repository: Repository,
    name: str | None,
    open_remote: OpenRemote,
    chosen: Callable[[str], bool] | None = None,
    *,
    repair: bool = False,
    meter: progress.Meter = progress.silent,
) -> Checked:
    """Ask the remote (by default the default one) for every object that the workspace's records need there.

    ``chosen`` says which of them are read. With ``repair`` what is missing or wrong there is sent from the cache, when
    the cache has it whole; an object that nobody has whole stays as it is.

    Raises:
        ConfigError: no such remote. Unavailable, Unauthenticated, …: it does not answer, or refuses.
    """
    found = Checked()
    for job in jobs_of(repository, [Target(out) for out in tracked(repository)], name, pushing=True):
        cache = LegacyCache(repository) if job.is_legacy else repository.cache
        store = open_remote(job.remote)
        try:
            side = RemoteObjects(store, cache, _JOBS)
            _check(side, job, found, chosen, meter)
            if repair:
                _send_again(side, [problem for problem in found.problems if not problem.repaired])
        finally:
            store.close()
    return found


def _check(
    side: RemoteObjects, job: Job, found: Checked, chosen: Callable[[str], bool] | None, meter: progress.Meter
) -> None:
    where = f"remote {job.remote.name!r}"
    needed: dict[str, str] = {}
    for target in job.targets:
        name = target.out.md5 or ""
        needed.setdefault(name, target.out.path)
        if is_dir(name):
            listings = Listings(side.cache, lambda one: _bytes_of(side, one))
            for inside, md5 in (listings.files(name) or {}).items():
                needed.setdefault(md5, f"{target.out.path}/{inside}")
    there = side.sizes(needed)
    here = side.cache.look(needed).keys
    found.objects += len(there)
    found.size += sum(size for size in there.values() if size != UNKNOWN)
    for name in needed.keys() - there.keys():
        found.add("missing", name, where, f"needed by {needed[name]}")
    for name, size in there.items():
        if name in here and size not in (UNKNOWN, here[name].size):
            found.add("size", name, where, f"{size} bytes there, {here[name].size} in the cache")
    todo = [name for name in there if chosen is not None and chosen(name)]
    with meter(sum(max(0, there[name]) for name in todo), "B", f"reading {where}") as advance:
        for name, wrong in zip(todo, each(lambda one: _wrong(side, one), todo, threads=_JOBS, chunk=1), strict=True):
            advance(max(0, there[name]))
            found.read += 1
            found.read_size += max(0, there[name])
            if wrong:
                found.problems = [one for one in found.problems if one.name != name or one.where != where]
                found.add("corrupt", name, where, f"needed by {needed[name]}")


def _wrong(side: RemoteObjects, name: str) -> bool:
    check = Check(Place("legacy" if isinstance(side.cache, LegacyCache) else "md5", name))
    try:
        with side.store.open(side.key(name)) as source:
            while chunk := source.read(CHUNK):
                check.update(chunk)
        check.finish()
    except (CorruptData, NotFound):
        return True
    return False


def _bytes_of(side: RemoteObjects, name: str) -> bytes | None:
    try:
        return side.store.read(side.key(name))
    except NotFound:
        return None


def _send_again(side: RemoteObjects, problems: list[Problem]) -> None:
    """Files first, then listings: none is there without what it names."""
    keys = side.cache.look(problem.name for problem in problems).keys
    wrong = side.cache.verify(keys, lambda _: None)
    good = [problem for problem in problems if problem.name in keys and problem.name not in wrong]
    for listings in (False, True):
        some = [problem for problem in good if is_dir(problem.name) == listings]
        with side.store.batch() as batch:
            for problem in some:
                batch.put(side.key(problem.name), Path(side.cache.path(problem.name)))
        for problem in some:
            problem.repaired = "sent from the cache"
