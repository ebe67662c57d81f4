"""``pull`` and ``fetch`` of imports: their bytes come from the repository or address that the record names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import field, replace
from typing import Any

from madang.domain.values import mutable
from madang.errors import (
    AccessDenied,
    ConfigError,
    CorruptData,
    Incompatible,
    InvalidInput,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)
from madang.formats.dvc import source_versions
from madang.formats.dvc.dvcfile import Content
from madang.workspace.data import progress
from madang.workspace.data.files.legacy import place_of
from madang.workspace.data.imports.bringing import Bringer
from madang.workspace.data.records.outs import Target
from madang.workspace.data.records.stages import TrackedOut
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.sources import clones, opening
from madang.workspace.data.sources.addresses import OpenRemote, open_address

_PROBLEMS = (
    NotFound, Unavailable, Incompatible, InvalidInput, Refused, CorruptData, ConfigError, Unauthenticated, AccessDenied,
)  # fmt: skip
"""What one source may lack while the others are asked."""


@mutable
class FromSources:
    """What was brought from the sources of imports."""

    files: int = 0  # objects, listings included
    size: int = 0  # bytes of them
    missing: list[str] = field(default_factory=list)  # objects that the sources have no more
    damaged: list[str] = field(default_factory=list)  # objects that are not what the records say
    problems: list[str] = field(default_factory=list)  # a sentence for each import that could not be brought


def completed(
    repository: Repository,
    targets: Sequence[Target],
    open_remote: OpenRemote,
    *,
    jobs: int | None = None,
    meter: progress.Meter = progress.silent,
) -> tuple[list[Target], list[str]]:
    """The targets, those of imports that were never downloaded with what their source holds, which is brought.

    Their records stay as they are, as dvc leaves them. Also returns a sentence for each that could not be brought. The
    caller holds the cache.
    """
    found, problems = [], []
    with clones.once():
        for target in targets:
            try:
                found.append(_completed(repository, target, open_remote, jobs, meter))
            except _PROBLEMS as error:
                problems.append(f"{repository.relative(target.out.path)}: {error.message}")
    return found, problems


def _completed(
    repository: Repository, target: Target, open_remote: OpenRemote, jobs: int | None, meter: progress.Meter
) -> Target:
    out, source = target.out, target.out.source
    if out.md5 is not None or source is None or target.inside:
        return target
    bringer = Bringer(repository.cache, repository.private_dir, open_remote, jobs=jobs, meter=meter)
    if "repo" in source:
        url = opening.address_of(str(source["repo"]["url"]), repository.root, out.dvc_file)
        content = bringer.content(bringer.bring_import(source, url))
    else:
        content = _from_address(repository, out, source, bringer, open_remote, meter)
    entry = replace(out.entry, md5=content.md5, size=content.size, nfiles=content.nfiles, hash_name="md5")
    return Target(replace(out, entry=entry))


def _from_address(
    repository: Repository,
    out: TrackedOut,
    source: Mapping[str, Any],
    bringer: Bringer,
    open_remote: OpenRemote,
    meter: progress.Meter,
) -> Content:
    """Bring what stands at an address, or stood there when its versions were recorded."""
    written = str(source["path"])
    url = written if "://" in written else os.path.join(os.path.dirname(out.dvc_file), written)
    versions = source_versions.recorded(source, out.dvc_file) if source_versions.is_recorded(source) else None
    options = source.get("fs_config")
    with closing(open_address(url, open_remote, settings=repository.settings, options=options)) as address:
        taken = address.take(repository.cache, meter, versions)
    bringer.files += len(set(taken.files.values())) + taken.is_dir
    bringer.size += taken.size
    return taken.content()


def fetch_imports(
    repository: Repository,
    targets: Sequence[Target],
    open_remote: OpenRemote,
    *,
    jobs: int | None = None,
    meter: progress.Meter = progress.silent,
) -> FromSources:
    """Bring data of imports into the cache from where it comes, at the recorded commit.

    For those of the targets whose source is another repository, or versions in a cloud. What is not there any more, or
    is not what the record says, is named in the result. The caller holds the cache.
    """
    moved = FromSources()
    bringer = Bringer(repository.cache, repository.private_dir, open_remote, jobs=jobs, meter=meter)
    wanted = {(one.out.dvc_file, one.out.md5): one.out for one in targets if one.out.is_import}
    with clones.once():
        for out in wanted.values():
            _fetch_import(repository, out, bringer, moved, open_remote, meter)
    moved.files, moved.size = bringer.files, bringer.size
    return moved


def _fetch_import(
    repository: Repository,
    out: TrackedOut,
    bringer: Bringer,
    moved: FromSources,
    open_remote: OpenRemote,
    meter: progress.Meter,
) -> None:
    if out.md5 is None or out.source is None or is_whole(place_of(repository, out), out.md5):
        return
    name = repository.relative(out.path)
    try:
        if out.is_legacy:
            raise Incompatible(f"{out.dvc_file} was written by dvc 2, with a hash of its own.")
        if "repo" in out.source:
            url = opening.address_of(str(out.source["repo"]["url"]), repository.root, out.dvc_file)
            content = bringer.content(bringer.bring_import(out.source, url))
        else:
            content = _from_address(repository, out, out.source, bringer, open_remote, meter)
    except _PROBLEMS as error:
        moved.missing.append(out.md5)
        moved.problems.append(f"{name}: {error.message}")
        return
    if content.md5 != out.md5:
        moved.damaged.append(out.md5)
        moved.problems.append(f"{name}: its source holds other bytes than were imported.")


def is_whole(repository: Repository, name: str) -> bool:
    """Whether the cache has an object, and for a folder all that is in it."""
    if name.endswith(".dir"):
        return repository.cache.holds_all(name)
    return not repository.cache.look([name]).missing
