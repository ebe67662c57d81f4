"""The part of the records that knows projects beside their runs."""

from __future__ import annotations

from typing import Protocol

from madang.domain.projects import RegisteredProject


class ProjectRecords(Protocol):
    """Registered projects. Errors and transactions are as in `ports.records`."""

    def all(self) -> list[RegisteredProject]:
        """All of them, by number."""
        ...

    def get(self, number: int) -> RegisteredProject | None:
        """The project with this number."""
        ...

    def by_title(self, title: str) -> RegisteredProject | None:
        """The project that people call so, deleted or not."""
        ...

    def by_name(self, name: str) -> RegisteredProject | None:
        """The project that runs call so."""
        ...

    def next_number(self) -> int:
        """The number for the next new project; numbers are never given twice."""
        ...

    def put(self, project: RegisteredProject) -> None:
        """Keep a project in place of the one with its name. Raises `Conflict` when its title is another's."""
        ...

    def unregistered(self) -> list[tuple[str, int]]:
        """Projects of runs that have no number yet: name, when the first run began (µs UTC); oldest first."""
        ...
