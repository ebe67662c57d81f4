"""The run cache: what the same inputs and the same command gave before. Shared with dvc; see docs/formats/dvc.md."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from madang.durable import unlink
from madang.errors import InvalidInput
from madang.formats.dvc import lockfile, places, yamltext
from madang.formats.dvc.dvcfile import OutEntry
from madang.formats.dvc.lockfile import Lock, LockEntry
from madang.workspace.data.files.comparing import is_cached
from madang.workspace.data.records.outs import Target, TrackedOut
from madang.workspace.data.records.stages import Stage, is_local, placed
from madang.workspace.data.remotes.run_entries import FOLDER, folder_of
from madang.workspace.data.repo.repository import Repository
from madang.workspace.pipelines.recording import Inputs


def is_kept(repository: Repository, stage: Stage) -> bool:
    """Whether the results of a stage can be found by what it reads."""
    if stage.always_changed or not stage.cmd or not (stage.deps or stage.params) or not stage.outs:
        return False
    root = repository.root.rstrip(os.sep) + os.sep
    return all(is_local(dep.path) and dep.source is None for dep in stage.deps) and all(
        is_local(out.path) and not out.entry.persist and out.path.startswith(root) for out in stage.outs
    )


def saves(stage: Stage) -> bool:
    """Whether a run's results are put there: not with outputs that are kept out of the cache, but for reports."""
    return all(out.entry.cache or out.entry.kind != "out" for out in stage.outs)


def key_of(stage: Stage, read: Inputs) -> str | None:
    """What a command and its inputs are called; None when they hold a value that dvc could not name either."""
    assert stage.cmd is not None
    deps = [lockfile.item(path, content) for path, content in read.deps.items()]
    outs = [{"path": out.entry.path} for out in stage.outs]
    try:
        return places.run_name_of(lockfile.entry(stage.cmd, deps, read.params, outs)).partition("/")[0]
    except (TypeError, ValueError):
        return None


def find(repository: Repository, stage: Stage, key: str) -> list[Target] | None:
    """The newest outputs of the same command with the same inputs, as targets of a checkout."""
    for path in _newest_first(os.path.join(repository.cache.folder, folder_of(key))):
        found = _read(path, f"{key}/{os.path.basename(path)}")
        if found is not None:
            return targets_of(stage, found)
    return None


def targets_of(stage: Stage, found: LockEntry) -> list[Target] | None:
    """The outputs of a stage as an entry has them; None when it has not all of them."""
    targets = []
    for out in stage.outs:
        made = found.outs.get(out.entry.path)
        if made is None or made.md5 is None:
            return None
        entry = OutEntry(
            out.entry.path, made.md5, made.size, made.nfiles, made.isexec, made.hash_name, remote=out.entry.remote
        )
        targets.append(Target(TrackedOut(placed(stage.wdir, out.entry.path), stage.file, entry, stage=stage.address)))
    return targets


def are_cached(repository: Repository, targets: Sequence[Target]) -> bool:
    """Whether every byte of these outputs is in the cache."""
    return all(
        target.out.md5 is not None
        and not target.out.is_legacy
        and not repository.cache.look([target.out.md5]).missing
        and is_cached(repository, target.out.md5)
        for target in targets
    )


def save(repository: Repository, entry: Mapping[str, Any]) -> None:
    """Keep an entry of ``dvc.lock`` whose outputs are in the cache, so that it can be found by what was read."""
    try:
        name = places.run_name_of(entry)
    except (TypeError, ValueError):
        return
    key = name.partition("/")[0]
    path = os.path.join(repository.cache.folder, FOLDER, key[:2], name)
    if os.path.exists(path) and _read(path, name) is not None:
        return
    for folder in (os.path.dirname(path), repository.private_dir):
        os.makedirs(folder, exist_ok=True)
    aside = f"{repository.private_dir}/{os.urandom(8).hex()}"
    if os.stat(repository.private_dir).st_dev != os.stat(os.path.dirname(path)).st_dev:
        aside = f"{path}.{os.urandom(4).hex()}"
    # Not made durable: an entry that does not fit its name is not believed, and the next run writes it again.
    try:
        with open(aside, "xb") as file:
            file.write(yamltext.dump(dict(entry)).encode())
        os.rename(aside, path)
    except BaseException:
        unlink(aside)
        raise


def _newest_first(folder: str) -> list[str]:
    try:
        paths = [entry.path for entry in os.scandir(folder) if entry.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(paths, key=lambda path: os.stat(path).st_mtime_ns, reverse=True)


def _read(path: str, name: str) -> LockEntry | None:
    """An entry whose content fits its name."""
    body = b""
    with suppress(OSError), open(path, "rb") as file:
        body = file.read(places.MAX_RUN_ENTRY + 1)
    if not body or places.run_name(body) != name:
        return None
    try:
        return Lock("", path, {"schema": lockfile.SCHEMA, "stages": {"": yamltext.load(body.decode(), path)}}).stage("")
    except InvalidInput:
        return None
