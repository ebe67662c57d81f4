"""Projects beside their runs."""

from __future__ import annotations

import msgspec

from madang.backends.records.database import Database, Row
from madang.domain.projects import RegisteredProject
from madang.errors import Conflict


class SqlProjects:
    """`ports.projects.ProjectRecords`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[RegisteredProject]:
        """All of them, by number."""
        return [_project(row) for row in self._db.rows("registered_projects")]

    def get(self, number: int) -> RegisteredProject | None:
        """The project with this number."""
        return self._one("project_by_number", number=number)

    def by_title(self, title: str) -> RegisteredProject | None:
        """The project that people call so."""
        return self._one("project_by_title", title=title.replace("\x00", "␀"))

    def by_name(self, name: str) -> RegisteredProject | None:
        """The project that runs call so."""
        return self._one("project_by_name", name=name)

    def _one(self, statement: str, **values: object) -> RegisteredProject | None:
        row = self._db.row(statement, **values)
        return _project(row) if row else None

    def next_number(self) -> int:
        """The number for the next new project."""
        row = self._db.row("last_project")
        return int(row[0]) + 1 if row else 1

    def put(self, project: RegisteredProject) -> None:
        """Keep a project."""
        title = project.title.replace("\x00", "␀")
        with self._db.transaction():
            other = self.by_title(title)
            if other is not None and other.name != project.name:
                raise Conflict(f"There is a project {project.title[:200]!r} already.")
            self._db.run(
                "put_project",
                name=project.name,
                number=project.number,
                title=title,
                created_at=project.created_at,
                updated_at=project.updated_at,
                deleted_at=project.deleted_at,
                location=project.location,
                tags=msgspec.msgpack.encode(project.tags),
            )

    def unregistered(self) -> list[tuple[str, int]]:
        """Projects of runs that have no number yet."""
        return [(name, int(began)) for name, began in self._db.rows("unregistered_projects")]


def _project(row: Row) -> RegisteredProject:
    number, name, title, created_at, updated_at, deleted_at, location, tags = row
    kept = msgspec.msgpack.decode(tags, type=dict[str, str])
    return RegisteredProject(number, name, title, created_at, updated_at, deleted_at, location, kept)
