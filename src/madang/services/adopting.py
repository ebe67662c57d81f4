"""Taking in projects and models of other trackers as they are: with their numbers, times and tags."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace

from madang.domain.access import Permission, Principal, require
from madang.domain.foreign import Model, Version
from madang.domain.projects import RegisteredProject, name_for
from madang.domain.values import value
from madang.domain.versions import STAGES, CollectionChange, Entry, VersionChange, VersionRecord, check_name
from madang.errors import Conflict, MadangError
from madang.formats.manifest import manifest_digest
from madang.formats.mlflow.words import ALIASES
from madang.ports.projects import ProjectRecords
from madang.ports.records import Records
from madang.ports.versions import CollectionRow
from madang.services.mlflow_words import told_of, written_aliases
from madang.services.model_registry.models import MODEL, Models, stage_of
from madang.services.projects import Projects

IMPORTED = "imported from "
"""Begins the reason of every move of a pointer that an import makes."""


@value
class AdoptedVersion:
    """A version of another tracker, with the files that it has here. ``location`` is where a client fetches them."""

    version: Version
    entries: Sequence[Entry]
    origin: str = ""  # the project that holds the blobs
    location: str = ""


class Adopting:
    """Projects and models of other trackers become ours. What was changed here meanwhile stays. Thread-safe."""

    def __init__(self, records: Records, projects: Projects, rows: ProjectRecords, models: Models) -> None:
        self._records = records
        self._projects = projects
        self._rows = rows
        self._models = models

    def project(self, who: Principal, wanted: RegisteredProject) -> RegisteredProject:
        """The project that ``wanted`` is here. It keeps its number and title where both are free.

        One that has the title is the same; one that has the number and was made at the same time is, too, and is given
        the new title. Deleted is only what this makes, or what was taken in before.

        Raises:
            AccessDenied: the caller may not write in it.
        """
        now = time.time_ns() // 1000
        with self._records.transaction():
            known = {item.number: item for item in self._projects.all(who)}
            twin = known.get(wanted.number)
            is_twin = twin is not None and 0 < wanted.created_at == twin.created_at
            found = self._rows.by_title(wanted.title) or (twin if is_twin else None)
            if found is None:
                return self._new_project(who, wanted, now)
            require(who, Permission.WRITE, found.name)
            made = replace(
                found,
                title=wanted.title,
                tags={**found.tags, **wanted.tags},
                updated_at=max(found.updated_at, wanted.updated_at),
                deleted_at=found.deleted_at or (wanted.deleted_at if found.created_at == wanted.created_at else 0),
            )
            if made != found:
                self._rows.put(made)
            return made

    def _new_project(self, who: Principal, wanted: RegisteredProject, now: int) -> RegisteredProject:
        is_free = 0 <= wanted.number < 1 << 63 and self._rows.get(wanted.number) is None
        number = wanted.number if is_free else self._rows.next_number()
        name = name_for(wanted.title, number)
        if self._rows.by_name(name) is not None:
            name = name_for(f"{wanted.title} ({number})", number)
        require(who, Permission.WRITE, name)
        made = replace(
            wanted,
            number=number,
            name=name,
            created_at=wanted.created_at or now,
            updated_at=wanted.updated_at or wanted.created_at or now,
        )
        self._rows.put(made)
        return made

    def model(
        self, who: Principal, project: str, model: Model, versions: Sequence[AdoptedVersion], source: str
    ) -> list[str]:
        """Have a registered model here, with its versions under their numbers; what could not be, in words.

        A pointer that somebody has moved here since stays where it is.

        Raises:
            InvalidInput: the name cannot be a model's here.
            Conflict: the name is that of something else.
        """
        require(who, Permission.WRITE, project)
        name = check_name(model.name)
        with self._records.transaction():
            row = self._row(who, project, model, name)
            refused = [text for item in versions if (text := self._version(row, item, who))]
            model = replace(model, versions=tuple(item for item in model.versions if self._is_ours(row, item)))
        refused += self._stages(who, self._models.find(who, name, row.project), model, source)
        refused += self._aliases(who, self._models.find(who, name, row.project), model, source)
        with self._records.transaction():
            self._settle(row, model)
        return refused

    def _row(self, who: Principal, project: str, model: Model, name: str) -> CollectionRow:
        places = self._records.versions.named(name, MODEL)
        place = project if project in places or not places else places[0]
        require(who, Permission.WRITE, place)
        if not places:
            self._records.versions.make(place, name, MODEL, model.created_at or time.time_ns() // 1000)
        row = self._records.versions.collection(place, name)
        if row is None:
            raise Conflict(f"There is no model {name[:200]!r} any more.", hint="Run this again.")
        description = model.description if model.description else None
        if model.tags.items() - row.tags.items() or (description or row.description) != row.description:
            change = CollectionChange(description, {**row.tags, **model.tags})
            self._records.versions.edit_collection(place, name, change)
        return row

    def _version(self, row: CollectionRow, item: AdoptedVersion, who: Principal) -> str:
        wanted, versions = item.version, self._records.versions
        told = {
            "source": wanted.source, "location": item.location, "run_id": wanted.run, "run_link": wanted.run_link,
            "model_id": wanted.model, "status": "" if wanted.status == "READY" else wanted.status,
        }  # fmt: skip
        metadata = {"mlflow": {name: text for name, text in told.items() if text}}
        known = versions.get(row.project, row.name, wanted.number)
        if known is None:
            versions.hold_blobs(row.project, self._held(item))
            made = VersionRecord(
                row.project, row.name, MODEL, wanted.number, manifest_digest(list(item.entries)),
                sum(entry.size for entry in item.entries), len(item.entries),
                wanted.created_at or time.time_ns() // 1000, wanted.run, (), wanted.description, metadata,
                dict(wanted.tags), wanted.user or who.name,
            )  # fmt: skip
            try:
                versions.insert(made, item.entries)
            except Conflict:
                return f"{row.name} {wanted.number}: it was deleted here"
            return ""
        if not self._is_ours(row, wanted):
            return f"{row.name} {wanted.number}: another version has this number here"
        tags = {**known.tags, **wanted.tags}
        description = wanted.description or known.description
        if (tags, description) != (known.tags, known.description):
            versions.edit(row.project, row.name, wanted.number, VersionChange(description, tags=tags))
        return ""

    def _is_ours(self, row: CollectionRow, wanted: Version) -> bool:
        """Whether a version here is the one that was wanted: of the same run and time."""
        known = self._records.versions.get(row.project, row.name, wanted.number)
        if known is None:
            return False
        is_same_time = wanted.created_at in (0, known.created_at // 1000 * 1000)  # as exact as the source knows it
        return is_same_time and told_of(known).get("run_id", known.run) == wanted.run

    def _held(self, item: AdoptedVersion) -> list[str]:
        digests = {entry.digest for entry in item.entries}
        return [digest for digest in digests if self._records.versions.holds_blob(item.origin, digest)]

    def _ours(self, row: CollectionRow) -> dict[str, bool]:
        """Whether an import was the last to move each alias."""
        found: dict[str, bool] = {}
        for change in self._records.versions.pointer_history(row.project, row.name):
            found.setdefault(change.alias, change.reason.startswith(IMPORTED))
        return found

    def _stages(self, who: Principal, row: CollectionRow, model: Model, source: str) -> list[str]:
        ours, refused = self._ours(row), []
        for item in model.versions:
            stage = stage_of(row, item.number)
            if stage == item.stage:
                continue
            names = (stage, f"{stage}/{item.number}", item.stage, f"{item.stage}/{item.number}")
            if not all(ours.get(name, True) for name in names):
                refused.append(f"{row.name} {item.number}: its stage was changed here")
                continue
            try:
                self._models.move(who, row, item.number, item.stage, reason=IMPORTED + source)
            except MadangError as error:  # somebody protects the stage here
                refused.append(f"{row.name} {item.number}: {error.message}")
            row = self._models.find(who, row.name, row.project)
        return refused

    def _aliases(self, who: Principal, row: CollectionRow, model: Model, source: str) -> list[str]:
        ours, refused = self._ours(row), []
        written: dict[str, str] = {}
        for alias, number in sorted(model.aliases.items()):
            plain = alias.lower()
            if plain in written or plain == "latest":
                refused.append(f"{row.name}@{alias}: another alias differs from it by its case alone")
            elif self._is_taken(row, plain, number):
                refused.append(f"{row.name}@{alias}: the stage of this name has another version")
            elif row.aliases.get(plain) != number and not ours.get(plain, True):
                refused.append(f"{row.name}@{alias}: the alias was moved here")
            elif number not in {item.number for item in model.versions}:
                refused.append(f"{row.name}@{alias}: its version {number} is not here")
            else:
                if plain != alias or plain in STAGES:
                    written[plain] = alias
                if row.aliases.get(plain) != number:
                    try:
                        self._models.point(who, row, plain, number, IMPORTED + source)
                    except MadangError as error:  # somebody protects the alias here
                        refused.append(f"{row.name}@{alias}: {error.message}")
        before = written_aliases(row)
        if before | written != before:
            tags = {**row.tags, ALIASES: json.dumps(before | written)}
            self._records.versions.edit_collection(row.project, row.name, CollectionChange(tags=tags))
        return refused

    @staticmethod
    def _is_taken(row: CollectionRow, alias: str, number: int) -> bool:
        return alias in STAGES and row.aliases.get(alias, number) != number

    def _settle(self, row: CollectionRow, model: Model) -> None:
        """Give versions and model the times of their last change in the source, after all was moved."""
        for item in model.versions:
            if item.updated_at:
                changed = VersionChange(at=item.updated_at)
                self._records.versions.edit(row.project, row.name, item.number, changed)
        if model.updated_at and (model.versions or not row.versions):
            self._records.versions.edit_collection(row.project, row.name, CollectionChange(at=model.updated_at))
