"""Artifacts of foreign runs become versions, step by step as W&B's client would make them on a hub."""

from __future__ import annotations

import base64

from madang.domain import events
from madang.domain.fidelity import Report
from madang.domain.foreign import Artifact, ArtifactFile, LeftOut, Run, Source
from madang.domain.versions import VersionRecord, check_path
from madang.errors import InvalidInput, MadangError, NotFound, Refused, StorageError
from madang.formats.wandb import manifest as listing
from madang.formats.wandb.artifacts import draft_id
from madang.ports.drafts import Draft
from madang.workspace.moving.store import OwnStore

OTHERS_FILE = "wandb-client-artifact://"
"""Begins the address of a file of an artifact that the client has not sent yet: its id, and the path."""


class ArtifactCarrier:
    """Makes the artifacts of runs versions of ours. What is here already is left as it is."""

    def __init__(self, source: Source, own: OwnStore, report: Report) -> None:
        self._source = source
        self._own = own
        self._report = report

    def count(self, run: Run) -> None:
        """What there is, without writing."""
        for item in run.details.artifacts:
            self._tally_there(item)
            self._report.count_new("artifacts", int(not self._is_here(item)))

    def _is_here(self, item: Artifact) -> bool:
        try:
            return self._own.services.drafts.of_client(self._own.who, item.id).number is not None
        except NotFound:
            return False

    def carry(self, run: Run, project: str) -> None:
        """Bring the artifacts of a run that is here."""
        for item in run.details.artifacts:
            self._tally_there(item)
            try:
                made = self._made(run, project, item)
            except MadangError as error:
                self._report.left_out.append(LeftOut("artifacts", f"{run.name}: {item.name}", str(error)))
                continue
            if item.is_input:
                self._note_use(run, made)
            digest = self._own.services.digests.of(made)
            self._report.here.add("artifacts", 1, item.id, made.name, made.type, digest)
            self._report.here.add("files of artifacts", made.files, item.id, digest)

    def _tally_there(self, item: Artifact) -> None:
        self._report.there.add("artifacts", 1, item.id, item.name, item.type, item.digest)
        self._report.there.add("files of artifacts", len(item.files), item.id, item.digest)

    def _made(self, run: Run, project: str, item: Artifact) -> VersionRecord:
        drafts, who = self._own.services.drafts, self._own.who
        wanted = Draft(
            0, project, item.name, item.type, 0,
            run=run.id, client=item.id, digest=item.digest, aliases=item.aliases, description=item.description,
            metadata=item.metadata, tags=dict.fromkeys(item.tags, ""),
        )  # fmt: skip
        draft = drafts.begin(who, wanted)
        id_ = draft_id(draft.id)
        if draft.number is None:
            self._send(run, project, item, id_)
            self._report.count_new("artifacts")
            return self._own.services.commits.commit(who, id_)
        return drafts.version(who, id_)

    def _note_use(self, run: Run, version: VersionRecord) -> None:
        record = self._own.record(run.id)
        if record is not None and all(use.version != version.ref for use in record.uses):
            use = events.Use(version.ref, version=version.ref, digest=version.digest, size=version.size)
            self._own.services.tracking.state(self._own.who, run.id, [use], freely=True)

    def _send(self, run: Run, project: str, item: Artifact, id: str) -> None:
        drafts, who = self._own.services.drafts, self._own.who
        files = {}
        for file in item.files:
            files[check_path(file.path)] = self._listed(file)
        wanted = {f"md5:{listing.hex_of(file.digest)}" for file in item.files if not file.ref}
        held = drafts.held(who, project, wanted)
        for file in item.files:
            if not file.ref and f"md5:{listing.hex_of(file.digest)}" not in held:
                self._bytes(run, project, file)
        manifest = drafts.list_files(who, id, "FULL", "", "")
        drafts.take_list(who, manifest.id, listing.write(files))

    def _bytes(self, run: Run, project: str, file: ArtifactFile) -> None:
        md5 = listing.hex_of(file.digest)
        if not md5:
            raise InvalidInput(f"{file.path[:200]!r} has the digest {file.digest[:80]!r}, which is no MD5.")
        if not file.location:
            raise NotFound(f"The log does not tell where {file.path[:200]!r} lies.")
        try:
            with self._source.open(run, file.location) as pieces:
                self._own.services.drafts.take(self._own.who, project, md5, pieces, file.size)
        except (NotFound, StorageError, Refused, InvalidInput) as error:
            raise NotFound(f"Its file {file.path[:200]!r}, at {file.location[:300]}: {error.message}") from error

    def _listed(self, file: ArtifactFile) -> listing.File:
        return listing.File(file.digest, file.size, self._address(file.ref) or None, extra=file.extra)

    def _address(self, ref: str) -> str:
        """Where a reference leads, for one to a file of an artifact that has no id but its client's."""
        if not ref.startswith(OTHERS_FILE):
            return ref
        client, _, path = ref.removeprefix(OTHERS_FILE).partition("/")
        found = self._own.services.drafts.of_client(self._own.who, client)
        return f"{listing.ARTIFACT}://{base64.b64decode(draft_id(found.id)).hex()}/{path}"
