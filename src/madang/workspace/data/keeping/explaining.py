"""Why an object is kept, and what breaks if it goes."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field

from madang.domain.values import mutable, value
from madang.errors import NotFound
from madang.formats.dvc.layout import is_dir, is_name
from madang.workspace.data.files.hashing import file_md5
from madang.workspace.data.keeping.uses import Listings, Root, Roots, label_of
from madang.workspace.data.records import outs
from madang.workspace.data.repo import git
from madang.workspace.data.repo.repository import Repository


@value
class Use:
    """One state of the records that needs the object."""

    kind: str
    label: str
    path: str  # relative to the repository's root, also inside a folder
    record: str
    names: tuple[str, ...] = ()  # branches and tags at the commit


@mutable
class Why:
    """Who needs one object, and where else its bytes are."""

    name: str
    size: int | None = None  # bytes, when it is in the cache
    place: str | None = None  # in the cache
    uses: list[Use] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)  # workspace files with the same bytes, relative to the root


def names_of(repository: Repository, text: str) -> list[str]:
    """The objects that a user means by the name of an object, the path of one in the cache, or a workspace path.

    Raises:
        NotFound: none of these.
    """
    if is_name(text.lower()):
        return [text.lower()]
    path = os.path.abspath(text)
    joined = os.path.basename(os.path.dirname(path)) + os.path.basename(path)
    if path.startswith(os.path.abspath(repository.cache.folder) + os.sep) and is_name(joined):
        return [joined]
    owner = outs.owner_of(path, outs.tracked(repository))
    if owner is not None and owner.md5 is not None:
        inside = path[len(owner.path) + 1 :]
        files = (Listings(repository.cache).files(owner.md5) or {}) if inside else {}
        found = [owner.md5] if not inside else [md5 for name, md5 in files.items() if _is_below(name, inside)]
        if found:
            return list(dict.fromkeys(found))
    raise NotFound(f"{text!r} is neither an object nor recorded data.", hint="Name 32 hex digits, or a tracked path.")


def tips(repository: Repository) -> dict[str, tuple[str, ...]]:
    """Branches and tags by the beginning of their commit's name, as roots show it."""
    root = repository.git_root
    found: dict[str, tuple[str, ...]] = {}
    for pattern in ("refs/heads", "refs/tags", "refs/remotes") if root is not None else ():
        for ref in git.refs(root or "", pattern):
            commit = git.commit(root or "", ref)
            if commit is not None:
                label = label_of(commit)
                found[label] = (*found.get(label, ()), ref.split("/", 2)[2])
    return found


def why(repository: Repository, name: str, roots: Roots, known: Mapping[str, tuple[str, ...]] | None = None) -> Why:
    """Everything among the roots that needs an object, by itself or as part of a folder; ``known`` are `tips`."""
    tips_of = known or {}
    found = Why(name)
    for folder in (repository.cache.objects, repository.cache.folder):
        path = f"{folder}/{name[:2]}/{name[2:]}"
        if os.path.isfile(path):
            found.size, found.place = os.stat(path).st_size, path
            break
    listings = Listings(repository.cache)
    for root in roots.found:
        for need in root.needs:
            if need.name == name:
                found.uses.append(Use(root.kind, root.label, need.path, need.record, tips_of.get(root.label, ())))
            elif is_dir(need.name):
                inside = [path for path, md5 in (listings.files(need.name) or {}).items() if md5 == name]
                names = tips_of.get(root.label, ())
                found.uses += [Use(root.kind, root.label, f"{need.path}/{path}", need.record, names) for path in inside]
    paths = dict.fromkeys(use.path for use in found.uses)
    found.copies = [path for path in paths if _holds(repository, os.path.join(repository.root, path), name)]
    return found


def concerned(repository: Repository, names: Collection[str], roots: Iterable[Root]) -> Iterator[Root]:
    """Those of many roots that need one of the objects, by itself or as part of a folder."""
    listings = Listings(repository.cache)
    folders: dict[str, bool] = {}
    for root in roots:
        for name in {need.name for need in root.needs if is_dir(need.name)} - folders.keys():
            folders[name] = not listings.names(name).isdisjoint(names)
        if any(need.name in names or folders.get(need.name) for need in root.needs):
            yield root


def _holds(repository: Repository, path: str, name: str) -> bool:
    """Whether a workspace file has the bytes, and is not itself the object by a link."""
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    return file_md5(repository.state, path) == name


def _is_below(name: str, inside: str) -> bool:
    return name == inside or name.startswith(inside.rstrip("/") + "/")
