"""Versions in the making, and the MD5s by which clients name bytes: what W&B's clients say before they commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any, Protocol

from madang.domain.values import value


@value
class Draft:
    """A version in the making; with a ``number`` it has become that version of ``name``."""

    id: int  # random, below 2**53: what clients know it by, also once it is a version
    project: str
    name: str
    type: str
    created_at: int  # µs UTC
    actor: str = ""
    run: str = ""  # that makes it
    client: str = ""  # what its client calls it; a retry says the same
    shared: str = ""  # the name under which several clients add to it; empty: one makes it
    digest: str = ""  # that its client claims of the whole, in hex
    aliases: tuple[str, ...] = ()
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    lives: int = 0  # seconds after which the version is not wanted any more; 0: for good
    number: int | None = None


@value
class DraftManifest:
    """A list of files of a draft: ``FULL``, ``PATCH`` (one of several) or ``INCREMENTAL`` (beside ``base``)."""

    id: int
    draft: int
    kind: str
    base: str = ""  # the version that it changes, as its client names it
    digest: str = ""  # MD5 of the body in hex; empty: not announced yet
    body: bytes = b""  # as it came, compressed; empty: not here yet


@value
class Claim:
    """Bytes of a project by the digest that a client has for them, which was checked."""

    digest: str  # md5:HEX
    blob: str  # blake3:HEX
    size: int  # bytes


class DraftRecords(Protocol):
    """Drafts of all projects."""

    def add(self, draft: Draft) -> None:
        """Keep a new draft."""
        ...

    def get(self, id: int) -> Draft | None:
        """A draft; of one that became a version the project and name that this has now."""
        ...

    def of_client(self, client: str) -> Draft | None:
        """The newest draft that a client calls so."""
        ...

    def shared(self, project: str, name: str, shared: str) -> Draft | None:
        """The draft that several clients make together, until it is a version."""
        ...

    def put_manifest(self, manifest: DraftManifest) -> None:
        """Keep a list of files, in place of the one with its id."""
        ...

    def manifest(self, id: int) -> DraftManifest | None:
        """One list of files."""
        ...

    def manifests(self, draft: int) -> list[DraftManifest]:
        """The lists of a draft in the order in which they came."""
        ...

    def finish(self, draft: int, number: int, expires_at: int = 0) -> None:
        """Note the version that a draft has become, and forget its lists. ``expires_at`` (µs UTC): see `expired`."""
        ...

    def expire(self, draft: int, expires_at: int) -> None:
        """Change when a version is not wanted any more; 0: never."""
        ...

    def expired(self, now: int) -> list[Draft]:
        """Drafts that became versions which are there and not wanted any more."""
        ...

    def forget(self, before: int) -> int:
        """Drop drafts that became nothing and were begun before a time (µs UTC), with their lists; how many."""
        ...

    def link(self, source: str, project: str, name: str, number: int) -> None:
        """Note that a version shows an artifact, given by its id on the wire."""
        ...

    def links(self, source: str) -> list[tuple[str, str, int]]:
        """(project, name, number) of the versions that show an artifact and are there, oldest first."""
        ...

    def claim(self, project: str, claims: Sequence[Claim]) -> list[Claim]:
        """Note digests, all or none. Returns those that are known as other bytes; then nothing was noted."""
        ...

    def claims(self, project: str, digests: Iterable[str]) -> dict[str, Claim]:
        """What is known of some digests, by digest."""
        ...

    def claims_of(self, project: str, blobs: Iterable[str]) -> dict[str, Claim]:
        """What is known of some blobs, by blob."""
        ...
