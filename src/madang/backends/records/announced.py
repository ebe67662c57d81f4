"""Versions of a hub: what happens to models is put into the outbox of webhooks, in the transaction in which it happens.

Every change passes here, whichever client or rule asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from functools import partial
from typing import Any

from madang.backends.records.collections import Line
from madang.backends.records.database import Database
from madang.backends.records.versions import SqlVersions
from madang.domain.values import mutable
from madang.domain.versions import CollectionChange, PointerChange, VersionChange, VersionRecord
from madang.domain.webhooks import Happening
from madang.formats import registry_events as tell
from madang.ports.webhooks import WebhookRecords

_MODEL = "model"


@mutable
class _Changes:
    """What one transaction has done to one model; ``tags`` of versions and, under None, its own: those before."""

    project: str
    name: str
    made: bool = False
    versions: list[int] = field(default_factory=list)
    tags: dict[int | None, Mapping[str, str]] = field(default_factory=dict)
    pointers: list[PointerChange] = field(default_factory=list)


class AnnouncedVersions(SqlVersions):
    """`ports.versions.VersionRecords`."""

    def __init__(self, database: Database, webhooks: Callable[[], WebhookRecords]) -> None:
        super().__init__(database)
        self._webhooks = webhooks

    def _changes(self, project: str, name: str) -> _Changes | None:
        """What the present transaction has done to a model so far; None where nobody listens."""
        scratch = self._db.scratch
        if self not in scratch:
            scratch[self] = {} if self._webhooks().active(surely=True) else None
            if scratch[self] is not None:
                self._db.before_commit(partial(self._announce, scratch[self]))
        known: dict[tuple[str, str], _Changes] | None = scratch[self]
        if known is None:
            return None
        return known.setdefault((project, name), _Changes(project, name))

    def _line_for(self, version: VersionRecord, first: int) -> Line:
        """Every way to a version begins here, with a collection that is made when it is missing."""
        changes = self._changes(version.project, version.name) if version.type == _MODEL else None
        is_new = changes is not None and self._line(version.project, version.name) is None
        line = super()._line_for(version, first)
        if changes is not None and is_new:
            changes.made = True
        return line

    def _insert_row(self, line: Line, number: int, version: VersionRecord) -> None:
        """Every version that is new passes here, whatever it was made of."""
        super()._insert_row(line, number, version)
        changes = self._changes(version.project, version.name) if version.type == _MODEL else None
        if changes is not None:
            changes.versions.append(number)

    def edit(self, project: str, name: str, number: int, change: VersionChange) -> VersionRecord:
        """Say something else of a version."""
        with self._db.transaction():
            changes = self._changes(project, name) if change.tags is not None else None
            before = self.get(project, name, number) if changes is not None else None
            if changes is not None and before is not None:
                changes.tags.setdefault(number, before.tags)
            return super().edit(project, name, number, change)

    def edit_collection(self, project: str, name: str, change: CollectionChange) -> None:
        """Say something else of a collection."""
        with self._db.transaction():
            changes = self._changes(project, name) if change.tags is not None else None
            line = self._line(project, name) if changes is not None else None
            if changes is not None and line is not None:
                changes.tags.setdefault(None, line.tags)
            super().edit_collection(project, name, change)

    def make(self, project: str, name: str, type: str, at: int) -> None:
        """Make a collection without versions."""
        with self._db.transaction():
            super().make(project, name, type, at)
            changes = self._changes(project, name) if type == _MODEL else None
            if changes is not None:
                changes.made = True

    def rename(self, project: str, name: str, new: str, at: int) -> None:
        """Give a collection another name."""
        with self._db.transaction():
            super().rename(project, name, new, at)
            if self._changes(project, name) is not None:
                known = self._db.scratch[self]
                known[project, new] = known.pop((project, name))
                known[project, new].name = new

    def drop(self, project: str, name: str, number: int | None, at: int, actor: str = "") -> None:
        """Take a version or a collection away."""
        with self._db.transaction():
            changes = self._changes(project, name) if number is not None else None
            found = self.get(project, name, number) if changes is not None else None
            super().drop(project, name, number, at, actor)
            if changes is not None and found is not None:
                aliases = [alias for alias in found.aliases if alias != "latest"]
                gone = PointerChange(project, name, "", None, number, actor, at, "version deleted")
                changes.pointers += [replace(gone, alias=alias) for alias in aliases]

    def point(self, change: PointerChange, expected: Any = ...) -> PointerChange:
        """Move an alias and write the history."""
        with self._db.transaction():
            made = super().point(change, expected)
            changes = self._changes(change.project, change.name)
            if changes is not None:
                changes.pointers.append(made)
        return made

    def _announce(self, known: Mapping[tuple[str, str], _Changes]) -> None:
        for changes in known.values():
            for event, data in self._told(changes):
                self._webhooks().announce(Happening(event, changes.project, time.time_ns() // 1000, data))

    def _told(self, changes: _Changes) -> Iterator[tell.Told]:
        line = self._line(changes.project, changes.name)
        if line is None or line.type != _MODEL:
            return
        model = tell.Model(changes.project, changes.name, line.description, line.tags, self._aliases(line.number))
        if changes.made:
            yield tell.model_made(model)
        for number in changes.versions:
            version = self.get(changes.project, changes.name, number)
            if version is not None:
                yield tell.version_made(model, version)
        for place, before in changes.tags.items():
            if place is None and not changes.made:
                yield from tell.tags_changed(model, None, before, line.tags)
            elif place is not None and place not in changes.versions:
                found = self.get(changes.project, changes.name, place)
                yield from tell.tags_changed(model, place, before, found.tags if found is not None else before)
        yield from tell.pointers_moved(model, changes.pointers)
