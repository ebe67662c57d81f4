"""When nothing was to do: what that rests on, so that the next look is a few hundred ``stat`` calls and no parsing.

``.dvc/tmp/madang/unchanged.json`` names every file and folder that a reproduction without anything to do has looked at
(pipelines, records, parameters, ignore rules, dependencies, outputs, the folders of the cache), each with inode, size
and times. As long as all of them are the same there is nothing to do. Whatever differs leads to the full way, so the
file is never needed; deleting it loses nothing. It is written only when nothing changed since before the look.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 1
UP_TO_DATE = "Data and pipelines are up to date."
NAME = os.path.join(".dvc", "tmp", "madang", "unchanged.json")


def lines(print_of: Callable[[str, str], str]) -> list[str] | None:
    """What was said when nothing was to do in the present folder, if that still holds; else None.

    ``print_of`` tells the look of the files in a folder, given the repository's root and the folder.
    """
    root = here = os.getcwd()
    while not os.path.isdir(os.path.join(root, ".dvc")):
        above = os.path.dirname(root)
        if above == root:
            return None
        root = above
    try:
        with open(os.path.join(root, NAME), encoding="utf-8", errors="surrogateescape") as file:
            told = json.load(file)
        if told["version"] != VERSION or told["folder"] != here:
            return None
        if any(look_at(path) != look for path, look in told["looks"]):
            return None
        if any(print_of(root, path) != mark for path, mark in told["trees"]):
            return None
        return [str(line) for line in told["lines"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def look_at(path: str) -> list[int]:
    """What tells one state of a file or folder; nothing when it is not there. A link counts as its target."""
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
