"""Artifacts of foreign runs become versions on a hub, each once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator

from madang.client.http import HubClient
from madang.client.reader import HubReader
from madang.client.states import HubStates
from madang.domain import events
from madang.domain.collection_states import CollectionState, VersionState
from madang.domain.fidelity import Report
from madang.domain.files import BlobRef
from madang.domain.foreign import Artifact, ArtifactFile, LeftOut, Run, Source
from madang.domain.versions import Entry, VersionRecord, check_name, check_path
from madang.errors import CorruptData, InvalidInput, MadangError, NotFound, Refused, StorageError, Unavailable
from madang.formats.manifest import manifest_digest
from madang.formats.wandb import manifest as listing
from madang.formats.wandb.artifacts import CLIENT_TAG, name_of
from madang.workspace.moving.artifacts import OTHERS_FILE

_FIRST = 0  # the number of the first version of a name that W&B's client begins


class HubArtifacts:
    """See `target.Carrier`. A version is known again by what its client called it, or by its content and time."""

    def __init__(
        self,
        source: Source,
        hub: HubClient,
        put_blob: Callable[[str, Iterable[bytes]], BlobRef],
        note_use: Callable[[str, events.Use], None],
        report: Report,
    ) -> None:
        self._source = source
        self._hub = hub
        self._reader = HubReader(hub)
        self._states = HubStates(hub)
        self._put_blob = put_blob
        self._note_use = note_use
        self._report = report
        self._made: dict[str, VersionRecord] = {}  # by the ids of their client

    def count(self, run: Run) -> None:
        """See `Carrier.count`."""
        for item in run.details.artifacts:
            self._tally_there(item)
            self._report.count_new("artifacts")

    def _tally_there(self, item: Artifact) -> None:
        self._report.there.add("artifacts", 1, item.id, item.name, item.type, item.digest)
        self._report.there.add("files of artifacts", len(item.files), item.id, item.digest)

    def carry(self, run: Run, project: str) -> None:
        """See `Carrier.carry`."""
        for place, item in enumerate(run.details.artifacts):
            self._tally_there(item)
            try:
                made, digest = self._carried(run, project, item, run.started_at + place)
            except Unavailable:
                raise
            except MadangError as error:
                self._report.left_out.append(LeftOut("artifacts", f"{run.name}: {item.name}", str(error)))
                continue
            self._made[item.id] = made
            if item.is_input:
                self._note_use(run.id, events.Use(made.ref, version=made.ref, digest=made.digest, size=made.size))
            self._report.here.add("artifacts", 1, item.id, made.name, made.type, digest)
            self._report.here.add("files of artifacts", made.files, item.id, digest)

    def _carried(self, run: Run, project: str, item: Artifact, at: int) -> tuple[VersionRecord, str]:
        known = self._known(project, item)
        if known is None:
            entries = self._entries(run, project, item)
            known = self._same(project, item.name, entries) or self._adopt(run, project, item, entries, at)
            self._point(known, item)
        there = self._reader.manifest(project, known.ref)
        return known, item.digest if _paths(there) == sorted(file.path for file in item.files) else "other files"

    def _versions(self, project: str, name: str) -> list[VersionRecord]:
        try:
            return self._reader.versions(project, check_name(name))
        except NotFound:
            return []

    def _known(self, project: str, item: Artifact) -> VersionRecord | None:
        found = self._versions(project, item.name)
        return next((one for one in found if one.tags.get(CLIENT_TAG) == item.id), None)

    def _same(self, project: str, name: str, entries: list[Entry]) -> VersionRecord | None:
        """The latest version, if it has this content: that is the version, then."""
        latest = next(iter(self._versions(project, name)), None)
        return latest if latest is not None and latest.digest == manifest_digest(entries) else None

    def _adopt(self, run: Run, project: str, item: Artifact, entries: list[Entry], at: int) -> VersionRecord:
        one = VersionState(
            0, manifest_digest(entries), at, run.id, run.user, sum(entry.size for entry in entries), len(entries),
            item.description, dict(item.metadata), dict.fromkeys(item.tags, "") | {CLIENT_TAG: item.id},
        )  # fmt: skip
        state = CollectionState(project, check_name(item.name), item.type, at, _FIRST, versions=(one,))
        self._states.claim(CollectionState(project, state.name, state.type, at, _FIRST))
        taken = self._states.adopt(state, entries, is_partial=False)
        if taken.number is None:
            raise CorruptData(f"{self._hub.address} lacks {len(taken.lacks)} files that were sent.")
        self._report.count_new("artifacts")
        return self._reader.resolve(project, f"{state.name}:v{taken.number}")

    def _point(self, made: VersionRecord, item: Artifact) -> None:
        for alias in item.aliases:
            if alias.lower() not in ("latest", *made.aliases):
                self._reader.point(
                    made.project, made.name, alias, made.number, reason=f"imported from {self._source.name}"
                )

    def _entries(self, run: Run, project: str, item: Artifact) -> list[Entry]:
        found = [self._entry(run, project, file) for file in item.files]
        return sorted(found, key=lambda entry: entry.path.encode("utf-8", "surrogateescape"))

    def _entry(self, run: Run, project: str, file: ArtifactFile) -> Entry:
        if file.ref:
            told = listing.File(file.digest, file.size, self._address(file.ref), extra=file.extra)
            return listing.entry_of(check_path(file.path), told)
        md5 = listing.hex_of(file.digest)
        if not md5 or not file.location:
            raise InvalidInput(f"The log does not tell where {file.path[:200]!r} lies, or has no MD5 of it.")
        hasher = hashlib.md5(usedforsecurity=False)

        def checked(pieces: Iterable[bytes]) -> Iterator[bytes]:
            for piece in pieces:
                hasher.update(piece)
                yield piece
            if hasher.hexdigest() != md5:
                raise InvalidInput(f"It has the MD5 {hasher.hexdigest()}, not {md5}.")

        try:
            with self._source.open(run, file.location) as pieces:
                kept = self._put_blob(project, checked(pieces))
        except (NotFound, StorageError, Refused, InvalidInput) as error:
            raise NotFound(f"Its file {file.path[:200]!r}, at {file.location[:300]}: {error.message}") from error
        return Entry(check_path(file.path), kept.digest, kept.size)

    def _address(self, ref: str) -> str:
        """Where a reference leads, for one to a file of an artifact that has no id but its client's."""
        if not ref.startswith(OTHERS_FILE):
            return ref
        client, _, path = ref.removeprefix(OTHERS_FILE).partition("/")
        if client not in self._made:
            raise NotFound(f"The artifact {client[:80]!r}, to which a file refers, was not brought.")
        return f"{listing.ARTIFACT}://{base64.b64decode(name_of(self._made[client])).hex()}/{path}"


def _paths(entries: Iterable[Entry]) -> list[str]:
    return sorted(entry.path for entry in entries)
