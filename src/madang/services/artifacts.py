"""Artifacts: blobs, and the named, numbered versions made of them."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from madang.domain.access import Permission, Principal, require
from madang.domain.files import BlobRef
from madang.domain.ids import check_digest
from madang.domain.versions import (
    Entry,
    VersionChange,
    VersionRecord,
    check_name,
    check_path,
    check_reference,
    check_tree,
    parse_ref,
)
from madang.errors import InvalidInput, NotFound, TooLarge, Unavailable
from madang.formats.manifest import manifest_digest
from madang.ports.objects import Objects
from madang.ports.records import Records
from madang.ports.versions import CollectionRow
from madang.services.arriving import Claim, blob_key, store_blob
from madang.services.changes import note_texts
from madang.services.model_registry.stages import commit
from madang.services.tracking import Tracking, family
from madang.services.upload_limits import UploadLimits

_MANIFESTS, _ENTRIES = 16, 500_000  # lists of files, and files in all, that are remembered
MAX_ENTRIES = 2_000_000  # files of one version


class Artifacts:
    """Blobs and versions. Thread-safe.

    ``scratch`` is a folder for bytes on their way in, ``limits`` how many may come. A blob is readable in a project
    when a version or a run there holds it, or when it was uploaded there: knowing a digest opens nothing.
    """

    def __init__(
        self, records: Records, blobs: Objects, tracking: Tracking, scratch: str, limits: UploadLimits | None = None
    ) -> None:
        self._records = records
        self._limits = limits or UploadLimits(scratch)
        self._blobs = blobs
        self._tracking = tracking
        self._scratch = scratch
        self._lock = threading.Lock()
        self._manifests: dict[tuple[str, str], list[Entry]] = {}

    # -- blobs ----------------------------------------------------------------------------------------------------

    def put_blob(
        self,
        who: Principal,
        project: str,
        pieces: Iterable[bytes],
        digest: str | None = None,
        size: int | None = None,
        note: Callable[[BlobRef], object] = lambda _: None,
    ) -> BlobRef:
        """Store bytes as they come; ``digest`` and ``size`` are what the sender claims. The answer has their BLAKE3.

        ``note`` is called in the transaction in which the project comes to hold them.

        Raises:
            CorruptData: the bytes do not have the claimed digest; nothing is stored.
            TooLarge, InvalidInput: more or fewer bytes than claimed.
            StorageError: the disk refused, or has no room.
            Unavailable: the same bytes were removed at this very moment; send them again.
        """
        require(who, Permission.WRITE, project, {who.run})  # bytes that nothing names yet change no run
        check_name(project, "project")
        claim = Claim(check_digest(digest)) if digest else None
        kept = store_blob(self._blobs, self._scratch, self._limits.admitted(pieces, size), claim, size)
        with self._records.transaction():
            self._records.versions.hold_blobs(project, [kept.digest])
            note(kept)
        if self._blobs.stat(blob_key(kept.digest)) is None:  # they were there, and went with a model that lost
            raise Unavailable("These bytes were being removed just now.", hint="Send them again.")
        return kept

    def has_blob(self, who: Principal, project: str, digest: str) -> bool:
        """Whether a blob can be read in a project; False also for what exists elsewhere only."""
        require(who, Permission.READ, project)
        return self._held(project, check_digest(digest)) and self._blobs.stat(blob_key(digest)) is not None

    def open_blob(self, who: Principal, project: str, digest: str, start: int = 0) -> tuple[BinaryIO, int]:
        """An open file of the bytes from ``start`` on, which the caller closes, and the number of all of them.

        Raises:
            NotFound: no version or run of the project holds such a blob, or its bytes have not arrived.
        """
        require(who, Permission.READ, project)
        check_digest(digest)
        if not self._held(project, digest):
            self._tracking.catch_up()
        found = self._blobs.stat(blob_key(digest)) if self._held(project, digest) else None
        if found is None:
            raise NotFound(
                f"Project {project!r} has no bytes with the digest {digest}.",
                hint="They may not have been synced: run `madang sync` where they were made.",
            )
        return self._blobs.open(found.key, start=start), found.size

    def _held(self, project: str, digest: str) -> bool:
        return digest.startswith("blake3:") and self._records.versions.holds_blob(project, digest)

    # -- versions -------------------------------------------------------------------------------------------------

    def collections(self, who: Principal, project: str, type: str | None = None) -> list[CollectionRow]:
        """The named lines of versions of a project, by name."""
        require(who, Permission.READ, project)
        self._tracking.catch_up()
        return self._records.versions.collections(project, type)

    def collection(self, who: Principal, project: str, name: str) -> CollectionRow:
        """One named line of versions. Raises `NotFound`."""
        require(who, Permission.READ, project)
        self._tracking.catch_up()
        found = self._records.versions.collection(project, check_name(name))
        if found is None:
            raise NotFound(f"Project {project!r} has no artifact {name!r}.")
        return found

    def collection_with(self, who: Principal, id: int) -> CollectionRow:
        """The named line of versions with an id. Raises `NotFound`."""
        found = self._records.versions.collection_with(id)
        if found is None or who.level(found.project) < Permission.READ:
            raise NotFound(f"There is no artifact with the id {id}.")
        return found

    def versions(self, who: Principal, project: str, name: str) -> list[VersionRecord]:
        """All versions of a name, newest first.

        Raises:
            NotFound: nothing has this name.
        """
        require(who, Permission.READ, project)
        self._tracking.catch_up()
        found = self._records.versions.versions(project, check_name(name))
        if not found:
            raise NotFound(
                f"Project {project!r} has no artifact {name!r}.", hint="List them with `madang artifacts list`."
            )
        return found

    def resolve(self, who: Principal, project: str, ref: str) -> VersionRecord:
        """The version that ``name``, ``name:v3``, ``name:alias`` or ``name@alias`` means now.

        Raises:
            NotFound: no such name, number or alias.
        """
        require(who, Permission.READ, project)
        self._tracking.catch_up()
        parsed = parse_ref(ref)
        found = self._records.versions.get(project, parsed.name, parsed.number, parsed.alias)
        if found is None:
            raise NotFound(
                f"Project {project!r} has no {ref!r}.",
                hint=f"See `madang artifacts list {shlex.quote(parsed.name)} -p {shlex.quote(project)}`.",
            )
        return found

    def manifest(self, who: Principal, project: str, ref: str) -> list[Entry]:
        """The files of a version, sorted by path."""
        key = (project, self.resolve(who, project, ref).digest)
        with self._lock:
            found = self._manifests.pop(key, None)
        if not found:
            found = self._records.versions.entries(*key)
        with self._lock:
            self._manifests[key] = found  # the last ones that were asked for, as clients read them page by page
            while len(self._manifests) > _MANIFESTS or sum(map(len, self._manifests.values())) > _ENTRIES:
                del self._manifests[next(iter(self._manifests))]
        return list(found)

    def create(
        self,
        who: Principal,
        project: str,
        name: str,
        type: str,
        entries: Sequence[Entry],
        *,
        run: str = "",
        aliases: Sequence[str] = (),
        description: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> VersionRecord:
        """Make a version of blobs that the project has. The same content as the latest version *is* that version.

        Raises:
            InvalidInput: a bad name, path or digest, a path twice, or no file at all.
            NotFound: a blob is not in the project, or ``run`` is not one of its runs.
            Conflict: the name holds versions of another type.
        """
        require(who, Permission.READ, project)
        self._tracking.catch_up()
        require(who, Permission.WRITE, project, self.writers(project, run) if run else ())
        if aliases:
            require(who, Permission.WRITE, project)  # an alias belongs to the project, not to the run
        checked = self._checked(project, entries)
        version = VersionRecord(
            project=check_name(project, "project"),
            name=check_name(name),
            type=check_name(type, "type"),
            number=0,
            digest=manifest_digest(checked),
            size=sum(entry.size for entry in checked),
            files=len(checked),
            created_at=time.time_ns() // 1000,
            run=run,
            aliases=tuple(check_name(alias, "alias").lower() for alias in aliases),
            description=description,
            metadata=dict(metadata or {}),
            actor=who.name,
        )
        made = commit(self._records, version, checked)
        self._tracking.version_made(run)
        return made

    def writers(self, project: str, run: str) -> set[str]:
        """The runs whose credentials may write versions of a run. Raises `NotFound`: the project has no such run."""
        # What a version says of a run is shown with that run: who may write here must not sign for a run elsewhere.
        self._tracking.catch_up([run])
        found = self._records.runs.fetch([run])
        if not found or found[0].state.project != project:
            raise NotFound(f"Project {project!r} has no run {run[:80]!r}.", hint="Name the run by its whole id.")
        return family(found[0])

    def _checked(self, project: str, entries: Sequence[Entry]) -> list[Entry]:
        if not entries:
            raise InvalidInput("A version needs at least one file.")
        if len(entries) > MAX_ENTRIES:
            raise TooLarge(f"A version of {len(entries)} files is over the limit of {MAX_ENTRIES}.")
        seen: set[str] = set()
        for entry in entries:
            if check_path(entry.path) in seen:
                raise InvalidInput(f"The path {entry.path[:200]!r} is named twice.")
            seen.add(entry.path)
            if entry.uri and not check_reference(entry).is_held:
                continue
            check_digest(entry.digest)
            found = self._blobs.stat(blob_key(entry.digest)) if self._held(project, entry.digest) else None
            if found is None:
                raise NotFound(
                    f"Project {project!r} has no bytes for {entry.path[:200]!r} ({entry.digest}).",
                    hint="Upload the blob before the version that names it.",
                )
            if found.size != entry.size:
                raise InvalidInput(f"{entry.path[:200]!r} has {found.size} bytes, not {entry.size}.")
        check_tree(entry.path for entry in entries if not entry.uri)
        return sorted(entries, key=lambda entry: entry.path.encode("utf-8", "surrogateescape"))

    def retype(self, who: Principal, project: str, name: str, type: str) -> None:
        """Give a name, with all its versions, another type. Raises `NotFound`."""
        require(who, Permission.WRITE, project)
        self._records.versions.retype(project, check_name(name), check_name(type, "type"), time.time_ns() // 1000)

    def edit(
        self,
        who: Principal,
        project: str,
        ref: str,
        *,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> VersionRecord:
        """Replace what is not None. The files and the number of a version never change."""
        found = self.resolve(who, project, ref)
        require(who, Permission.WRITE, project, {found.run})
        with self._records.transaction():
            note_texts(self._records, who, found, f"v{found.number}", description, tags, metadata)
            change = VersionChange(description, metadata, tags)
            self._records.versions.edit(project, found.name, found.number, change)
        return self.resolve(who, project, found.ref)
