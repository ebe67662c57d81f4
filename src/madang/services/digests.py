"""MD5s of bytes that this store names by BLAKE3: claimed by clients and checked, or found out once and remembered."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Sequence

from madang.domain.access import Permission, Principal, require
from madang.domain.versions import Entry, VersionRecord
from madang.errors import Conflict, NotFound
from madang.formats.wandb import manifest as listing
from madang.formats.wandb.artifacts import name_of
from madang.ports.drafts import Claim, DraftRecords
from madang.ports.objects import ManyAtOnce, Objects
from madang.ports.records import Records
from madang.services.arriving import blob_key

_PIECE = 1 << 20
_REMEMBERED = 10_000  # digests of versions
log = logging.getLogger("madang.artifacts")


class Digests:
    """The claimed digests of a store. But for `files` it asks no permission: who calls it has. Thread-safe."""

    def __init__(self, records: Records, claims: DraftRecords, blobs: Objects) -> None:
        self._records = records
        self._claims = claims
        self._blobs = blobs
        self._digests: dict[tuple[str, str], str] = {}

    def known(self, project: str, entries: Iterable[Entry]) -> dict[str, str]:
        """MD5 in hex of the blobs of entries, by blob, as far as it is known."""
        found = self._claims.claims_of(project, {entry.digest for entry in entries if entry.is_held})
        return {blob: claim.digest.removeprefix("md5:") for blob, claim in found.items()}

    def all(self, project: str, entries: Sequence[Entry]) -> dict[str, str]:
        """MD5 in hex of all blobs of entries; what is not known is read, and remembered.

        Raises:
            NotFound: bytes are missing.
        """
        found = self.known(project, entries)
        for entry in entries:
            if entry.is_held and entry.digest not in found:
                found[entry.digest] = self._read(entry)
                self.note(project, Claim(f"md5:{found[entry.digest]}", entry.digest, entry.size))
        return found

    def files(self, who: Principal, version: VersionRecord) -> dict[str, listing.File]:
        """The manifest of a version as W&B's client reads it; MD5s that are not known are found out.

        Raises:
            NotFound: bytes are missing.
        """
        require(who, Permission.READ, version.project)
        entries = self._records.versions.entries(version.project, version.digest)
        known = self.all(version.project, entries)
        own = name_of(version)
        return {item.path: listing.file_of(item, known.get(item.digest, ""), own) for item in entries}

    def of(self, version: VersionRecord) -> str:
        """The digest of a version as its client's: over MD5s, in hex; of one whose MD5s are not known our own."""
        key = (version.project, version.digest)
        found = self._digests.get(key)
        if found is None:
            entries = self._records.versions.entries(*key)
            known = self.known(version.project, entries)
            if any(entry.is_held and entry.digest not in known for entry in entries):
                return own_digest(version)
            files = {item.path: listing.file_of(item, known.get(item.digest, "")) for item in entries}
            found = listing.digest_of(files)
            if len(self._digests) >= _REMEMBERED:
                self._digests.clear()
            self._digests[key] = found
        return found

    def _read(self, entry: Entry) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        try:
            file = self._blobs.open(blob_key(entry.digest))
        except NotFound:
            raise NotFound(f"The bytes of {entry.path[:200]!r} ({entry.digest}) are not here.") from None
        with file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def held(self, project: str, digests: Iterable[str]) -> dict[str, Claim]:
        """Which bytes of a project have some digests (``md5:HEX``), by digest; others do not exist for it."""
        versions = self._records.versions
        known = self._claims.claims(project, digests)
        found = {digest: claim for digest, claim in known.items() if versions.holds_blob(project, claim.blob)}
        there = self._there({blob_key(claim.blob) for claim in found.values()})
        return {digest: claim for digest, claim in found.items() if blob_key(claim.blob) in there}

    def _there(self, keys: set[str]) -> Collection[str]:
        if isinstance(self._blobs, ManyAtOnce):
            return self._blobs.sizes(sorted(keys))
        return {key for key in keys if self._blobs.stat(key) is not None}

    def note(self, project: str, claim: Claim) -> None:
        """Remember a digest that was checked.

        Raises:
            Conflict: the project has other bytes with this digest.
        """
        if others := self._claims.claim(project, [claim]):
            log.error("project %r has %s as %s, and %s came", project, claim.digest, others[0].blob, claim.blob)
            raise Conflict(
                f"Project {project!r} has other bytes with the digest {claim.digest}: two contents with one MD5.",
                hint="Somebody made them so on purpose. Find out which of them is meant.",
            )


def own_digest(version: VersionRecord) -> str:
    """The digest of a version as clients are told it while MD5s of its files are not known: our own, in hex."""
    return version.digest.removeprefix("blake3:")
