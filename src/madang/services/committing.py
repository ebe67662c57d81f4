"""Commits of drafts: the lists of files become one, every file is found, and a version is made in one transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from madang.domain.access import Principal
from madang.domain.versions import Entry, VersionRecord, check_path, check_reference, check_tree
from madang.errors import InvalidInput, NotFound, TooLarge
from madang.formats.manifest import manifest_digest
from madang.formats.wandb import manifest as listing
from madang.formats.wandb.artifacts import CLIENT_TAG, ID_TAG
from madang.formats.zstd import decompress
from madang.ports.drafts import Draft, DraftRecords
from madang.ports.records import Records
from madang.services.artifacts import MAX_ENTRIES, Artifacts
from madang.services.digests import Digests
from madang.services.drafts import Drafts, end_of
from madang.services.mlflow_words import keep_written
from madang.services.model_registry.stages import commit
from madang.services.tracking import Tracking

_FIRST = 0  # the number of the first version of a name that W&B's client begins
_FULL, _INCREMENTAL = "FULL", "INCREMENTAL"


class Commits:
    """Makes versions of drafts. Thread-safe; a commit may be repeated."""

    def __init__(
        self,
        records: Records,
        rows: DraftRecords,
        drafts: Drafts,
        artifacts: Artifacts,
        digests: Digests,
        tracking: Tracking,
    ) -> None:
        self._records = records
        self._rows = rows
        self._drafts = drafts
        self._artifacts = artifacts
        self._digests = digests
        self._tracking = tracking

    def commit(self, who: Principal, id: str) -> VersionRecord:
        """Make the version, with its number and aliases. Of one that is made already: that.

        Raises:
            InvalidInput: a file did not come, or the files are not those that the client claimed.
            NotFound, Conflict, AccessDenied: as `begin`.
        """
        found = self._drafts.named(who, id)
        if isinstance(found, VersionRecord):
            return found
        self._drafts.admit(who, found)
        files = self._files(who, found)
        if found.digest and not found.shared and not self._is_incremental(found):
            claimed = listing.digest_of(files)
            if claimed != found.digest:
                raise InvalidInput(f"The files that came have the digest {claimed}, not {found.digest}.")
        entries = self._entries(who, found, files)
        version = _version(who, found, entries)
        with self._records.transaction():
            now = self._rows.get(found.id)
            if now is not None and now.number is not None:
                return self._artifacts.resolve(who, now.project, f"{now.name}:v{now.number}")
            self._records.versions.hold_blobs(found.project, [item.digest for item in entries if item.is_held])
            made = commit(self._records, version, entries, first=_FIRST)
            keep_written(self._records, made.project, made.name, found.aliases)
            self._rows.finish(found.id, made.number, end_of(made.created_at, found.lives))
        self._tracking.version_made(made.run)
        return made

    def _is_incremental(self, draft: Draft) -> bool:
        return any(item.kind == _INCREMENTAL for item in self._rows.manifests(draft.id))

    def _files(self, who: Principal, draft: Draft) -> dict[str, listing.File]:
        lists = [item for item in self._rows.manifests(draft.id) if item.body]
        if not lists:
            raise InvalidInput(f"No list of files came for {draft.name!r}.")
        found: dict[str, listing.File] = {}
        for item in lists:
            if item.kind == _INCREMENTAL:
                found.update(self._base_files(who, draft))
            elif item.kind == _FULL:
                found.clear()
            found.update(listing.read(decompress(item.body)))
        if len(found) > MAX_ENTRIES:
            raise TooLarge(f"A version of {len(found)} files is over the limit of {MAX_ENTRIES}.")
        return found

    def _base_files(self, who: Principal, draft: Draft) -> dict[str, listing.File]:
        """The files of the version that an incremental draft adds to: the latest at this moment."""
        latest = self._records.versions.get(draft.project, draft.name)
        return self._digests.files(who, latest) if latest is not None else {}

    def _entries(self, who: Principal, draft: Draft, files: Mapping[str, listing.File]) -> list[Entry]:
        held = self._digests.held(
            draft.project, {f"md5:{listing.hex_of(file.digest)}" for file in files.values() if not file.ref}
        )
        targets = _Targets(self._records, self._drafts, who)
        found = []
        for path, file in files.items():
            check_path(path)
            if file.ref:
                found.append(targets.resolved(check_reference(listing.entry_of(path, file))))
                continue
            claim = held.get(f"md5:{listing.hex_of(file.digest)}")
            if claim is None:
                raise InvalidInput(
                    f"The bytes of {path[:200]!r} of {draft.name!r} are not here.",
                    hint="Send the file before the artifact is committed.",
                )
            found.append(Entry(path, claim.blob, claim.size))
        check_tree(entry.path for entry in found if not entry.uri)
        return sorted(found, key=lambda entry: entry.path.encode("utf-8", "surrogateescape"))


def _version(who: Principal, draft: Draft, entries: Sequence[Entry]) -> VersionRecord:
    own = {ID_TAG: str(draft.id)} | ({CLIENT_TAG: draft.client} if draft.client else {})
    return VersionRecord(
        project=draft.project,
        name=draft.name,
        type=draft.type,
        number=0,
        digest=manifest_digest(entries),
        size=sum(entry.size for entry in entries),
        files=len(entries),
        created_at=time.time_ns() // 1000,
        run=draft.run,
        aliases=tuple(alias.lower() for alias in draft.aliases),
        description=draft.description,
        metadata=draft.metadata,
        tags=draft.tags | own,
        actor=who.name,
    )


class _Targets:
    """References to files of other artifacts: their bytes are here, and who may read them has them in both."""

    def __init__(self, records: Records, drafts: Drafts, who: Principal) -> None:
        self._records = records
        self._drafts = drafts
        self._who = who
        self._known: dict[str, dict[str, Entry]] = {}

    def resolved(self, entry: Entry) -> Entry:
        """The same reference, with the bytes that it means where the caller can read them."""
        target = listing.target_of(entry.uri)
        if target is None:
            return entry
        id_, path = target
        if id_ not in self._known:
            self._known[id_] = self._files(id_)
        found = self._known[id_].get(path)
        return replace(entry, digest=found.digest, size=found.size) if found is not None else entry

    def _files(self, id: str) -> dict[str, Entry]:
        try:
            version = self._drafts.version(self._who, id)
        except (InvalidInput, NotFound):
            return {}
        entries = self._records.versions.entries(version.project, version.digest)
        return {
            entry.path: entry
            for entry in entries
            if entry.is_held and self._records.versions.holds_blob(version.project, entry.digest)
        }
