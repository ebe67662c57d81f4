"""Tracked data as readers see it: what there is, its versions, and the files of one version."""

from __future__ import annotations

from dataclasses import field

from madang.domain.lineage import DataUse
from madang.domain.values import value


@value
class Recorded:
    """A version of tracked data that a commit records; ``commit`` is empty for the work tree."""

    version: str  # "md5:…", a folder's ends with ".dir"; empty when nothing is recorded
    size: int | None = None  # bytes of all files
    files: int | None = None
    commit: str = ""
    at: int = 0  # µs UTC
    author: str = ""
    message: str = ""  # first line
    record: str = ""  # the file that says so, relative to the work tree's root


@value
class Dataset:
    """A tracked path, or one that runs have read."""

    name: str  # path relative to the work tree's root
    current: Recorded | None = None  # as recorded now; None where no work tree is known
    runs: int = 0  # runs that read it
    last_run: int = 0  # when the newest of them began, µs UTC


@value
class DatasetVersion:
    """One version, with every place that names it."""

    recorded: Recorded
    is_stored: bool  # whether its bytes (a folder's: its listing) can be had here
    is_current: bool = False
    runs: list[DataUse] = field(default_factory=list)


@value
class DatasetFile:
    """A file of a version. ``change`` against another version: ``+``, ``-``, ``~``, or empty."""

    path: str  # empty for data that is a single file
    md5: str
    size: int | None  # bytes; None when they are not here
    change: str = ""


@value
class DatasetTree:
    """The files of a version by path, and what it takes to keep them."""

    files: list[DatasetFile]
    total: int  # files in all; the list may hold fewer
    size: int  # bytes of all files that are here
    stored: int  # the same with equal files counted once
    added: int = 0
    removed: int = 0
    changed: int = 0


def compared(now: dict[str, str], before: dict[str, str] | None) -> list[tuple[str, str, str]]:
    """(path, MD5, change) of every file of a version against another; without one nothing counts as changed."""
    if before is None:
        return [(path, md5, "") for path, md5 in sorted(now.items())]
    rows = [(path, md5, "" if before.get(path) == md5 else "~" if path in before else "+") for path, md5 in now.items()]
    rows += [(path, md5, "-") for path, md5 in before.items() if path not in now]
    return sorted(rows)
