"""Versions that clients of W&B make step by step: begun, given files and lists of files, and only then committed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import replace

from madang.domain.access import Permission, Principal, require
from madang.domain.files import BlobRef
from madang.domain.versions import VersionChange, VersionRecord, check_name
from madang.errors import Conflict, CorruptData, InvalidInput, NotFound
from madang.formats.wandb import manifest as listing
from madang.formats.wandb.artifacts import CLIENT_TAG, ID_TAG, Named, name_of, read_artifact_id
from madang.formats.zstd import compress
from madang.ports.drafts import Claim, Draft, DraftManifest, DraftRecords
from madang.ports.records import Records
from madang.services.artifacts import Artifacts
from madang.services.changes import note_texts
from madang.services.digests import Digests, own_digest
from madang.services.mlflow_words import keep_written
from madang.services.model_registry.stages import write_again
from madang.services.tracking import Tracking

FORGOTTEN = 7 * 86_400_000_000  # µs after which a draft that nobody finished is dropped
LONGEST_MANIFEST = 512 << 20  # bytes


def new_number() -> int:
    """A random id that JSON can carry."""
    return int.from_bytes(os.urandom(8), "little") >> 11


class Drafts:
    """Drafts until they are versions. Thread-safe; every step may be repeated."""

    def __init__(
        self,
        records: Records,
        drafts: DraftRecords,
        artifacts: Artifacts,
        digests: Digests,
        tracking: Tracking,
        *,
        is_index: bool = False,
    ) -> None:
        """``is_index``: the records may be made anew from other files, without the drafts."""
        self._is_index = is_index
        self._records = records
        self._drafts = drafts
        self._artifacts = artifacts
        self._digests = digests
        self._tracking = tracking

    # -- beginning and finding --------------------------------------------------------------------------------------

    def begin(self, who: Principal, wanted: Draft) -> Draft:
        """Begin a version, or go on with the one that this client, or those that share it, began.

        The content of the latest version, by the digest that the client claims, *is* that version: it gets the aliases
        and tags, and the draft is finished at once.

        Raises:
            NotFound: the run is not one of the project's. Conflict: the name holds versions of another type.
            AccessDenied: the caller may not write here, or an alias is protected.
        """
        wanted = replace(
            wanted,
            project=check_name(wanted.project, "project"),
            name=check_name(wanted.name),
            type=check_name(wanted.type, "type"),
            aliases=tuple(check_name(alias, "alias") for alias in wanted.aliases if alias.lower() != "latest"),
            actor=who.name,
            created_at=_now(),
            id=new_number(),
        )
        self.admit(who, wanted)
        known = self._begun(wanted)
        if known is not None:
            return known
        line = self._records.versions.collection(wanted.project, wanted.name)
        if line is not None and line.type != wanted.type:
            raise Conflict(f"The artifact {wanted.name!r} holds versions of type {line.type}, not {wanted.type}.")
        with self._records.transaction():
            self._drafts.add(wanted)
            same = self._same(wanted) if line is not None and line.versions else None
            if same is None:
                return wanted
            self._say_again(who, same, wanted)
            self._drafts.finish(wanted.id, same.number)
        self._tracking.version_made(wanted.run)
        return replace(wanted, number=same.number)

    def _say_again(self, who: Principal, same: VersionRecord, wanted: Draft) -> None:
        """A version that is there is written by one more run, which may give it more aliases and tags."""
        pointers = tuple(alias.lower() for alias in wanted.aliases)
        versions = self._records.versions
        write_again(self._records, replace(same, aliases=pointers, run=wanted.run, actor=who.name), _now())
        keep_written(self._records, same.project, same.name, wanted.aliases)
        named = {tag: text for tag, text in wanted.tags.items() if not text and tag not in same.tags}
        if named:
            versions.edit(same.project, same.name, same.number, VersionChange(tags={**same.tags, **named}))
            note_texts(self._records, who, same, f"v{same.number}", None, {**same.tags, **named})

    def admit(self, who: Principal, draft: Draft) -> None:
        """Let the caller change a draft, or refuse. Raises as `begin`."""
        require(who, Permission.READ, draft.project)
        self._tracking.catch_up()
        writers = self._artifacts.writers(draft.project, draft.run) if draft.run else ()
        require(who, Permission.WRITE, draft.project, writers)
        if draft.aliases:
            require(who, Permission.WRITE, draft.project)  # an alias belongs to the project, not to the run

    def _begun(self, wanted: Draft) -> Draft | None:
        if wanted.shared:
            found = self._drafts.shared(wanted.project, wanted.name, wanted.shared)
            if found is not None:
                return found
        found = self._drafts.of_client(wanted.client)
        same = found is not None and (found.project, found.name, found.actor) == (
            wanted.project, wanted.name, wanted.actor
        )  # fmt: skip
        return found if same else None

    def _same(self, wanted: Draft) -> VersionRecord | None:
        """The latest version, when it has the content that a client claims.

        Who names no artifact of its own (``client``) speaks of one that is there: the newest with the content is meant.
        """
        if not wanted.digest or wanted.shared:
            return None
        versions, place = self._records.versions, (wanted.project, wanted.name)
        latest = versions.get(*place)
        asked = versions.versions(*place) if not wanted.client else [latest] if latest is not None else []
        return next((one for one in asked if wanted.digest in (self._digests.of(one), own_digest(one))), None)

    def get(self, who: Principal, number: int) -> Draft:
        """A draft, or what it became. Raises `NotFound`."""
        found = self._drafts.get(number) or self._remembered(ID_TAG, str(number))
        if found is None or who.level(found.project) < Permission.READ:
            raise NotFound(f"There is no artifact {number}.")
        return found

    def _remembered(self, tag: str, text: str) -> Draft | None:
        """What a version says of itself, in a store whose records were made anew from its files."""
        if not self._is_index:
            return None
        self._tracking.catch_up()
        for project in self._records.runs.projects():
            for line in self._records.versions.collections(project.name):
                for version in self._records.versions.versions(project.name, line.name):
                    own = version.tags.get(ID_TAG, "")
                    if version.tags.get(tag) == text and own.isdecimal():
                        return Draft(int(own), *_place(version), version.created_at, number=version.number)
        return None

    def of_client(self, who: Principal, client: str) -> Draft:
        """The draft that a client calls so. Raises `NotFound`."""
        found = self._drafts.of_client(client) or self._remembered(CLIENT_TAG, client)
        if found is None or who.level(found.project) < Permission.READ:
            raise NotFound(f"There is no artifact of the client {client[:80]!r}.")
        return found

    def named(self, who: Principal, id: str) -> Draft | VersionRecord:
        """What an id on the wire means. Raises `InvalidInput`, `NotFound`."""
        parsed = read_artifact_id(id)
        if isinstance(parsed, int):
            found = self.get(who, parsed)
            if found.number is None:
                return found
            parsed = Named(found.project, found.name, found.number)
        return self._artifacts.resolve(who, parsed.project, f"{parsed.name}:v{parsed.number}")

    def version(self, who: Principal, id: str) -> VersionRecord:
        """The version that an id on the wire means. Raises as `named`; `NotFound` for a draft."""
        found = self.named(who, id)
        if isinstance(found, Draft):
            raise NotFound(f"The artifact {found.name!r} is not committed.")
        return found

    # -- files and lists of files -----------------------------------------------------------------------------------

    def open_draft(self, who: Principal, id: str) -> Draft:
        """A draft that may be changed.

        Raises:
            NotFound: no such draft. Conflict: it is a version already.
        """
        found = self.named(who, id)
        if isinstance(found, VersionRecord):
            raise Conflict(f"{found.ref} is committed.")
        self.admit(who, replace(found, aliases=()))
        return found

    def held(self, who: Principal, project: str, digests: Iterable[str]) -> dict[str, Claim]:
        """Which of some MD5s (``md5:HEX``) are of bytes that the caller can read in a project; no need to send them."""
        require(who, Permission.READ, project)
        return self._digests.held(project, digests)

    def take(self, who: Principal, project: str, md5: str, pieces: Iterable[bytes], size: int | None = None) -> BlobRef:
        """Store a file's bytes, which have to be those of its MD5.

        Raises:
            InvalidInput: they are not, or fewer came than announced. TooLarge: more.
            Conflict: two contents of one MD5.
        """

        def claim(kept: BlobRef) -> None:
            self._digests.note(project, Claim(f"md5:{md5}", kept.digest, kept.size))

        try:
            return self._artifacts.put_blob(who, project, pieces, f"md5:{md5}", size, claim)
        except CorruptData as error:
            raise InvalidInput(error.message, hint=error.hint) from None

    def list_files(self, who: Principal, id: str, kind: str, base: str, digest: str) -> DraftManifest:
        """Announce a list of files of a draft, with the MD5 that it will have (hex; empty: told later).

        A whole or incremental list is one; of those who share a draft each has its own.
        """
        draft = self.open_draft(who, id)
        known = [item for item in self._drafts.manifests(draft.id) if item.kind == kind]
        number = known[-1].id if known and not draft.shared else new_number()
        manifest = DraftManifest(number, draft.id, kind, base, digest)
        self._drafts.put_manifest(manifest)
        return manifest

    def announce(self, who: Principal, number: int, digest: str) -> DraftManifest:
        """Say the MD5 of a list that was announced before. Raises `NotFound`."""
        known = self._drafts.manifest(number)
        if known is None:
            raise NotFound(f"There is no list of files {number}.")
        self.admit(who, replace(self.get(who, known.draft), aliases=()))
        made = replace(known, digest=digest)
        self._drafts.put_manifest(made)
        return made

    def take_list(self, who: Principal, number: int, body: bytes) -> None:
        """The list itself. Raises `InvalidInput` when it is another one, `NotFound`."""
        known = self._drafts.manifest(number)
        if known is None:
            raise NotFound(f"There is no list of files {number}: its artifact may be committed.")
        self.admit(who, replace(self.get(who, known.draft), aliases=()))
        if known.digest and hashlib.md5(body, usedforsecurity=False).hexdigest() != known.digest:
            raise InvalidInput("The list of files that came does not have the announced digest.", hint="Send it again.")
        listing.read(body)
        self._drafts.put_manifest(replace(known, body=compress(body)))

    # -- cleaning up ------------------------------------------------------------------------------------------------

    def keep_for(self, who: Principal, version: VersionRecord, seconds: int) -> None:
        """Say after how many seconds from its making a version is not wanted any more; 0: it stays."""
        require(who, Permission.WRITE, version.project)
        parsed = read_artifact_id(name_of(version))
        if isinstance(parsed, int):
            self._drafts.expire(parsed, end_of(version.created_at, seconds))

    def clean(self, now: int) -> int:
        """Drop drafts that nobody finished, and versions whose time has passed; how many."""
        dropped = self._drafts.forget(now - FORGOTTEN)
        for draft in self._drafts.expired(now):
            row = self._records.versions.collection(draft.project, draft.name)
            if row is None or draft.number is None:
                continue
            if draft.number in row.aliases.values():
                continue  # somebody has named it: it is needed
            self._records.versions.drop(draft.project, draft.name, draft.number, now, "madang")
            dropped += 1
        return dropped


def _place(version: VersionRecord) -> tuple[str, str, str]:
    return version.project, version.name, version.type


def end_of(created_at: int, seconds: int) -> int:
    """When a version that lives so long is not wanted any more; 0: it stays."""
    return created_at + seconds * 1_000_000 if seconds > 0 else 0


def _now() -> int:
    return time.time_ns() // 1000
