"""``status --cloud``: the cache against a remote, object by object."""

from __future__ import annotations

import os
from collections.abc import Sequence

from madang.errors import CorruptData, NotFound
from madang.ports.objects import UNKNOWN
from madang.workspace.data.records.outs import Target
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.remotes.transfer import OpenRemote, inside_of, jobs_of, opened
from madang.workspace.data.repo.repository import Repository


def cloud_changes(
    repository: Repository, targets: Sequence[Target], open_remote: OpenRemote, remote: str | None = None
) -> dict[str, str]:
    """``status -c``: what the remote lacks (``new``), what the cache lacks (``deleted``), what both lack (``missing``).

    Named by workspace path relative to the root; every object is asked for, not only the listings.
    """
    result: dict[str, str] = {}
    if not targets:
        return result
    for job in jobs_of(repository, targets, remote, pushing=True):
        with opened(repository, job, open_remote) as side:
            _compare_with(repository, side, job.targets, result)
    return result


def _compare_with(
    repository: Repository, side: RemoteObjects, targets: Sequence[Target], result: dict[str, str]
) -> None:
    names: dict[str, set[str]] = {}
    listings: set[str] = set()
    for target in targets:
        out, shown = target.out, repository.relative(target.out.path)
        assert out.md5 is not None
        names.setdefault(shown, set()).add(out.md5)
        if out.is_dir:
            listings.add(out.md5)
            for path, md5 in inside_of(_listing_anywhere(side, out.md5), target.inside):
                names.setdefault(os.path.join(shown, path), set()).add(md5)
    every = set().union(*names.values())
    there = side.sizes(every)
    here = side.cache.look(every).keys
    for path, objects in names.items():
        states = {_state(name, here[name].size if name in here else None, there.get(name)) for name in objects}
        if objects <= listings:
            states.discard("deleted")  # its files tell what is to be fetched, as with dvc
        for state in ("missing", "new", "deleted"):  # of several commits' objects the gravest is told
            if state in states:
                result[path] = state
                break


def _state(name: str, here: int | None, there: int | None) -> str:
    if here is not None and there is not None and there not in (here, UNKNOWN):
        there = None  # cut short: a push replaces it
    if here is not None:
        return "" if there is not None else "new"
    return "deleted" if there is not None else "missing"


def _listing_anywhere(side: RemoteObjects, name: str) -> dict[str, str]:
    try:
        return side.cache.listing(name)
    except (NotFound, CorruptData):
        return side.listing(name)
