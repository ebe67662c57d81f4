"""Scorers of MLflow: texts with versions, kept as artifacts of a type of their own. Nothing here ever runs one."""

from __future__ import annotations

import time
from urllib.parse import quote

from madang.domain.access import Permission, Principal, require
from madang.domain.values import value
from madang.domain.versions import VersionRecord, check_name
from madang.errors import NotFound
from madang.formats.manifest import manifest_digest
from madang.ports.records import Records

TYPE = "scorer"
_TEXT, _NAME = "serialized", "name"


@value
class Scorer:
    """One version of a scorer; ``id`` is the same for all of them."""

    id: str
    name: str
    version: int
    text: str
    created_at: int  # µs UTC


class Scorers:
    """Thread-safe."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def register(self, who: Principal, project: str, name: str, text: str) -> Scorer:
        """Keep a scorer as the next version of its name.

        Raises:
            InvalidInput: the name is too long. Conflict: something else has it.
        """
        require(who, Permission.WRITE, project)
        made = VersionRecord(
            project=project,
            name=_place(name),
            type=TYPE,
            number=0,
            digest=manifest_digest([]),
            size=0,
            files=0,
            created_at=time.time_ns() // 1000,
            metadata={_NAME: name, _TEXT: text},
            actor=who.name,
        )
        with self._records.transaction():
            return self._scorer(self._records.versions.add(made, [], fresh=True))

    def latest(self, who: Principal, project: str) -> list[Scorer]:
        """The newest version of each scorer of a project, by name."""
        require(who, Permission.READ, project)
        rows = self._records.versions.collections(project, TYPE)
        found = [self._records.versions.get(project, row.name) for row in rows if row.versions]
        return sorted((self._scorer(item) for item in found if item is not None), key=lambda item: item.name)

    def versions(self, who: Principal, project: str, name: str) -> list[Scorer]:
        """All versions of a scorer, oldest first. Raises `NotFound`."""
        require(who, Permission.READ, project)
        found = [item for item in self._records.versions.versions(project, _place(name)) if item.type == TYPE]
        if not found:
            raise NotFound(f"There is no scorer {name[:200]!r} in project {project!r}.")
        return [self._scorer(item) for item in reversed(found)]

    def get(self, who: Principal, project: str, name: str, version: int | None = None) -> Scorer:
        """One version, or the newest. Raises `NotFound`."""
        found = self.versions(who, project, name)
        if version is None:
            return found[-1]
        for item in found:
            if item.version == version:
                return item
        raise NotFound(f"There is no version {version} of scorer {name[:200]!r} in project {project!r}.")

    def delete(self, who: Principal, project: str, name: str, version: int | None = None) -> None:
        """Take one version away, or all. Raises `NotFound`."""
        require(who, Permission.WRITE, project)
        with self._records.transaction():
            self.get(who, project, name, version)
            self._records.versions.drop(project, _place(name), version, time.time_ns() // 1000, who.name)

    def _scorer(self, version: VersionRecord) -> Scorer:
        row = self._records.versions.collection(version.project, version.name)
        assert row is not None
        told = version.metadata
        name, text = str(told.get(_NAME, version.name)), str(told.get(_TEXT, ""))
        return Scorer(f"s-{row.id}", name, version.number, text, version.created_at)


def _place(name: str) -> str:
    """The name of the artifact: that of a scorer may have any sign."""
    return check_name(f"scorers/{quote(name, safe='')}")
