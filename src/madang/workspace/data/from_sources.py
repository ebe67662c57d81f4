"""``pull`` and ``fetch`` of imports: their bytes come from the repository or address that the record names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from madang.errors import NotFound
from madang.workspace.data import opening, progress
from madang.workspace.data.addresses import OpenRemote, open_address
from madang.workspace.data.bringing import Bringer
from madang.workspace.data.outs import Target
from madang.workspace.data.repository import Repository


@dataclass(slots=True)
class FromSources:
    """What was brought from the sources of imports."""

    files: int = 0  # objects, listings included
    size: int = 0  # bytes of them
    missing: list[str] = field(default_factory=list)  # objects that the sources have no more
    damaged: list[str] = field(default_factory=list)  # objects that are not what the records say


def completed(
    repository: Repository,
    targets: Sequence[Target],
    open_remote: OpenRemote,
    *,
    jobs: int | None = None,
    meter: progress.Meter = progress.silent,
) -> list[Target]:
    """The targets, those of imports that were never downloaded with what their source holds, which is brought.

    Their records stay as they are, as dvc leaves them. The caller holds the cache. Raises `NotFound`.
    """
    return [_completed(repository, target, open_remote, jobs, meter) for target in targets]


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
        written = str(source["path"])
        url = written if "://" in written else os.path.join(os.path.dirname(out.dvc_file), written)
        address = open_address(url, open_remote, settings=repository.settings, options=source.get("fs_config"))
        try:
            taken = address.take(repository.cache, meter)
        finally:
            address.close()
        content = taken.content()
        if taken.is_dir:
            bringer.store_listing(taken.files)
    entry = replace(out.entry, md5=content.md5, size=content.size, nfiles=content.nfiles, hash_name="md5")
    return Target(replace(out, entry=entry))


def fetch_imports(
    repository: Repository,
    targets: Sequence[Target],
    open_remote: OpenRemote,
    *,
    jobs: int | None = None,
    meter: progress.Meter = progress.silent,
) -> FromSources:
    """Bring data of imports into the cache from where it comes, at the recorded commit.

    For those of the targets whose source is another repository. What is not there any more, or is not what the record
    says, is named in the result. The caller holds the cache.
    """
    moved = FromSources()
    bringer = Bringer(repository.cache, repository.private_dir, open_remote, jobs=jobs, meter=meter)
    for target in {(one.out.dvc_file, one.out.md5): one for one in targets if one.out.is_import}.values():
        out = target.out
        if out.md5 is None or out.is_legacy or _is_whole(repository, out.md5):
            continue
        dep = out.source
        if dep is None:
            continue
        before = repository.cache.names()
        url = opening.address_of(str(dep["repo"]["url"]), repository.root, out.dvc_file)
        try:
            brought = bringer.bring_import(dep, url)
        except NotFound:
            moved.missing.append(out.md5)
            continue
        content = bringer.content(brought)
        if content.md5 != out.md5:
            moved.damaged.append(out.md5)
            continue
        new = repository.cache.names() - before
        moved.files += len(new)
        moved.size += sum(key.size for key in repository.cache.look(new).keys.values())
    return moved


def _is_whole(repository: Repository, name: str) -> bool:
    if name.endswith(".dir"):
        return repository.cache.holds_all(name)
    return not repository.cache.look([name]).missing
