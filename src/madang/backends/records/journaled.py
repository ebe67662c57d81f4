"""Records of a workspace: what is in no segment is also written to ``changes.log``, so that records.db may be lost.

The log is JSON lines, written and synced inside the transaction, just before its commit. What the log has beyond the
place that the records have noted (a crash in between, or records made anew) is taken in by `replaying.replay`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import msgspec

from madang.backends.records.database import Database
from madang.backends.records.names import Names
from madang.backends.records.projects import SqlProjects
from madang.backends.records.runs import SqlRuns
from madang.backends.records.settings import SqlSettings
from madang.backends.records.versions import SqlVersions
from madang.domain.collection_states import Origin
from madang.domain.projects import RegisteredProject
from madang.domain.runs import RunChange
from madang.domain.versions import CollectionChange, Entry, PointerChange, VersionChange, VersionRecord
from madang.formats.journal import from_json
from madang.formats.segment import to_json
from madang.formats.store import refused

_PLACE = "changes"  # the setting that says how much of the log the records have taken in


class ChangeLog:
    """The file. Its writers follow one another because they write inside a transaction of the records."""

    def __init__(self, database: Database, path: str) -> None:
        self._db = database
        self._path = path
        self._settings = SqlSettings(database)

    def note(self, kind: str, body: Mapping[str, Any]) -> None:
        """Write one change at the end of the present transaction."""
        lines = self._db.scratch.setdefault(self, [])
        if not lines:
            self._db.before_commit(lambda: self._write(lines))
        lines.append(msgspec.json.encode({kind: to_json(body)}) + b"\n")

    def _write(self, lines: list[bytes]) -> None:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "ab") as file:
                size = os.fstat(descriptor).st_size
                known = self.place()
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                file.write(b"".join([b"\n" if torn else b"", *lines]))
                file.flush()
                os.fsync(descriptor)
                after = os.fstat(descriptor).st_size
        except OSError as error:
            raise refused(self._path, error) from error
        if size == known:  # else there is something before it that is to be replayed first
            self.set_place(after)

    def place(self) -> int:
        """Up to which byte the records have taken the log in."""
        return int(self._settings.get(_PLACE) or b"0")

    def set_place(self, place: int) -> None:
        """Note it."""
        self._settings.set(_PLACE, str(place).encode())

    def size(self) -> int:
        """How long the log is; 0 when there is none."""
        try:
            return os.stat(self._path).st_size
        except OSError:
            return 0

    def lines(self, place: int, size: int) -> list[dict[str, Any]]:
        """The changes from a place to a size; what is torn or no JSON is passed over."""
        with open(self._path, "rb") as file:
            file.seek(place)
            content = file.read(size - place)
        found = []
        for line in content.split(b"\n"):
            try:
                body = from_json(msgspec.json.decode(line)) if line else None
            except (msgspec.DecodeError, RecursionError):
                continue
            if isinstance(body, dict):
                found.append(body)
        return found


class JournaledRuns(SqlRuns):
    """Runs whose changes from outside are in the log."""

    def __init__(self, database: Database, names: Names, log: ChangeLog) -> None:
        super().__init__(database, names)
        self._log = log

    def describe_project(self, name: str, description: str, at: int) -> None:
        """Set a project's description."""
        with self._db.transaction():
            super().describe_project(name, description, at)
            self._log.note("project", {"name": name, "description": description, "at": at})

    def add_change(self, run: str, change: RunChange, actor: str, at: int, revision: int) -> None:
        """Keep one change from outside."""
        with self._db.transaction():
            super().add_change(run, change, actor, at, revision)
            body = {"run": run, "set": asdict(change), "actor": actor, "at": at, "revision": revision}
            self._log.note("change", body)


