"""Registered models as things of their own: made empty, renamed, taken away; versions in stages that hold several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from madang.domain.access import Permission, Principal, require
from madang.domain.reviews import base_of
from madang.domain.versions import (
    STAGES,
    CollectionChange,
    Entry,
    PointerChange,
    VersionChange,
    VersionRecord,
    check_name,
    stage_in,
)
from madang.errors import InvalidInput, NotFound
from madang.formats.manifest import manifest_digest
from madang.ports.records import Records
from madang.ports.versions import CollectionRow
from madang.services.changes import note, note_texts, now
from madang.services.mlflow_words import keep_alias
from madang.services.model_registry.guard import NOTHING, Guard
from madang.services.tracking import Tracking

MODEL = "model"


def stage_of(row: CollectionRow, number: int) -> str:
    """The stage that a version is in; empty without one."""
    return stage_in(row.aliases, number)


class Models:
    """Registered models, found by name alone: a name in the project asked first counts before others. Thread-safe."""

    def __init__(self, records: Records, tracking: Tracking, guard: Guard) -> None:
        self._records = records
        self._versions = records.versions
        self._tracking = tracking
        self._guard = guard

    def find(self, who: Principal, name: str, first: str = "") -> CollectionRow:
        """The model with a name; of several the one in the project ``first``, else the oldest one may write.

        So nobody can put a model in the place of another team's by its name alone: a project that is only open to be
        read comes last.

        Raises:
            NotFound: there is none that the caller may read.
        """
        self._tracking.catch_up()
        checked = check_name(name)
        place = _preferred(who, self._versions.named(checked, MODEL), first)
        found = self._versions.collection(place, checked) if place is not None else None
        if found is None:
            raise NotFound(f"There is no model {name[:200]!r}.")
        return found

    def all(self, who: Principal, first: str = "") -> list[CollectionRow]:
        """The models that `find` would give, by name."""
        self._tracking.catch_up()
        rows: dict[str, list[CollectionRow]] = {}
        for project in dict.fromkeys([first, *(item.name for item in self._records.runs.projects())]):
            for row in self._versions.collections(project, MODEL):  # the first may have neither runs nor versions
                rows.setdefault(row.name, []).append(row)
        found = []
        for _, same in sorted(rows.items()):
            same.sort(key=lambda row: (row.created_at, row.project))
            place = _preferred(who, [row.project for row in same], first)
            found += [row for row in same if row.project == place]
        return found

    def create(
        self, who: Principal, project: str, name: str, description: str = "", tags: Mapping[str, str] | None = None
    ) -> CollectionRow:
        """Make a model without versions.

        Raises:
            Conflict: the project has something of this name.
        """
        require(who, Permission.WRITE, project)
        checked = check_name(name)
        with self._records.transaction():
            self._versions.make(project, checked, MODEL, now())
            self._versions.edit_collection(project, checked, CollectionChange(description, tags or {}))
            note(self._records, who, (project, checked), "model", checked, "", "made")
        return self._row(project, checked)

    def _row(self, project: str, name: str) -> CollectionRow:
        found = self._versions.collection(project, name)
        if found is None:
            raise NotFound(f"There is no model {name[:200]!r}.")
        return found

    def edit(
        self,
        who: Principal,
        row: CollectionRow,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> CollectionRow:
        """Replace what is not None."""
        require(who, Permission.WRITE, row.project)
        at = now() if description is not None else 0
        with self._records.transaction():
            self._versions.edit_collection(row.project, row.name, CollectionChange(description, tags, at))
            note_texts(self._records, who, row, row.name, description, tags)
        return self._row(row.project, row.name)

    def rename(self, who: Principal, row: CollectionRow, new: str) -> CollectionRow:
        """Give a model another name. Raises `Conflict` when that is taken."""
        require(who, Permission.WRITE, row.project)
        checked = check_name(new)
        with self._records.transaction():
            self._guard.check_removal(row.project, row.name, None)
            self._versions.rename(row.project, row.name, checked, now())
            note(self._records, who, (row.project, checked), "name", checked, row.name, checked)
        return self._row(row.project, checked)

    def delete(self, who: Principal, row: CollectionRow, number: int | None = None) -> None:
        """Take a version away, or the whole model. The files stay. Raises `NotFound`."""
        require(who, Permission.WRITE, row.project)
        with self._records.transaction():
            self._guard.check_removal(row.project, row.name, number)
            self._versions.drop(row.project, row.name, number, now(), who.name)
            if number is not None:
                note(self._records, who, (row.project, row.name), "version", f"v{number}", "made", "deleted")

    def versions(self, who: Principal, row: CollectionRow) -> list[VersionRecord]:
        """All versions, newest first."""
        require(who, Permission.READ, row.project)
        return self._versions.versions(row.project, row.name)

    def written(self, who: Principal, run: str) -> list[tuple[CollectionRow, VersionRecord]]:
        """The versions of models that a run wrote and the caller may read, in whichever project, with their models.

        Also those of a model that `find` does not give, because another one has its name.
        """
        self._tracking.catch_up([run])
        return [
            (self._row(version.project, version.name), version)
            for version in self._versions.written(run)
            if version.type == MODEL and who.level(version.project) >= Permission.READ
        ]

    def version(self, who: Principal, row: CollectionRow, number: int) -> VersionRecord:
        """One version. Raises `NotFound`."""
        require(who, Permission.READ, row.project)
        found = self._versions.get(row.project, row.name, number)
        if found is None:
            raise NotFound(f"There is no version v{number} of {row.name!r}.")
        return found

    def entries(self, who: Principal, version: VersionRecord) -> list[Entry]:
        """The files of a version."""
        require(who, Permission.READ, version.project)
        return self._versions.entries(version.project, version.digest)

    def add(
        self,
        who: Principal,
        row: CollectionRow,
        entries: Sequence[Entry],
        *,
        origin: str = "",
        run: str = "",
        description: str = "",
        metadata: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> VersionRecord:
        """Make a new version, whatever its files are: they may also lie elsewhere.

        ``entries`` name blobs of the project ``origin`` (empty: that of the model). Those that it only names and does
        not hold stay closed in the model's project too. ``run`` counts only where the caller may write.
        """
        require(who, Permission.WRITE, row.project)
        self._tracking.catch_up([run] if run else [])
        wrote = self._records.runs.fetch([run]) if run else []
        signed = bool(wrote) and who.level(wrote[0].state.project) >= Permission.WRITE
        version = VersionRecord(
            project=row.project,
            name=row.name,
            type=MODEL,
            number=0,
            digest=manifest_digest(list(entries)),
            size=sum(entry.size for entry in entries),
            files=len(entries),
            created_at=now(),
            run=run if signed else "",
            description=description,
            metadata=dict(metadata or {}),
            tags=dict(tags or {}),
            actor=who.name,
        )
        with self._records.transaction():
            self._versions.hold_blobs(row.project, self._held(who, origin or row.project, entries))
            made = self._versions.add(version, entries, fresh=True)
            self._versions.edit_collection(row.project, row.name, CollectionChange(at=version.created_at))
        self._tracking.version_made(version.run)
        return made

    def _held(self, who: Principal, project: str, entries: Sequence[Entry]) -> list[str]:
        require(who, Permission.READ, project)
        digests = {entry.digest for entry in entries}
        return [digest for digest in digests if self._versions.holds_blob(project, digest)]

    def edit_version(
        self,
        who: Principal,
        version: VersionRecord,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> VersionRecord:
        """Replace what is not None."""
        require(who, Permission.WRITE, version.project)
        at = now() if description is not None else 0
        with self._records.transaction():
            note_texts(self._records, who, version, f"v{version.number}", description, tags)
            change = VersionChange(description, tags=tags, at=at)
            return self._versions.edit(version.project, version.name, version.number, change)

    def move(
        self, who: Principal, row: CollectionRow, number: int, stage: str, *, archive: bool = False, reason: str = ""
    ) -> VersionRecord:
        """Bring a version to a stage (empty: to none). Others stay in theirs; with ``archive`` those of it leave it.

        Raises:
            NotFound: there is no such version.
            InvalidInput: there is no such stage, or it cannot be archived.
            AccessDenied: a stage that it would change is protected.
        """
        require(who, Permission.WRITE, row.project)
        if stage and stage not in STAGES:
            raise InvalidInput(f"{stage[:40]!r} is not a stage.", hint=f"Stages: {', '.join(STAGES)}.")
        evidence = self._guard.evidence(row.project, row.name, stage, number) if stage else NOTHING
        with self._records.transaction():
            self.version(who, row, number)
            row = self._row(row.project, row.name)
            change = PointerChange(row.project, row.name, stage, number, None, who.name, now(), reason)
            if stage:
                self._guard.check(change, evidence)
            moves = _Moves(self._guard, row, change)
            if archive:
                moves.replace(number, stage)
            else:
                moves.bring(number, stage)
            self._versions.edit_collection(row.project, row.name, CollectionChange(at=now()))
        return self.version(who, row, number)

    def point(
        self, who: Principal, row: CollectionRow, alias: str, number: int | None, reason: str = "", written: str = ""
    ) -> None:
        """Move an alias, or with None take it away; ``written`` is how a client wrote it.

        Raises:
            AccessDenied: it is protected.
        """
        require(who, Permission.WRITE, row.project)
        evidence = self._guard.evidence(row.project, row.name, alias, number)
        with self._records.transaction():
            if number is not None:
                self.version(who, row, number)
            change = PointerChange(row.project, row.name, alias, number, None, who.name, now(), reason)
            self._guard.move(change, evidence)
            if written and (written != alias or alias in STAGES):
                keep_alias(self._records, row.project, row.name, alias, written)


def _preferred(who: Principal, places: Sequence[str], first: str) -> str | None:
    """Which of the projects that have a name, oldest first, is meant."""
    open_ = [place for place in places if who.level(place) >= Permission.READ]
    own = [place for place in open_ if who.level(place) >= Permission.WRITE]
    return first if first in open_ else next(iter(own or open_), None)


class _Moves:
    """Moves of versions between stages, inside a transaction. That ``wanted`` may happen has been found out already."""

    def __init__(self, guard: Guard, row: CollectionRow, wanted: PointerChange) -> None:
        self._guard = guard
        self._row = row
        self._wanted = wanted

    def in_stage(self, stage: str) -> list[int]:
        """The versions of a stage."""
        return [number for alias, number in self._row.aliases.items() if alias.partition("/")[0] == stage]

    def replace(self, number: int, stage: str) -> None:
        """Put a version into a stage in the place of those that are there, which are archived."""
        others = [other for other in self.in_stage(stage) if other != number]
        if self._row.aliases.get(stage) != number:
            self._leave(number)
            self._point(stage, number)
        for other in others:
            if f"{stage}/{other}" in self._row.aliases:
                self._point(f"{stage}/{other}", None)
            self.bring(other, "archived")

    def _leave(self, number: int) -> None:
        for alias, target in list(self._row.aliases.items()):
            if target == number and alias.partition("/")[0] in STAGES:
                self._point(alias, None)
                self._promote_next(alias)

    def bring(self, number: int, stage: str) -> None:
        """Take a version out of its stage and into another one, where the highest number holds the plain alias."""
        self._leave(number)
        if not stage:
            return
        holder = self._row.aliases.get(stage)
        if holder is None or number > holder:
            self._point(stage, number)
            if holder is not None:
                self._point(f"{stage}/{holder}", holder)
        else:
            self._point(f"{stage}/{number}", number)

    def _promote_next(self, left: str) -> None:
        others = [number for number in self.in_stage(left) if left in STAGES]
        if others and left not in self._row.aliases:
            self._point(left, max(others))
            self._point(f"{left}/{max(others)}", None)

    def _point(self, alias: str, number: int | None) -> None:
        change = replace(self._wanted, alias=alias, number=number)
        if base_of(alias) == self._wanted.alias:
            self._guard.place(change)
        else:
            self._guard.move(change, NOTHING)
        if number is None:
            self._row.aliases.pop(alias, None)
        else:
            self._row.aliases[alias] = number
