"""What a command may replace in the workspace: nothing that is saved nowhere, and nothing that changed meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from madang.errors import Conflict
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.state import FileKey, key_of


def unsaved(cache: Cache, files: Mapping[str, str]) -> list[str]:
    """Those of the files (path → MD5 of its bytes) whose bytes no sound object holds."""
    found = cache.look(set(files.values()))
    wrong = cache.verify(found.keys, lambda _: None)
    lost = wrong.union(found.missing)
    return [path for path, md5 in files.items() if md5 in lost or not cache.saves(md5, path)]


def hidden(top: str, names: Iterable[str]) -> list[str]:
    """What stands where files are to be made, and was not seen by the walk: ignored files, links to folders."""
    found: dict[str, None] = {}
    links: dict[str, str] = {}  # folder → itself or the first link above it
    for name in names:
        above = os.path.dirname(name)
        if above not in links:
            links[above] = next((path for path in _steps(top, above) if os.path.islink(path)), "")
        path = links[above] or f"{top}/{name}"
        if os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path)):
            found[path] = None
    return list(found)


def _steps(top: str, inside: str) -> Iterable[str]:
    parts = inside.split("/") if inside else []
    return ("/".join((top, *parts[: depth + 1])) for depth in range(len(parts)))


def check_unchanged(path: str, seen: FileKey | None) -> None:
    """A file goes only when it is still the one that was looked at; folders are for the caller."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        if not os.path.islink(path):
            return
        found = os.lstat(path)
    if os.path.isdir(path) and not os.path.islink(path):
        return
    if seen is None or key_of(found)[:4] != seen[:4]:
        raise Conflict(f"{path} was changed while data was checked out.", hint="Repeat the command; nothing is lost.")
