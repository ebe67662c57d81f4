"""``status``: the workspace against what is recorded."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from madang.workspace.data import progress
from madang.workspace.data.hashing import current_content
from madang.workspace.data.legacy import place_of
from madang.workspace.data.outs import Target, TrackedOut, check_supported
from madang.workspace.data.repository import Repository


@dataclass(frozen=True, slots=True)
class Change:
    """A tracked path that is not as recorded."""

    out: TrackedOut
    state: str  # "modified", "deleted", "new" (nothing recorded yet) or "not in cache", as dvc says it


def changes(repository: Repository, targets: Iterable[Target], meter: progress.Meter = progress.silent) -> list[Change]:
    """Every target that differs from its record. Files that were not touched are not read.

    Raises:
        Incompatible: data this release cannot handle. Others as `current_content`.
    """
    found = []
    for target in targets:
        check_supported(target.out)
        state = _state_of(repository, target.out, meter)
        if state is not None:
            found.append(Change(target.out, state))
    return found


def _state_of(repository: Repository, out: TrackedOut, meter: progress.Meter) -> str | None:
    if out.md5 is None:
        return "new" if os.path.lexists(out.path) else "deleted"
    place = place_of(repository, out)
    if out.entry.cache and not is_cached(place, out.md5):
        return "not in cache"
    content = current_content(place, out.path, meter)
    if content is None:
        return "deleted"
    return None if content.md5 == out.md5 else "modified"


def is_cached(repository: Repository, name: str) -> bool:
    """Whether an object, and for a folder everything in it, is in the cache."""
    if name.endswith(".dir"):
        return repository.cache.holds_all(name)
    return os.path.exists(repository.cache.path(name))
