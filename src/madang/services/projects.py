"""Projects: their numbers, titles and tags, and taking a project with its runs away and back."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace

from madang.domain.access import Permission, Principal, require
from madang.domain.projects import DEFAULT, ProjectChange, RegisteredProject, name_for
from madang.domain.query import RunQuery
from madang.domain.runs import RunChange
from madang.errors import InvalidInput, NotFound
from madang.ports.projects import ProjectRecords
from madang.ports.records import Records
from madang.services.tracking import Tracking

_AT_ONCE = 10_000  # runs that one look for them takes


class Projects:
    """Registered projects. A project that only runs name gets its number when somebody asks. Thread-safe."""

    def __init__(self, records: Records, projects: ProjectRecords, tracking: Tracking) -> None:
        self._records = records
        self._projects = projects
        self._tracking = tracking

    def all(self, who: Principal) -> list[RegisteredProject]:
        """The projects that the caller may read, deleted ones too, by number."""
        self._tracking.catch_up()
        self._register()
        return [item for item in self._projects.all() if _may_read(who, item)]

    def get(self, who: Principal, number: int) -> RegisteredProject:
        """The project with a number.

        Raises:
            NotFound: there is none that the caller may read.
        """
        found = self._projects.get(number)
        if found is None:
            self._register()
            found = self._projects.get(number)
        if found is None or not _may_read(who, found):
            raise NotFound(f"There is no project with the number {number}.")
        return found

    def some(self, who: Principal, numbers: Collection[int]) -> dict[str, RegisteredProject]:
        """Those of some numbers that the caller may read, by the names that runs have for them."""
        found = {}
        for number in numbers:
            with suppress(NotFound):
                item = self.get(who, number)
                found[item.name] = item
        return found

    def find(self, who: Principal, title: str) -> RegisteredProject | None:
        """The project that people call so, deleted or not."""
        found = self._projects.by_title(title)
        if found is None:
            self._tracking.catch_up()
            self._register()
            found = self._projects.by_title(title)
        return found if found is not None and _may_read(who, found) else None

    def named(self, names: Collection[str]) -> dict[str, RegisteredProject]:
        """Projects by the names that runs have for them; each gets its number now if it had none."""
        found = {name: item for name in names if (item := self._projects.by_name(name)) is not None}
        if len(found) < len(set(names)):
            self._register()
            found = {name: item for name in names if (item := self._projects.by_name(name)) is not None}
        return found

    def create(
        self, who: Principal, title: str, location: str = "", tags: Mapping[str, str] | None = None
    ) -> RegisteredProject:
        """Make a project.

        Raises:
            Conflict: one has this title, also a deleted one, or one that the caller may not know of.
        """
        now = time.time_ns() // 1000
        with self._records.transaction():
            self._register()
            number = self._projects.next_number()
            name = name_for(title, number)
            require(who, Permission.WRITE, name)
            if self._projects.by_name(name) is not None:  # that one was given another title
                name = name_for(f"{title} ({number})", number)
            made = RegisteredProject(number, name, title, now, now, 0, location, dict(tags or {}))
            self._projects.put(made)
        return made

    def change(self, who: Principal, number: int, change: ProjectChange) -> RegisteredProject:
        """Change the title or tags of a project, or delete or restore it together with its runs.

        Raises:
            NotFound: there is no such project for the caller.
            Conflict: another one has the title.
            InvalidInput: it is deleted and would get another title, or is (not) deleted already.
        """
        now = time.time_ns() // 1000
        self._tracking.catch_up()
        with self._records.transaction():
            before = self.get(who, number)
            require(who, Permission.WRITE, before.name)
            if change.title is not None and before.deleted_at:
                raise InvalidInput(f"The project {before.title[:200]!r} is deleted; its title cannot change.")
            kept = {key: text for key, text in before.tags.items() if key not in change.tags_removed}
            made = replace(
                before,
                title=before.title if change.title is None else change.title,
                tags={**kept, **change.tags},
                updated_at=now,
            )
            if change.deleted is not None:
                if change.deleted == bool(before.deleted_at):
                    state = "deleted" if change.deleted else "active"
                    raise NotFound(f"The project {before.title[:200]!r} is {state} already.")
                made = replace(made, deleted_at=now if change.deleted else 0)
                self._change_runs(who, before.name, change.deleted)
            self._projects.put(made)
        return made

    def _change_runs(self, who: Principal, name: str, deleted: bool) -> None:
        query = RunQuery(projects=(name,), limit=_AT_ONCE, deleted="active" if deleted else "deleted")
        while found := self._records.runs.select(query).runs:
            for _, _, run in found:
                self._tracking.change(who, run, RunChange(deleted=deleted))

    def _register(self) -> None:
        """Give numbers to the projects that have none."""
        missing = self._projects.unregistered()
        if not missing and self._projects.get(0) is not None:
            return
        with self._records.transaction():
            now = time.time_ns() // 1000
            if self._projects.get(0) is None:
                self._projects.put(RegisteredProject(0, DEFAULT, DEFAULT, now, now))
            for name, began in self._projects.unregistered():
                title = name if self._projects.by_title(name) is None else f"{name} ({self._projects.next_number()})"
                self._projects.put(RegisteredProject(self._projects.next_number(), name, title, began, began))


def _may_read(who: Principal, project: RegisteredProject) -> bool:
    return who.level(project.name) >= Permission.READ or (project.number == 0 and who.everywhere >= Permission.READ)
