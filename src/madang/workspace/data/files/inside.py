"""One path inside a tracked folder: what the folder's record says before, and after this path alone was added.

The folder's other files need not be here: who changes one file of a large folder brings and adds that file alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from madang.errors import CorruptData, NotFound
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.records.outs import TrackedOut

Elsewhere = Callable[[TrackedOut], dict[str, str] | None]
"""Gives the files of a tracked folder whose listing the cache lacks; None when it does not know them either."""


def recorded(cache: Cache, folder: TrackedOut, elsewhere: Elsewhere | None) -> dict[str, str]:
    """The files of a tracked folder as its record names them: from the cache, else from elsewhere.

    Raises:
        NotFound, CorruptData: as `Cache.listing`, when elsewhere does not know them either.
    """
    try:
        return cache.listing(str(folder.md5))
    except (NotFound, CorruptData):
        found = elsewhere(folder) if elsewhere is not None else None
        if found is None:
            raise
        return found


def size(cache: Cache, recorded_size: int | None, before: Mapping[str, str], after: Mapping[str, str]) -> int | None:
    """Bytes of all files after a change; None when nothing tells, as of a file that went and is not in the cache.

    Without the other files it is the recorded size, less what went, and what came.
    """
    found = cache.look(set(after.values()))
    if not found.missing:
        return sum(found.keys[md5].size for md5 in after.values())
    gone = [md5 for name, md5 in before.items() if after.get(name) != md5]
    come = [md5 for name, md5 in after.items() if before.get(name) != md5]
    moved = cache.look({*gone, *come})
    if recorded_size is None or moved.missing:
        return None
    return recorded_size + sum(moved.keys[md5].size for md5 in come) - sum(moved.keys[md5].size for md5 in gone)
