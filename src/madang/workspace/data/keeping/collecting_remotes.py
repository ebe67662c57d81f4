"""The remotes of a garbage collection: what they hold, and what of it nobody needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from madang.errors import Incompatible, MadangError
from madang.formats.dvc.layout import key_of
from madang.formats.dvc.places import place_of
from madang.ports.objects import Objects
from madang.workspace.data.keeping.collecting_values import Item, Part, Scope
from madang.workspace.data.keeping.uses import Listings, Root
from madang.workspace.data.remotes.remote_objects import RemoteObjects
from madang.workspace.data.remotes.transfer import OpenRemote
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.repo.settings import RemoteConfig

THREADS = 16  # requests at once


class Remotes:
    """The remotes of one collection, each opened once and only when it is asked."""

    def __init__(self, repository: Repository, open_remote: OpenRemote, *, skip_failed: bool) -> None:
        """With ``skip_failed`` a remote that does not answer has no listings."""
        self._settings = repository.settings
        self._skip_failed = skip_failed
        self._open = open_remote
        self._stores: dict[str, Objects] = {}

    def get(self, name: str | None) -> tuple[RemoteConfig, Objects]:
        """A remote by its name, or the default one. Raises `ConfigError`, `Incompatible` for one without objects."""
        config = self._settings.remote(name)
        for key in ("version_aware", "worktree"):
            if config.options.get(key, "false").lower() == "true":
                raise Incompatible(f"The remote {config.name!r} is {key}: it has no objects to collect.")
        if config.name not in self._stores:
            self._stores[config.name] = self._open(config)
        return config, self._stores[config.name]

    def reader(self, name: str | None) -> Callable[[str], bytes | None]:
        """Reads listings that the cache lacks from the remote, where there is one that answers."""

        def read(listing: str) -> bytes | None:
            if name is None and self._settings.default_remote() is None:
                return None
            try:
                _, store = self.get(name)
                for key in (key_of(listing), f"{listing[:2]}/{listing[2:]}"):
                    if store.stat(key) is not None:
                        return store.read(key)
            except MadangError:
                if not self._skip_failed:
                    raise
            return None

        return read

    def close(self) -> None:
        """Give back the connections."""
        for store in self._stores.values():
            store.close()


def held(
    repository: Repository, scope: Scope, roots: Sequence[Root], listings: Listings, remotes: Remotes
) -> Iterator[str]:
    """Objects in use that a remote holds whole: `--not-in-remote` lets them go from the cache."""
    by_remote: dict[str | None, set[str]] = {}
    for root in roots:
        for need in root.needs:
            by_remote.setdefault(scope.remote or need.remote, set()).update(listings.names(need.name))
    for remote, names in by_remote.items():
        _, store = remotes.get(remote)
        there = RemoteObjects(store, repository.cache, scope.jobs or THREADS).sizes(names)
        here = repository.cache.look(names).keys
        yield from (name for name, size in there.items() if name in here and here[name].size == size)


def unused(
    scope: Scope, roots: Sequence[Root], used: set[str], remotes: Remotes
) -> Iterator[tuple[RemoteConfig, Part]]:
    """The remote named or the default one; without a name also those that records name for themselves."""
    names: list[str | None] = [scope.remote]
    if scope.remote is None:
        names += sorted({need.remote for root in roots for need in root.needs if need.remote})
    done: set[str] = set()
    for name in names:
        config, store = remotes.get(name)
        if config.name in done:
            continue
        done.add(config.name)
        part = Part(f"remote {config.name!r}", config.url)
        for stat in store.list(""):
            place = place_of(stat.key)
            if place is not None and place.kind != "run" and place.name not in used:
                part.items.append(Item(place.name, stat.key, stat.size))
        yield config, part
