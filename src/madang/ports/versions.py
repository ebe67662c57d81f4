"""Collections of versions, their manifests, aliases and the history of these: a part of `ports.records.Records`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any, Protocol

from madang.domain.collection_states import Origin
from madang.domain.values import value
from madang.domain.versions import CollectionChange, Entry, PointerChange, VersionChange, VersionRecord


@value
class CollectionRow:
    """A named line of versions. ``first`` is the number of its first version."""

    project: str
    name: str
    type: str
    created_at: int
    versions: int = 0
    latest: int = 0
    aliases: dict[str, int] = field(default_factory=dict)
    updated_at: int = 0
    size: int = 0  # bytes of the latest version
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    first: int = 1
    id: int = 0  # in these records, whatever its name


class VersionRecords(Protocol):
    """Collections, versions with their manifests, aliases and their history."""

    def collections(self, project: str, type: str | None = None) -> list[CollectionRow]:
        """Collections of a project by name."""
        ...

    def collection(self, project: str, name: str) -> CollectionRow | None:
        """One collection."""
        ...

    def collection_with(self, id: int) -> CollectionRow | None:
        """The collection with an id, under the name that it has now."""
        ...

    def add(
        self,
        version: VersionRecord,
        entries: Sequence[Entry],
        origin: tuple[str, int] | None = None,
        first: int = 1,
        *,
        fresh: bool = False,
    ) -> VersionRecord:
        """Commit a version under the next number of its collection (``version.number`` is passed over).

        A new collection is made with ``first`` as the number of its first version. Adding again with the same
        ``origin`` (run/segment, sequence) returns the version that was made of it; content that is the same as the
        latest version's is that version, unless it is to be a ``fresh`` one. Aliases named on the version move to it,
        which its history says. Raises `Conflict` when the collection has another type.
        """
        ...

    def add_writer(self, version: VersionRecord, run: str) -> None:
        """Note that one more run has written a version that is there. Raises `NotFound`."""
        ...

    def insert(self, version: VersionRecord, entries: Sequence[Entry], first: int = 1) -> None:
        """Commit a version of another store under the number that it has there, without aliases.

        Raises `Conflict` when the number is taken, or was once.
        """
        ...

    def claim(
        self, project: str, name: str, type: str, at: int, first: int, wanted: Sequence[tuple[int, Origin]]
    ) -> None:
        """Keep numbers for versions that are yet to come, each for what it is to be made of.

        A number may be that of a version which is there, and which something else with the same content has made as
        well. The collection is made when it is missing (``at`` µs UTC, with ``first`` as its first number). Raises
        `Conflict` when it has another type.
        """
        ...

    def next_number(self, project: str, name: str) -> int:
        """The lowest number that was never given or claimed; 0 for what is not there."""
        ...

    def adopt(self, version: VersionRecord, entries: Sequence[Entry], origins: Sequence[Origin]) -> VersionRecord:
        """Commit a version of another store, once for its origins, without aliases.

        It has the number that was claimed for it, else its own where that was never given, else the next one.
        """
        ...

    def origins(self, project: str) -> dict[tuple[str, int], list[Origin]]:
        """What the versions of a project were made of, by name and number of the version."""
        ...

    def placed(self, origin: Origin) -> tuple[str, str, int] | None:
        """The project, name and number of what was made of an origin, or is to be: its number is claimed."""
        ...

    def get(self, project: str, name: str, number: int | None = None, alias: str = "") -> VersionRecord | None:
        """A version by number or alias (`latest` is the highest number)."""
        ...

    def versions(self, project: str, name: str) -> list[VersionRecord]:
        """All versions, newest first."""
        ...

    def of_runs(self, runs: Sequence[str]) -> dict[str, list[str]]:
        """Names (``name:v3``) of the versions that runs wrote, by run."""
        ...

    def written(self, run: str) -> list[VersionRecord]:
        """The versions that a run wrote, in whichever project."""
        ...

    def entries(self, project: str, digest: str) -> list[Entry]:
        """The manifest with this digest, sorted by path; empty when the project has none."""
        ...

    def hold_blobs(self, project: str, digests: Iterable[str]) -> None:
        """Note that a project may read these blobs (``algorithm:hex``): they came in by it, or lie beside its runs."""
        ...

    def holds_blob(self, project: str, digest: str) -> bool:
        """Whether the project may read a blob. That a version or run names it is not enough."""
        ...

    def edit(self, project: str, name: str, number: int, change: VersionChange) -> VersionRecord:
        """Say something else of a version. Raises `NotFound`."""
        ...

    def edit_collection(self, project: str, name: str, change: CollectionChange) -> None:
        """Say something else of a collection. Raises `NotFound`."""
        ...

    def named(self, name: str, type: str) -> list[str]:
        """Projects that have a collection of this name and type, oldest collection first."""
        ...

    def make(self, project: str, name: str, type: str, at: int) -> None:
        """Make a collection without versions. Raises `Conflict` when the name is taken."""
        ...

    def rename(self, project: str, name: str, new: str, at: int) -> None:
        """Give a collection another name. Raises `NotFound`, `Conflict` when that is taken."""
        ...

    def retype(self, project: str, name: str, type: str, at: int) -> None:
        """Give a collection, with all its versions, another type. Raises `NotFound`."""
        ...

    def drop(self, project: str, name: str, number: int | None, at: int, actor: str = "") -> None:
        """Take a version with its aliases away, or with None the whole collection, whose name is free then.

        Numbers are never given again, and the files stay. Raises `NotFound`.
        """
        ...

    def point(self, change: PointerChange, expected: Any = ...) -> PointerChange:
        """Move an alias (``number`` None: take it away) and write the history; ``before`` is filled in.

        ``expected`` is the number that the alias must point at now (None: at nothing; left out: anything). Raises
        `Conflict` otherwise, `NotFound` when the version does not exist.
        """
        ...

    def pointer_history(self, project: str, name: str) -> list[PointerChange]:
        """All moves, newest first."""
        ...
