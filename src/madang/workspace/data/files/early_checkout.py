"""Check out what a pull brings while it comes: large objects are written to the cache and to the workspace at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from madang.durable import make_folders
from madang.errors import CorruptData, NotFound, Refused
from madang.staging import Staging
from madang.workspace.data.files import links
from madang.workspace.data.records.outs import Target
from madang.workspace.data.records.placing import check_names
from madang.workspace.data.repo.repository import Repository

Prepare = Callable[[Sequence[Target]], None]
"""Told of targets whose listings are in the cache, before the other objects come."""


@contextmanager
def early_checkout(repository: Repository, targets: Iterable[Target]) -> Iterator[Prepare]:
    """While objects are fetched for these targets, and checked out: copy them aside already when they come.

    Only what is not in the workspace at all is prepared, and only where checkout would make copies.
    """
    new = {
        (target.out.path, target.out.md5)
        for target in targets
        if not target.inside and not target.out.is_legacy and not os.path.lexists(target.out.path)
    }
    if not new:
        yield lambda _: None
        return
    os.makedirs(repository.private_dir, exist_ok=True)
    with Staging(repository.private_dir) as staging:

        def prepare(found: Sequence[Target]) -> None:
            for target in found if links.makes_copies(repository) else ():
                if (target.out.path, target.out.md5) in new:
                    new.discard((target.out.path, target.out.md5))
                    _prepare(repository, target, staging.new_path())

        try:
            yield prepare
        finally:
            repository.cache.early_copies.forget()


def _prepare(repository: Repository, target: Target, place: str) -> None:
    path, md5 = target.out.path, target.out.md5
    if md5 is None or os.stat(_nearest(path)).st_dev != os.stat(repository.private_dir).st_dev:
        return
    files = {"": md5}
    if target.out.is_dir:
        try:
            files = repository.cache.listing(md5)
            check_names(path, files)
        except (NotFound, CorruptData, Refused):
            return  # checkout says so
        for folder in {name.rpartition("/")[0] for name in files}:
            make_folders(f"{place}/{folder}" if folder else place)
    repository.cache.early_copies.want(path, place, files)


def _nearest(path: str) -> str:
    """The folder above a path that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path
