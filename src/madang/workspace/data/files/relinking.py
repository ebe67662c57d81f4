"""``checkout --relink``: give files that are as recorded the kind of link to the cache that is configured now."""

from __future__ import annotations

import os
from collections.abc import Iterable

from madang.workspace.data import progress
from madang.workspace.data.files import hashing, links
from madang.workspace.data.files.hashing import Hashes
from madang.workspace.data.files.legacy import place_of
from madang.workspace.data.files.unprotecting import unprotect
from madang.workspace.data.objects.state import key_of
from madang.workspace.data.records.outs import Target
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.scan import rules_above, scan_tree


def relink(repository: Repository, targets: Iterable[Target], meter: progress.Meter = progress.silent) -> None:
    """Link, or copy, every unchanged file of the targets anew. Files with changes stay as they are.

    Raises:
        StorageError: none of the configured kinds works here. Conflict: a file changed meanwhile.
    """
    found = [target for target in targets if target.out.md5 is not None and target.out.entry.cache]
    with hold(repository, [target.out.path for target in found]):
        for target in found:
            path = os.path.join(target.out.path, target.inside) if target.inside else target.out.path
            if not os.path.lexists(path):
                continue
            place = place_of(repository, target.out)
            if not links.is_shared(place):
                unprotect(place, path, meter)
            elif target.out.is_dir:
                _relink_folder(place, target, meter)
            else:
                _relink_file(place, target)


def _relink_file(place: Repository, target: Target) -> None:
    out = target.out
    found = os.stat(out.path)
    md5 = hashing.file_md5(place.state, out.path, found)
    if md5 == out.md5 and _sound(place, {md5}):
        links.relink_file(place, out.path, md5, key_of(found), is_exec=bool(out.entry.isexec))


def _relink_folder(place: Repository, target: Target, meter: progress.Meter) -> None:
    out, inside = target.out, target.inside
    recorded = place.cache.listing(out.md5 or "")
    tree = scan_tree(place.root, out.path, rules_above(place.root, out.path))
    hashes = hashing.known_hashes(place.state, tree)
    with meter(sum(tree.key(index).size for index in hashes.unknown()), "B", "hashing the workspace") as advance:
        hashing.complete_hashes(place.state, out.path, hashes, advance)
    wanted = [
        md5 if md5 == recorded.get(name) and (not inside or name == inside or name.startswith(f"{inside}/")) else None
        for name, md5 in zip(tree.paths, hashes.md5s, strict=True)
    ]
    sound = _sound(place, {md5 for md5 in wanted if md5 is not None})
    links.relink_tree(place, out.path, Hashes(tree, [md5 if md5 in sound else None for md5 in wanted]))


def _sound(place: Repository, names: set[str]) -> set[str]:
    """Those of the objects that are there and are what they should be."""
    found = place.cache.look(names)
    return found.keys.keys() - place.cache.verify(found.keys, lambda _: None)
