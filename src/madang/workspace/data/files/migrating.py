"""``cache migrate``: give objects of dvc 2 their names of dvc 3, and records their new form.

Nothing is removed: an old object and the new one are one file under two names where the file system can. The records
follow the objects, not the work tree: what a record meant before it means afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.durable import write_file
from madang.errors import CorruptData, NotFound
from madang.formats.dvc import dvcfile, layout, listing, lockfile
from madang.formats.dvc.dvcfile import Content
from madang.formats.dvc.lock_editing import LockText
from madang.formats.dvc.places import place_of
from madang.staging import Staging
from madang.workspace.data import progress
from madang.workspace.data.files.legacy import LegacyCache, name_of_file
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.objects.copying import copy
from madang.workspace.data.objects.parallel import each
from madang.workspace.data.objects.reading import hash_file
from madang.workspace.data.records.outs import TrackedOut, stages, tracked
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository


@mutable
class Migrated:
    """What was done, or would be."""

    objects: int = 0
    records: list[str] = field(default_factory=list)  # files that were changed
    left: list[str] = field(default_factory=list)  # records of dvc 2 whose objects are not in the cache
    damaged: list[str] = field(default_factory=list)  # objects that were not what their name says; set aside


def waiting(repository: Repository, *, records: bool) -> Migrated:
    """What a migration would touch; nothing is changed."""
    done = Migrated(objects=len(_names(LegacyCache(repository))))
    if records:
        done.records = sorted({_record_of(out) for out in tracked(repository) if out.is_legacy})
    return done


def migrate(repository: Repository, *, records: bool, meter: progress.Meter = progress.silent) -> Migrated:
    """Give every old object its new name and, with ``records``, every record of dvc 2 its new form.

    Raises:
        Conflict: another command holds the repository. InvalidInput: a record that cannot be read.
    """
    legacy, done = LegacyCache(repository), Migrated()
    outs = [out for out in tracked(repository) if out.is_legacy] if records else []
    with hold(repository, sorted({_record_of(out) for out in outs})):
        found = legacy.look(_names(legacy)).keys
        with meter(sum(key.size for key in found.values()), "B", "checking") as advance:
            done.damaged = sorted(legacy.verify(found, advance))
        names = sorted(found.keys() - set(done.damaged))
        new = _take_files(repository.cache, legacy, [name for name in names if not layout.is_dir(name)], meter)
        new |= _take_listings(repository.cache, legacy, [name for name in names if layout.is_dir(name)], new)
        done.objects = len(new)
        if outs:
            _update(repository, outs, new, done)
    return done


def _names(legacy: LegacyCache) -> set[str]:
    found = set()
    for name in legacy.names():
        place = place_of(f"{name[:2]}/{name[2:]}")
        if place is not None and place.kind == "legacy":
            found.add(name)
    return found


def _take_files(cache: Cache, legacy: LegacyCache, names: list[str], meter: progress.Meter) -> dict[str, str]:
    """Old name → new name of files."""
    paths = [legacy.path(name) for name in names]
    new: dict[str, str] = {}
    with cache.staging() as staging, meter(len(names), "files", "migrating") as advance:
        for name, path, hashed in zip(names, paths, each(hash_file, paths), strict=True):
            new[name] = hashed.md5
            if not os.path.exists(cache.path(hashed.md5)):
                staging.add(_same(path, staging), cache.path(hashed.md5))
            advance(1)
    cache.remember(sorted(set(new.values())))
    return new


def _same(path: str, staging: Staging) -> str:
    """The file once more, aside: a second name of it where the file system has such."""
    aside = staging.new_path()
    try:
        os.link(path, aside)
    except OSError:
        copy(path, aside)
    os.chmod(aside, 0o444)
    return aside


def _take_listings(cache: Cache, legacy: LegacyCache, names: list[str], files: Mapping[str, str]) -> dict[str, str]:
    """Old name → new name of folders' listings, which name the files by their new names then."""
    new: dict[str, str] = {}
    with cache.staging() as staging:
        for name in names:
            try:
                old = legacy.listing(name)
            except (CorruptData, NotFound):
                continue
            if any(md5 not in files for md5 in old.values()):
                continue  # its files are not all here
            body = listing.encode({path: files[md5] for path, md5 in old.items()})
            new[name] = listing.name_of_bytes(body)
            cache.add_bytes(staging, new[name], body)
    cache.remember(sorted(set(new.values())))
    return new


def _record_of(out: TrackedOut) -> str:
    """The file that holds the MD5: of a pipeline's output the lock."""
    if out.stage:
        return os.path.join(os.path.dirname(out.dvc_file), lockfile.FILE_NAME)
    return out.dvc_file


def _update(repository: Repository, outs: list[TrackedOut], new: Mapping[str, str], done: Migrated) -> None:
    by_record: dict[str, list[TrackedOut]] = {}
    for out in outs:
        by_record.setdefault(_record_of(out), []).append(out)
    for record, held in sorted(by_record.items()):
        known = [out for out in held if out.md5 in new]
        done.left += sorted(repository.relative(out.path) for out in held if out.md5 not in new)
        if not known:
            continue
        with open(record, encoding="utf-8") as file:
            text = file.read()
        if os.path.basename(record) == lockfile.FILE_NAME:
            changed = _lock(text, record, new, _folders(repository, record))
        else:
            changed = dvcfile.updated(text, record, {out.entry.path: _content(out, new) for out in known})
        write_file(record, changed.encode())
        done.records.append(record)


def _content(out: TrackedOut, new: Mapping[str, str]) -> Content:
    entry = out.entry
    assert entry.md5 is not None
    return Content(new[entry.md5], entry.size, entry.nfiles, entry.isexec)


def _folders(repository: Repository, record: str) -> dict[str, str]:
    """Stage → the folder that its paths are relative to, for the stages of a lock."""
    folder = os.path.dirname(record)
    return {stage.name: stage.wdir for stage in stages(repository, folder) if os.path.dirname(stage.file) == folder}


def _lock(text: str, record: str, new: Mapping[str, str], folders: Mapping[str, str]) -> str:
    """The lock with its old entries in their new form: outputs, and dependencies that are still what they were."""
    changed: dict[str, Any] = {}
    for name, stage in lockfile.Lock(text, record).value.get("stages", {}).items():
        wdir = folders.get(name, os.path.dirname(record))
        parts = {kind: [_item(item, new, wdir) for item in stage[kind]] for kind in ("deps", "outs") if stage.get(kind)}
        changed[name] = {**stage, **parts}
    return LockText(text, record).put(changed)


def _item(item: Mapping[str, Any], new: Mapping[str, str], folder: str) -> Mapping[str, Any]:
    md5 = item.get("md5")
    if not md5 or "hash" in item:
        return item
    name = new.get(str(md5)) or _present(os.path.join(folder, str(item["path"])), str(md5))
    if name is None:
        return item
    size = item.get("size")
    content = Content(name, int(size) if size is not None else None, item.get("nfiles"), bool(item.get("isexec")))
    return lockfile.item(str(item["path"]), content)


def _present(path: str, md5: str) -> str | None:
    """The new name of a file of the work tree whose old name is ``md5``."""
    try:
        return hash_file(path).md5 if name_of_file(path) == md5 else None
    except OSError:
        return None
