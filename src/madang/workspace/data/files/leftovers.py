"""Data that a commit no longer tracks: a checkout of everything takes it out of the workspace, as dvc does.

``.dvc/tmp/madang/placed.json`` names the paths that were tracked when data was last added or checked out. One that no
record names any more goes when each of its bytes is in a sound object of the cache and git does not hold it; whatever
else lies there stays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from madang.durable import write_file
from madang.errors import MadangError
from madang.workspace.data import progress
from madang.workspace.data.files import hashing
from madang.workspace.data.files.checkout import Report
from madang.workspace.data.files.replacing import check_unchanged, unsaved
from madang.workspace.data.objects.state import FileKey, key_of
from madang.workspace.data.records.outs import tracked
from madang.workspace.data.repo import git
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import rules_above, scan_tree

_FILE = "placed.json"
_OF_OTHERS = frozenset(("", ".", "..", ".git", ".dvc"))


def note(repository: Repository, paths: Iterable[str]) -> None:
    """Remember tracked paths (absolute) that are in the workspace."""
    known = _read(repository)
    more = known | {repository.relative(path) for path in paths}
    if more != known:
        _write(repository, more)


def forget(repository: Repository, paths: Iterable[str]) -> None:
    """These paths (absolute) are the user's own from now on."""
    known = _read(repository)
    fewer = known - {repository.relative(path) for path in paths}
    if fewer != known:
        _write(repository, fewer)


def clear(repository: Repository, report: Report, meter: progress.Meter = progress.silent) -> None:
    """Remove what was tracked and is not any more, after the checkout of a ``report`` that restored all the rest.

    Raises:
        Conflict: a file changed just now, or another command holds the repository.
    """
    known = _read(repository)
    here = {repository.relative(out.path): out.path for out in tracked(repository) if out.entry.cache}
    gone = sorted(os.path.join(repository.root, name) for name in known - here.keys())
    if gone:
        with hold(repository, gone):
            held = git.holding(repository.git_root, gone) if repository.git_root is not None else set[str]()
            for path in gone:
                if path not in held and not _touches(path, here.values()) and _is_in_place(repository, path):
                    _remove(repository, path, report, meter)
    present = {name for name, path in here.items() if os.path.lexists(path)}
    if present != known:
        _write(repository, present)


def _is_in_place(repository: Repository, path: str) -> bool:
    """Whether no link leads to it; it may be one itself, to the cache."""
    above = os.path.dirname(path)
    inside = os.path.normpath(os.path.join(os.path.realpath(repository.root), repository.relative(above)))
    return os.path.realpath(above) == inside and not (os.path.islink(path) and os.path.isdir(path))


def _touches(path: str, others: Iterable[str]) -> bool:
    return any((path + os.sep).startswith(other + os.sep) or other.startswith(path + os.sep) for other in others)


def _remove(repository: Repository, path: str, report: Report, meter: progress.Meter) -> None:
    try:
        files = _files(repository, path, meter)
    except MadangError:
        return  # it cannot be looked at as data, so it is none of ours
    if not files or unsaved(repository.cache, {name: md5 for name, (md5, _) in files.items()}):
        return
    is_dir = os.path.isdir(path)
    for name, (_, key) in files.items():
        check_unchanged(name, key)
        os.unlink(name)
    if is_dir:
        _remove_empty(path)
    report.deleted.append(path + os.sep if is_dir else path)
    report.files["deleted"] += len(files)


def _files(repository: Repository, path: str, meter: progress.Meter) -> dict[str, tuple[str, FileKey]]:
    """(MD5, state) of every file at or below a path; of nothing when nothing is there."""
    if os.path.isfile(path):
        found = os.stat(path)
        return {path: (hashing.file_md5(repository.state, path, found), key_of(found))}
    if not os.path.isdir(path):
        return {}
    tree = scan_tree(repository.root, path, rules_above(repository.root, path))
    hashes = hashing.known_hashes(repository.state, tree)
    with meter(sum(tree.key(index).size for index in hashes.unknown()), "B", "hashing the workspace") as advance:
        hashing.complete_hashes(repository.state, path, hashes, advance)
    md5s = hashes.files()
    return {f"{path}/{name}": (md5s[name], tree.key(index)) for index, name in enumerate(tree.paths)}


def _remove_empty(folder: str) -> None:
    """Remove a folder and those in it, as far as nothing lies there."""
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False):
            _remove_empty(entry.path)
    if not os.listdir(folder):
        os.rmdir(folder)


def _read(repository: Repository) -> set[str]:
    try:
        with open(os.path.join(repository.private_dir, _FILE), "rb") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return set()  # without it nothing is removed
    names = {name for name in found if isinstance(name, str)} if isinstance(found, list) else set[str]()
    return {name for name in names if not os.path.isabs(name) and _OF_OTHERS.isdisjoint(name.split("/"))}


def _write(repository: Repository, names: set[str]) -> None:
    os.makedirs(repository.private_dir, exist_ok=True)
    write_file(os.path.join(repository.private_dir, _FILE), json.dumps(sorted(names)).encode())
