"""Versions with their manifests, who wrote them, and the blobs that projects hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from madang.backends.records.collections import Line, SqlCollections, pack, unpack
from madang.backends.records.database import Row
from madang.domain.collection_states import Origin
from madang.domain.versions import Entry, PointerChange, VersionChange, VersionRecord
from madang.errors import Conflict, NotFound
from madang.formats.zstd import compress, decompress

_AT_COMMIT = "set with the version"


class SqlVersions(SqlCollections):
    """`ports.versions.VersionRecords`."""

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
            settled = self._origin(origin)
            if settled is not None and settled[0] != version.project:  # whoever claimed it there had no say here
                settled = origin = None
            if settled is not None:  # the collection may have another name by now
                version = replace(version, project=settled[0], name=settled[1])
            line = self._line_for(version, first)
            number = self._latest(line) if settled is None else settled[2]
            there = self._db.row("get_version", collection=line.number, number=number)
            if settled is not None and there is not None and there[1] != version.digest:
                settled = origin = None  # it was claimed for something else
                number = self._latest(line)
                there = self._db.row("get_version", collection=line.number, number=number)
            if settled is None and (fresh or there is None or there[1] != version.digest):
                number, there = line.next, None
            elif settled is not None and there is not None:
                self._put_manifest(version, entries)
                return self._written_by(version.run, line, version, number)
            if there is None:
                self._insert(line, number, version, entries)
            for alias in version.aliases:
                self._move(line, version, alias, number)
            self._touch(version.project)
            place = {"collection": line.number, "number": number}
            if origin is not None and settled is None:
                self._db.run("add_origin", segment=origin[0], sequence=origin[1], **place)
            return self._written_by(version.run, line, version, number)

    def _move(self, line: Line, version: VersionRecord, alias: str, number: int) -> None:
        row = self._db.row("get_alias", collection=line.number, alias=alias)
        if alias != "latest" and (row is None or row[0] != number):
            self.point(
                PointerChange(
                    version.project, version.name, alias, number, None, version.actor, version.created_at, _AT_COMMIT
                )
            )

    def _written_by(self, run: str, line: Line, version: VersionRecord, number: int) -> VersionRecord:
        if run:
            self._db.run("add_writer", run=run, collection=line.number, number=number)
        return self._known(version.project, version.name, number)

    def add_writer(self, version: VersionRecord, run: str) -> None:
        """Note that one more run has written a version that is there."""
        line = self._line(version.project, version.name)
        if line is None or self._db.row("get_version", collection=line.number, number=version.number) is None:
            raise NotFound(f"There is no {version.ref!r} in project {version.project!r}.")
        self._db.run("add_writer", run=run, collection=line.number, number=version.number)
        self._touch(version.project)

    def _origin(self, origin: tuple[str, int] | None) -> tuple[str, str, int] | None:
        """The project, name and number of the version that was made of an event."""
        row = self._db.row("version_by_origin", segment=origin[0], sequence=origin[1]) if origin else None
        return (str(row[0]), str(row[1]), int(row[2])) if row else None

    def made_of(self, origin: tuple[str, int]) -> VersionRecord | None:
        """The version that was made of an event, if it is there."""
        row = self._db.row("version_by_origin", segment=origin[0], sequence=origin[1])
        return self.get(row[0], row[1], int(row[2])) if row else None

    def reserve(self, version: VersionRecord, origin: tuple[str, int], first: int) -> None:
        """Put a version back that an event of a segment has made; its list of files comes with the event."""
        with self._db.transaction():
            line = self._line_for(version, first)
            if self._origin(origin) is None:
                self._db.run(
                    "add_origin",
                    segment=origin[0],
                    sequence=origin[1],
                    collection=line.number,
                    number=version.number,
                )
                if self._db.row("get_version", collection=line.number, number=version.number) is None:
                    self._insert_row(line, version.number, version)

    def insert(self, version: VersionRecord, entries: Sequence[Entry], first: int = 1) -> None:
        """Commit a version under the number that it has."""
        with self._db.transaction():
            line = self._line_for(version, first)
            if self._db.row("version_number", collection=line.number, number=version.number):
                raise Conflict(f"The number {version.number} of {version.name!r} was given before.")
            self._insert(line, version.number, version, entries)
            self._touch(version.project)
            if version.run:
                self._db.run("add_writer", run=version.run, collection=line.number, number=version.number)

    def claim(
        self, project: str, name: str, type: str, at: int, first: int, wanted: Sequence[tuple[int, Origin]]
    ) -> None:
        """Keep numbers for versions that are yet to come."""
        with self._db.transaction():
            line = self._line_for(VersionRecord(project, name, type, 0, "", 0, 0, at), first)
            for number, origin in sorted(wanted):
                if self.placed(origin) is None:
                    self._db.run(
                        "add_origin", segment=origin[0], sequence=origin[1], collection=line.number, number=number
                    )
            free = max((number + 1 for number, _ in wanted), default=line.next)
            self._db.run("advance_collection", number=line.number, next=free)
            self._touch(project)

    def next_number(self, project: str, name: str) -> int:
        """The lowest number that was never given."""
        line = self._line(project, name)
        return line.next if line else 0

    def adopt(self, version: VersionRecord, entries: Sequence[Entry], origins: Sequence[Origin]) -> VersionRecord:
        """Commit a version of another store, once."""
        with self._db.transaction():
            line = self._line_for(version, 1)
            known = next((found for origin in origins if (found := self.placed(origin))), None)
            if known is not None and known[:2] != (version.project, version.name):
                raise Conflict(
                    f"This version of {version.name!r} is {known[1]}:v{known[2]} of {known[0]!r} here.",
                    hint="Rename one of them so that it has the same name in both stores, and sync again.",
                )
            number = known[2] if known else max(version.number, line.next)
            there = self._db.row("get_version", collection=line.number, number=number)
            if there is not None and there[1] != version.digest:
                raise Conflict(f"The number {number} of {version.name!r} is that of another version.")
            if self._db.row("version_number", collection=line.number, number=number) is None:
                self._insert(line, number, version, entries)
            for origin in origins:
                if self.placed(origin) is None:
                    place = {"collection": line.number, "number": number}
                    self._db.run("add_origin", segment=origin[0], sequence=origin[1], **place)
            self._touch(version.project)
            return self._written_by(version.run, line, version, number)

    def origins(self, project: str) -> dict[tuple[str, int], list[Origin]]:
        """What the versions of a project were made of."""
        found: dict[tuple[str, int], list[Origin]] = {}
        for name, number, segment, sequence in self._db.rows("origins_of_project", project=project):
            found.setdefault((str(name), int(number)), []).append((str(segment), int(sequence)))
        return found

    def placed(self, origin: Origin) -> tuple[str, str, int] | None:
        """Where what was made of an origin is, or is to be."""
        return self._origin(origin)

    def _line_for(self, version: VersionRecord, first: int) -> Line:
        line = self._line(version.project, version.name)
        if line is None:
            made = self._db.row(
                "add_collection",
                project=version.project,
                name=version.name,
                type=version.type,
                first=first,
                created_at=version.created_at,
                tags=pack({}),
            )
            assert made is not None
            return Line(int(made[0]), version.type, first, first, version.created_at, "", {})
        if line.type != version.type:
            raise Conflict(
                f"The artifact {version.name!r} holds versions of type {line.type}, not {version.type}.",
                hint="Choose another name.",
            )
        return line

    def _insert(self, line: Line, number: int, version: VersionRecord, entries: Sequence[Entry]) -> None:
        counted = replace(version, size=sum(item.size for item in entries), files=len(entries))
        self._insert_row(line, number, counted)
        self._put_manifest(version, entries)

    def _insert_row(self, line: Line, number: int, version: VersionRecord) -> None:
        self._db.run(
            "add_version",
            collection=line.number,
            number=number,
            digest=version.digest,
            size=version.size,
            files=version.files,
            created_at=version.created_at,
            run=version.run,
            actor=version.actor,
            description=version.description,
            metadata=pack(version.metadata),
            tags=pack(version.tags),
        )
        self._db.run("advance_collection", number=line.number, next=number + 1)

    def _put_manifest(self, version: VersionRecord, entries: Sequence[Entry]) -> None:
        listed = [item.packed() for item in sorted(entries, key=lambda item: item.path)]
        self._db.run(
            "put_manifest",
            project=version.project,
            digest=version.digest,
            entries=compress(msgspec.msgpack.encode(listed)),
        )

    def _known(self, project: str, name: str, number: int) -> VersionRecord:
        found = self.get(project, name, number)
        assert found is not None
        return found

    def get(self, project: str, name: str, number: int | None = None, alias: str = "") -> VersionRecord | None:
        """A version by number or alias."""
        line = self._line(project, name)
        if line is None:
            return None
        latest = self._latest(line)
        if number is None and alias in ("", "latest"):
            number = latest
        elif number is None:
            row = self._db.row("get_alias", collection=line.number, alias=alias)
            number = int(row[0]) if row else -1
        row = self._db.row("get_version", collection=line.number, number=number)
        return _version(project, name, line, row, self._aliases(line.number), latest) if row else None

    def versions(self, project: str, name: str) -> list[VersionRecord]:
        """All versions, newest first."""
        line = self._line(project, name)
        if line is None:
            return []
        aliases, latest = self._aliases(line.number), self._latest(line)
        rows = self._db.rows("versions_of_collection", collection=line.number)
        return [_version(project, name, line, row, aliases, latest) for row in rows]

    def of_runs(self, runs: Sequence[str]) -> dict[str, list[str]]:
        """Names of the versions that runs wrote, by run."""
        found: dict[str, list[str]] = {}
        for run, name, number in self._db.rows("versions_of_runs", runs=list(runs)):
            found.setdefault(run, []).append(f"{name}:v{number}")
        return found

    def written(self, run: str) -> list[VersionRecord]:
        """The versions that a run wrote."""
        rows = self._db.rows("versions_written", run=run)
        return [found for project, name, number in rows if (found := self.get(project, name, int(number))) is not None]

    def entries(self, project: str, digest: str) -> list[Entry]:
        """The manifest with this digest."""
        row = self._db.row("get_manifest", project=project, digest=digest)
        if row is None:
            return []
        listed = msgspec.msgpack.decode(decompress(bytes(row[0])), type=list[list[Any]])
        return [Entry(*item) for item in listed]

    def hold_blobs(self, project: str, digests: Iterable[str]) -> None:
        """Note that a project's runs or versions hold these blobs."""
        with self._db.transaction():
            self._db.many("hold_blob", [{"project": project, "digest": digest} for digest in sorted(set(digests))])

    def holds_blob(self, project: str, digest: str) -> bool:
        """Whether any version or run of the project holds a blob."""
        return self._db.row("holds_blob", project=project, digest=digest) is not None

    def edit(self, project: str, name: str, number: int, change: VersionChange) -> VersionRecord:
        """Say something else of a version."""
        with self._db.transaction():
            line = self._needed(project, name)
            found = self.get(project, name, number)
            if found is None:
                raise NotFound(f"There is no version v{number} of {name!r} in project {project!r}.")
            made = replace(
                found,
                description=found.description if change.description is None else change.description,
                metadata=found.metadata if change.metadata is None else dict(change.metadata),
                tags=found.tags if change.tags is None else dict(change.tags),
            )
            self._touch(project)
            self._db.run(
                "edit_version",
                collection=line.number,
                number=number,
                description=made.description,
                metadata=pack(made.metadata),
                tags=pack(made.tags),
            )
            if change.at:
                self._db.run("touch_version", collection=line.number, number=number, at=change.at)
        return made

    def drop(self, project: str, name: str, number: int | None, at: int, actor: str = "") -> None:
        """Take a version away, or with None the whole collection, whose name is free then."""
        with self._db.transaction():
            line = self._needed(project, name)
            if number is None:
                self._db.run("drop_collection", number=line.number, name=f"{name}\n{line.number}", at=at)
            else:
                if self._db.row("get_version", collection=line.number, number=number) is None:
                    raise NotFound(f"There is no version v{number} of {name!r}.")
                for alias in [alias for alias, target in self._aliases(line.number).items() if target == number]:
                    SqlVersions.point(
                        self, PointerChange(project, name, alias, None, None, actor, at, "version deleted")
                    )
                self._db.run("drop_version", collection=line.number, number=number, at=at)
                self._db.run("touch_collection", number=line.number, at=at)
            self._touch(project)


def _version(project: str, name: str, line: Line, row: Row, aliases: dict[str, int], latest: int) -> VersionRecord:
    number, digest, size, files, created_at, run, actor, description, metadata, tags, updated_at = row
    named = [alias for alias, target in aliases.items() if target == number]
    if number == latest:
        named.append("latest")
    return VersionRecord(
        project,
        name,
        line.type,
        number,
        digest,
        size,
        files,
        created_at,
        run,
        tuple(sorted(named)),
        description,
        unpack(metadata),
        unpack(tags),
        actor,
        updated_at,
    )
