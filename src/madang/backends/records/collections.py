"""Collections of versions, and the pointers at their versions with the history of these."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from madang.backends.records.database import Database, Row
from madang.domain.values import value
from madang.domain.versions import STAGES, CollectionChange, PointerChange
from madang.errors import Conflict, NotFound
from madang.formats.journal import from_json
from madang.formats.segment import to_json
from madang.ports.versions import CollectionRow


def pack(value: Any) -> bytes:
    """A value at rest."""
    return msgspec.msgpack.encode(to_json(value))


def unpack(data: bytes) -> Any:
    """A value from rest."""
    return from_json(msgspec.msgpack.decode(data))


@value
class Line:
    """A collection at rest."""

    number: int
    type: str
    first: int
    next: int
    created_at: int
    description: str
    tags: dict[str, str]
    updated_at: int = 0


def line_of(row: Row) -> Line:
    """A collection from its row."""
    return Line(row[0], row[1], row[2], row[3], row[4], row[5], unpack(row[6]), row[7])


class SqlCollections:
    """The part of `ports.versions.VersionRecords` that is about names and pointers."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def _line(self, project: str, name: str) -> Line | None:
        row = self._db.row("get_collection", project=project, name=name)
        return line_of(row) if row else None

    def _needed(self, project: str, name: str) -> Line:
        line = self._line(project, name)
        if line is None:
            raise NotFound(f"There is no artifact {name!r} in project {project!r}.")
        return line

    def collections(self, project: str, type: str | None = None) -> list[CollectionRow]:
        """Collections of a project by name."""
        aliases: dict[int, dict[str, int]] = {}
        for collection, alias, number in self._db.rows("aliases_of_project", project=project):
            aliases.setdefault(collection, {})[alias] = int(number)
        found = []
        for row in self._db.rows("collections_of_project", project=project):
            line, (name, count, updated) = line_of(row), row[8:]
            if type is None or line.type == type:
                found.append(
                    self._row(project, name, line, int(count), int(updated or 0), aliases.get(line.number, {}))
                )
        return found

    def _row(
        self, project: str, name: str, line: Line, count: int, updated: int, aliases: dict[str, int]
    ) -> CollectionRow:
        number = self._latest(line)
        latest = self._db.row("get_version", collection=line.number, number=number)
        return CollectionRow(
            project,
            name,
            line.type,
            line.created_at,
            count,
            number,
            aliases,
            max(updated, line.updated_at) or line.created_at,
            int(latest[2]) if latest else 0,
            line.description,
            line.tags,
            line.first,
            line.number,
        )

    def _latest(self, line: Line) -> int:
        """The highest number of a version that is there; 0 without any."""
        row = self._db.row("latest_version", collection=line.number)
        return int(row[0]) if row and row[0] is not None else 0

    def named(self, name: str, type: str) -> list[str]:
        """Projects that have a collection of this name and type, oldest first."""
        return [str(row[0]) for row in self._db.rows("collections_named", name=name, type=type)]

    def collection(self, project: str, name: str) -> CollectionRow | None:
        """One collection."""
        line = self._line(project, name)
        if line is None:
            return None
        rows = self._db.rows("versions_of_collection", collection=line.number)
        return self._row(project, name, line, len(rows), int(rows[0][4]) if rows else 0, self._aliases(line.number))

    def collection_with(self, id: int) -> CollectionRow | None:
        """The collection with an id."""
        row = self._db.row("collection_with", number=id)
        return self.collection(str(row[0]), str(row[1])) if row else None

    def _aliases(self, collection: int) -> dict[str, int]:
        return {alias: int(number) for alias, number in self._db.rows("aliases", collection=collection)}

    def _touch(self, project: str) -> None:
        """Let those who follow the project know that its versions or pointers are others now."""
        row = self._db.row("tick")
        self._db.run("touch_project", project=project, changed=row[0] if row else 0)

    def edit_collection(self, project: str, name: str, change: CollectionChange) -> None:
        """Say something else of a collection."""
        with self._db.transaction():
            line = self._needed(project, name)
            self._touch(project)
            self._db.run(
                "edit_collection",
                number=line.number,
                description=line.description if change.description is None else change.description,
                tags=pack(line.tags if change.tags is None else dict(change.tags)),
            )
            if change.at:
                self._db.run("touch_collection", number=line.number, at=change.at)

    def make(self, project: str, name: str, type: str, at: int) -> None:
        """Make a collection without versions."""
        with self._db.transaction():
            if self._line(project, name) is not None:
                raise Conflict(f"There is an artifact {name!r} in project {project!r} already.")
            self._db.row("add_collection", project=project, name=name, type=type, first=1, created_at=at, tags=pack({}))
            self._touch(project)

    def rename(self, project: str, name: str, new: str, at: int) -> None:
        """Give a collection another name."""
        with self._db.transaction():
            line = self._needed(project, name)
            if self._line(project, new) is not None:
                raise Conflict(f"There is an artifact {new!r} in project {project!r} already.")
            self._db.run("rename_collection", number=line.number, name=new, at=at)
            self._touch(project)

    def retype(self, project: str, name: str, type: str, at: int) -> None:
        """Give a collection another type."""
        with self._db.transaction():
            self._db.run("retype_collection", number=self._needed(project, name).number, type=type, at=at)
            self._touch(project)

    def place(self, project: str, name: str, alias: str, number: int) -> None:
        """Put an alias at a version, without history."""
        self._db.run("put_alias", collection=self._needed(project, name).number, alias=alias, number=number)

    def point(self, change: PointerChange, expected: Any = ...) -> PointerChange:
        """Move an alias and write the history."""
        with self._db.transaction():
            line = self._needed(change.project, change.name)
            row = self._db.row("get_alias", collection=line.number, alias=change.alias)
            before = int(row[0]) if row else None
            if expected is not ... and expected != before:
                now = "nothing" if before is None else f"v{before}"
                raise Conflict(
                    f"{change.alias!r} of {change.name!r} points at {now} now.", hint="Look at it again, then decide."
                )
            if change.number is None:
                self._db.run("drop_alias", collection=line.number, alias=change.alias)
            else:
                if self._db.row("get_version", collection=line.number, number=change.number) is None:
                    raise NotFound(f"There is no version v{change.number} of {change.name!r}.")
                self._db.run("put_alias", collection=line.number, alias=change.alias, number=change.number)
            self._touch(change.project)
            for number in {before, change.number} - {None} if change.alias.partition("/")[0] in STAGES else ():
                self._db.run("touch_version", collection=line.number, number=number, at=change.at)
            made = replace(change, before=before)
            self._db.run(
                "add_pointer_change",
                collection=line.number,
                alias=made.alias,
                number=made.number,
                before=before,
                actor=made.actor,
                at=made.at,
                reason=made.reason,
            )
        return made

    def pointer_history(self, project: str, name: str) -> list[PointerChange]:
        """All moves, newest first."""
        line = self._line(project, name)
        rows = self._db.rows("pointer_changes", collection=line.number) if line else []
        return [PointerChange(project, name, *row) for row in rows]