class JournaledVersions(SqlVersions):
    """Versions whose numbers, aliases and texts are in the log."""

    def __init__(self, database: Database, log: ChangeLog) -> None:
        super().__init__(database)
        self._log = log

    def add(
        self,
        version: VersionRecord,
        entries: Sequence[Entry],
        origin: tuple[str, int] | None = None,
        first: int = 1,
        *,
        fresh: bool = False,
    ) -> VersionRecord:
        """Commit a version under the next number."""
        with self._db.transaction():
            if origin is not None and self.made_of(origin) is not None:
                return super().add(version, entries, origin, first)
            made = super().add(version, entries, origin, first, fresh=fresh)
            record = asdict(replace(made, aliases=()))  # the moves of aliases have lines of their own
            body = {"record": record, "origin": origin, "first": first}
            files = None if origin else [item.packed() for item in entries]
            self._log.note("version", {**body, "entries": files})
            if version.run not in ("", made.run):
                self._log_writer(made, version.run)
        return made

    def add_writer(self, version: VersionRecord, run: str) -> None:
        """Note that one more run has written a version that is there."""
        with self._db.transaction():
            super().add_writer(version, run)
            self._log_writer(version, run)

    def _log_writer(self, version: VersionRecord, run: str) -> None:
        place = {"project": version.project, "name": version.name, "number": version.number}
        self._log.note("writer", {**place, "run": run})

    def insert(self, version: VersionRecord, entries: Sequence[Entry], first: int = 1) -> None:
        """Commit a version under the number that it has."""
        with self._db.transaction():
            super().insert(version, entries, first)
            files = [item.packed() for item in entries]
            body = {"record": asdict(version), "origin": None, "first": first}
            self._log.note("version", {**body, "entries": files})

    def claim(
        self, project: str, name: str, type: str, at: int, first: int, wanted: Sequence[tuple[int, Origin]]
    ) -> None:
        """Keep numbers for versions that are yet to come."""
        body = {"project": project, "name": name, "type": type, "at": at, "first": first, "wanted": list(wanted)}
        with self._db.transaction():
            super().claim(project, name, type, at, first, wanted)
            self._log.note("claimed", body)

    def adopt(self, version: VersionRecord, entries: Sequence[Entry], origins: Sequence[Origin]) -> VersionRecord:
        """Commit a version of another store, once."""
        with self._db.transaction():
            made = super().adopt(version, entries, origins)
            files = [item.packed() for item in entries]
            self._log.note(
                "adopted",
                {"record": asdict(replace(made, aliases=())), "origins": list(origins), "entries": files},
            )
        return made

    def edit(self, project: str, name: str, number: int, change: VersionChange) -> VersionRecord:
        """Say something else of a version."""
        with self._db.transaction():
            made = super().edit(project, name, number, change)
            self._log.note("edit", {"project": project, "name": name, "number": number, **asdict(change)})
        return made

    def edit_collection(self, project: str, name: str, change: CollectionChange) -> None:
        """Say something else of a collection."""
        with self._db.transaction():
            super().edit_collection(project, name, change)
            self._log.note("collection", {"project": project, "name": name, **asdict(change)})

    def make(self, project: str, name: str, type: str, at: int) -> None:
        """Make a collection without versions."""
        with self._db.transaction():
            super().make(project, name, type, at)
            self._log.note("made", {"project": project, "name": name, "type": type, "at": at})

    def rename(self, project: str, name: str, new: str, at: int) -> None:
        """Give a collection another name."""
        with self._db.transaction():
            super().rename(project, name, new, at)
            self._log.note("renamed", {"project": project, "name": name, "new": new, "at": at})

    def retype(self, project: str, name: str, type: str, at: int) -> None:
        """Give a collection another type."""
        with self._db.transaction():
            super().retype(project, name, type, at)
            self._log.note("retyped", {"project": project, "name": name, "type": type, "at": at})

    def drop(self, project: str, name: str, number: int | None, at: int, actor: str = "") -> None:
        """Take a version or a collection away."""
        with self._db.transaction():
            super().drop(project, name, number, at, actor)
            body = {"project": project, "name": name, "number": number, "at": at, "actor": actor}
            self._log.note("dropped", body)

    def point(self, change: PointerChange, expected: Any = ...) -> PointerChange:
        """Move an alias and write the history."""
        with self._db.transaction():
            made = super().point(change, expected)
            self._log.note("pointer", asdict(made))
        return made


class JournaledProjects(SqlProjects):
    """Projects with their numbers, titles and tags in the log."""

    def __init__(self, database: Database, log: ChangeLog) -> None:
        super().__init__(database)
        self._log = log

    def put(self, project: RegisteredProject) -> None:
        """Keep a project."""
        with self._db.transaction():
            super().put(project)
            self._log.note("registered", asdict(project))
