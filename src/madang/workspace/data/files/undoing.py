"""What commands replaced or removed in the workspace though it was saved nowhere: kept aside, listed, brought back.

Each such command makes one *entry*, a folder ``.dvc/tmp/madang/replaced/NAME`` with ``record.json`` (what was done, and
the paths) and the files below ``files``. The record is written before the first file is moved, and a file is moved by a
rename, so a process killed at any moment leaves each file in the workspace or in an entry. Bringing an entry back makes
another one of what is there now: it can be undone in its turn.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from madang.domain.values import mutable, value
from madang.durable import make_folders, remove_tree, write_file
from madang.errors import NotFound
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository

FOLDER = "replaced"
DAYS = 30
"""How long a garbage collection leaves an entry alone."""

_RECORD, _FILES, _DONE = "record.json", "files", ".done"


@value
class Kept:
    """One entry."""

    name: str
    command: str  # that replaced the files
    at: int  # µs UTC
    files: int  # that lie in it
    size: int  # bytes of these
    paths: tuple[str, ...]  # what was moved, relative to the repository's root
    absent: tuple[str, ...] = ()  # paths where nothing was: bringing the entry back removes them again
    undoes: str = ""  # the entry that was brought back when this one was made


@mutable
class Undone:
    """What an undo did."""

    entry: Kept
    restored: list[str] = field(default_factory=list)  # absolute paths
    removed: list[str] = field(default_factory=list)  # absolute paths where nothing was before
    kept: str | None = None  # folder that holds what was there until now


def folder_of(repository: Repository) -> str:
    """Where the entries lie."""
    return os.path.join(repository.private_dir, FOLDER)


def keep(
    repository: Repository,
    paths: Sequence[str],
    command: str,
    lying: Mapping[str, str] | None = None,
    absent: Sequence[str] = (),
) -> str:
    """Move workspace paths (absolute, files or whole folders) aside. Returns the folder that holds them.

    ``lying`` says where one of them lies just now, when it was moved already; ``absent`` are paths where the command is
    going to put something and nothing is now.

    Raises:
        OSError: the disk refused; what was not moved is where it was.
    """
    relative = [repository.relative(path) for path in paths]
    gone = [repository.relative(path) for path in absent]
    folder = _begin(repository, command, {"paths": relative, **({"absent": gone} if gone else {})})
    for path, name in zip(paths, relative, strict=True):
        _move((lying or {}).get(path, path), os.path.join(folder, _FILES, name))
    return os.path.join(folder, _FILES)


def kept(repository: Repository) -> list[Kept]:
    """All entries, newest first. Those that hold nothing any more are left out."""
    area = folder_of(repository)
    try:
        names = sorted(os.listdir(area), reverse=True)
    except FileNotFoundError:
        return []
    found = [_read(area, name) for name in names if not name.endswith(_DONE)]
    entries = [entry for entry in found if entry is not None and (entry.files or entry.absent)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def undo(repository: Repository, number: int = 1) -> Undone:
    """Bring back what the newest entry (or the ``number``-th, as `kept` lists them) holds.

    Raises:
        NotFound: there is no such entry. Conflict: another command holds the repository.
    """
    with hold(repository):
        entries = kept(repository)
        started = next((entry for entry in entries if _is_started(repository, entry)), None)
        if started is not None:  # an undo that was killed goes on first
            return _bring_back(repository, _named(entries, started.undoes), started)
        if not 1 <= number <= len(entries):
            have = f"there are {len(entries)}" if entries else "nothing was replaced here that was saved nowhere"
            raise NotFound(f"There is no entry {number} to bring back: {have}.", hint="madang undo --list")
        return _bring_back(repository, entries[number - 1], None)


def expire(repository: Repository, older_than: int, *, dry: bool) -> list[Kept]:
    """Remove for good the entries made before a time (µs UTC); ``dry`` only says which. The caller holds the lock."""
    area = folder_of(repository)
    old = [entry for entry in kept(repository) if entry.at < older_than]
    if not dry:
        for entry in old:
            _finish(os.path.join(area, entry.name))
    return old


def _is_started(repository: Repository, entry: Kept) -> bool:
    return bool(entry.undoes) and os.path.isdir(os.path.join(folder_of(repository), entry.undoes))


def _named(entries: Sequence[Kept], name: str) -> Kept:
    return next(entry for entry in entries if entry.name == name)


def _bring_back(repository: Repository, entry: Kept, begun: Kept | None) -> Undone:
    area = folder_of(repository)
    places = {name: os.path.join(repository.root, name) for name in (*entry.paths, *entry.absent)}
    if begun is None:
        there = {name: os.path.lexists(place) for name, place in places.items()}
        facts = {
            "paths": [name for name, is_there in there.items() if is_there],
            "absent": [name for name, is_there in there.items() if not is_there],
            "undoes": entry.name,
        }
        aside = _begin(repository, "undo", facts)
    else:
        aside = os.path.join(area, begun.name)
    done = Undone(entry, kept=os.path.join(aside, _FILES))
    for name, place in places.items():
        source, target = os.path.join(area, entry.name, _FILES, name), os.path.join(aside, _FILES, name)
        if name in entry.paths and not os.path.lexists(source):
            continue  # it is back already
        if os.path.lexists(place):
            if os.path.lexists(target):
                keep(repository, [place], "undo")  # made after the undo was killed
            else:
                _move(place, target)
        if name in entry.paths:
            _move(source, place)
            done.restored.append(place)
        else:
            done.removed.append(place)
    _finish(os.path.join(area, entry.name))
    return done


def _begin(repository: Repository, command: str, facts: Mapping[str, Any]) -> str:
    """Make an entry with its record. Returns its folder."""
    now = time.time_ns() // 1000
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now // 1_000_000))}-{os.urandom(3).hex()}"
    folder = os.path.join(folder_of(repository), name)
    os.makedirs(folder)
    body = json.dumps({"command": command, "at": now, **facts}, ensure_ascii=False, indent=1)
    write_file(os.path.join(folder, _RECORD), body.encode("utf-8", "surrogateescape"))
    return folder


def _finish(folder: str) -> None:
    """Remove an entry; killed half-way it is no entry any more."""
    os.rename(folder, folder + _DONE)
    for name in os.listdir(os.path.dirname(folder)):
        if name.endswith(_DONE):
            remove_tree(os.path.join(os.path.dirname(folder), name))


def _move(source: str, target: str) -> None:
    """Move a file, link or folder to a place that is free; across disks it is copied first."""
    make_folders(os.path.dirname(target))
    try:
        os.rename(source, target)
    except OSError:
        if not os.path.lexists(source) or _is_one_disk(source, target):
            raise
        import shutil  # noqa: PLC0415 - across disks alone

        part = f"{target}.{os.urandom(3).hex()}.part"
        if os.path.isdir(source) and not os.path.islink(source):
            shutil.copytree(source, part, symlinks=True)
        else:
            shutil.copy2(source, part, follow_symlinks=False)
        os.rename(part, target)
        if os.path.isdir(source) and not os.path.islink(source):
            remove_tree(source)
        else:
            os.unlink(source)


def _is_one_disk(source: str, target: str) -> bool:
    return os.stat(os.path.dirname(source)).st_dev == os.stat(os.path.dirname(target)).st_dev


def _read(area: str, name: str) -> Kept | None:
    folder = os.path.join(area, name)
    try:
        with open(os.path.join(folder, _RECORD), encoding="utf-8", errors="surrogateescape") as file:
            facts = json.load(file)
        files = [os.lstat(path) for path in _files_below(os.path.join(folder, _FILES))]
        return Kept(
            name,
            str(facts["command"]),
            int(facts["at"]),
            len(files),
            sum(found.st_size for found in files),
            tuple(str(path) for path in facts["paths"]),
            tuple(str(path) for path in facts.get("absent", ())),
            str(facts.get("undoes", "")),
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None  # killed before its record was written: it holds nothing


def _files_below(folder: str) -> Iterator[str]:
    for above, folders, names in os.walk(folder):
        yield from (os.path.join(above, name) for name in names)
        yield from (os.path.join(above, name) for name in folders if os.path.islink(os.path.join(above, name)))
