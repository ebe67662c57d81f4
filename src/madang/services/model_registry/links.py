"""Versions shown in other collections, such as those of a registry, and the pointers at them there."""

from __future__ import annotations

from collections.abc import Sequence

from madang.domain.access import Permission, Principal, require
from madang.domain.versions import SOURCE, VersionRecord, check_name
from madang.errors import InvalidInput, NotFound
from madang.formats.wandb.artifacts import LINK_TAG, name_of
from madang.formats.wandb.ids import MODEL_REGISTRY, entity_and_project
from madang.ports.drafts import DraftRecords
from madang.ports.records import Records
from madang.services.changes import now
from madang.services.drafts import Drafts
from madang.services.mlflow_words import keep_written
from madang.services.model_registry.models import MODEL, Models
from madang.services.model_registry.registry import Registry
from madang.services.model_registry.stages import commit

_FIRST = 0


def is_model_registry(project: str) -> bool:
    """Whether all that a project holds are registered models."""
    return entity_and_project(project)[1] == MODEL_REGISTRY


class Links:
    """Links are versions of their own collection, with the same files and the id of what they show. Thread-safe."""

    def __init__(
        self, records: Records, rows: DraftRecords, drafts: Drafts, registry: Registry, models: Models
    ) -> None:
        self._records = records
        self._rows = rows
        self._drafts = drafts
        self._registry = registry
        self._models = models

    def link(
        self, who: Principal, source: VersionRecord, project: str, name: str, aliases: Sequence[str] = ()
    ) -> VersionRecord:
        """Show a version in another collection, which is made when it is missing. Once more: the same link.

        Raises:
            AccessDenied: the caller may not write there. Conflict: the collection holds versions of another type.
        """
        require(who, Permission.READ, source.project)
        require(who, Permission.WRITE, project)
        source = self.source(who, source)
        named = tuple(check_name(alias, "alias") for alias in aliases if alias.lower() != "latest")
        wanted = VersionRecord(
            project=check_name(project, "project"),
            name=check_name(name),
            type=MODEL if is_model_registry(project) else source.type,
            number=0,
            digest=source.digest,
            size=source.size,
            files=source.files,
            created_at=now(),
            run=source.run if source.project == project else "",
            aliases=tuple(alias.lower() for alias in named),
            description=source.description,
            metadata=source.metadata,
            tags={LINK_TAG: name_of(source), SOURCE: f"{source.project}/{source.ref}"},
            actor=who.name,
        )
        with self._records.transaction():
            known = self.in_collection(source, wanted.project, wanted.name)
            if known is None:
                made = self._add(wanted, source)
            else:
                made = known
                for alias in named:
                    self._registry.point(who, known.project, known.name, alias, known.number)
            keep_written(self._records, made.project, made.name, named)
        return self._now(made)

    def _add(self, wanted: VersionRecord, source: VersionRecord) -> VersionRecord:
        versions = self._records.versions
        entries = versions.entries(source.project, source.digest)
        held = [item.digest for item in entries if item.is_held and versions.holds_blob(source.project, item.digest)]
        versions.hold_blobs(wanted.project, held)
        self._rows.claim(wanted.project, list(self._rows.claims_of(source.project, held).values()))
        made = commit(self._records, wanted, entries, first=_FIRST, fresh=True)
        self._rows.link(name_of(source), made.project, made.name, made.number)
        return made

    def _now(self, version: VersionRecord) -> VersionRecord:
        found = self._records.versions.get(version.project, version.name, version.number)
        if found is None:
            raise NotFound(f"There is no {version.ref!r} any more.")
        return found

    def source(self, who: Principal, version: VersionRecord) -> VersionRecord:
        """What a link shows; of another version, and of a link whose source is gone or not open to the caller: it."""
        source = version.tags.get(LINK_TAG, "")
        if not source:
            return version
        try:
            return self._drafts.version(who, source)
        except (NotFound, InvalidInput):
            return version

    def in_collection(self, source: VersionRecord, project: str, name: str) -> VersionRecord | None:
        """The version of a collection that is, or shows, a version."""
        if (source.project, source.name) == (project, name):
            return self._records.versions.get(project, name, source.number)
        for place in self._rows.links(name_of(source)):
            if place[:2] == (project, name):
                return self._records.versions.get(*place)
        return None

    def of(self, who: Principal, source: VersionRecord) -> list[VersionRecord]:
        """A version and all links to it that the caller may read."""
        found = [source]
        for project, name, number in self._rows.links(name_of(source)):
            version = self._records.versions.get(project, name, number)
            if version is not None and who.level(project) >= Permission.READ:
                found.append(version)
        return found

    def point(self, who: Principal, version: VersionRecord, alias: str) -> None:
        """Put an alias at a version, written as it is. Raises as `Registry.point`."""
        with self._records.transaction():
            self._registry.point(who, version.project, version.name, alias, version.number)
            keep_written(self._records, version.project, version.name, [alias])

    def unlink(self, who: Principal, source: VersionRecord, project: str, name: str) -> None:
        """Take a link away. Raises `NotFound`: there is none; `AccessDenied`: a protected pointer is at it."""
        require(who, Permission.WRITE, project)
        with self._records.transaction():
            found = self.in_collection(source, project, name)
            row = self._records.versions.collection(project, name)
            if found is None or row is None or LINK_TAG not in found.tags:
                raise NotFound(f"{source.ref} is not linked to {name[:200]!r}.")
            self._models.delete(who, row, found.number)
