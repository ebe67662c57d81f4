"""Remotes that keep files under their own names (``version_aware``, ``worktree``): they are read, dvc writes them.

A file lies at its path relative to the repository's root. The record names the version of it where the cloud keeps
versions; else the present one is taken. Bytes are known by their MD5 in either case.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import BinaryIO, NamedTuple

from madang.errors import NotFound
from madang.formats.dvc import layout
from madang.formats.dvc.versions import CloudFile, listing_of
from madang.ports.objects import Objects, Versioned
from madang.workspace.data.objects.cache import Cache
from madang.workspace.data.records.outs import Target, check_supported
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.settings import RemoteConfig


def keeps_names(config: RemoteConfig) -> bool:
    """Whether a remote is of this kind."""
    return any(config.options.get(key, "false").lower() == "true" for key in ("version_aware", "worktree"))


class Place(NamedTuple):
    """Where the bytes of an object lie."""

    key: str
    version: str  # "" for the present one


class NamedObjects:
    """A store of named files seen as one of objects: it knows the places of the objects of some targets."""

    def __init__(self, store: Objects, places: dict[str, Place]) -> None:
        self._store = store
        self._places = places  # by the object's key in a cache

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """See `Objects.open`; always all of it."""
        place = self._places.get(key)
        if place is None:
            raise NotFound(f"The remote has nothing for {key}.")
        if place.version and isinstance(self._store, Versioned):
            return self._store.open_version(place.key, place.version)
        return self._store.open(place.key)


def places_of(
    repository: Repository, targets: Iterable[Target], config: RemoteConfig, cache: Cache
) -> tuple[dict[str, Place], dict[str, int]]:
    """Where the objects of targets lie in a remote, by their keys in a cache; and their sizes by name, -1 unknown.

    Raises:
        Incompatible: a record without the MD5s of its files.
    """
    places: dict[str, Place] = {}
    sizes: dict[str, int] = {}
    cut = len(cache.folder) + 1
    for target in targets:
        check_supported(target.out)
        top = repository.relative(target.out.path).replace(os.sep, "/")
        for file in _chosen(target):
            name = file.md5
            if name is None or (not file.versions and target.out.entry.per_file and not _is_worktree(config)):
                continue  # it was never pushed there
            version = file.versions.get(config.name, "")
            key = f"{top}/{file.path}" if file.path else top
            known = places.get(cache.path(name)[cut:])
            if known is None or (version and not known.version):
                places[cache.path(name)[cut:]] = Place(key, version)
                sizes[name] = -1 if file.size is None else file.size
    return places, sizes


def unpushed(target: Target, config: RemoteConfig) -> list[str]:
    """The files of a target that its record does not tell to be in a remote; "" stands for all of it."""
    if target.out.is_dir and not target.out.entry.files:
        return [""]
    return [file.path for file in _chosen(target) if config.name not in file.versions]


def _is_worktree(config: RemoteConfig) -> bool:
    return config.options.get("worktree", "false").lower() == "true"


def _chosen(target: Target) -> Sequence[CloudFile]:
    files = target.out.entry.files
    if not files and target.out.md5 is not None and not target.out.is_dir:
        return (CloudFile("", target.out.md5, target.out.size),)
    if not target.inside:
        return files
    start = target.inside.rstrip("/") + "/"
    return [file for file in files if file.path == target.inside or file.path.startswith(start)]


def store_listings(targets: Iterable[Target], cache: Cache) -> None:
    """Put the listings of folders into the cache: these remotes have none, the records have all that is in them."""
    made: dict[str, bytes] = {}
    for target in targets:
        name, body = target.out.md5, listing_of(target.out.entry.files)
        if name is not None and layout.is_dir(name) and target.out.entry.per_file and body is not None:
            made[name] = body
    missing = cache.look(made).missing
    if missing:
        with cache.staging() as staging:
            for name in missing:
                cache.add_bytes(staging, name, made[name])
        cache.remember(missing)
