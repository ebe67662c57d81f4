"""What was taken away: rows stay, marked, and a collection leaves its name to others."""

from __future__ import annotations

from itertools import groupby

import msgspec

from madang.backends.records.database import Database, Row
from madang.domain.collection_states import DroppedCollection, DroppedVersion, Origin, heard_of, is_of_collection
from madang.domain.reviews import ModelChange
from madang.domain.versions import PointerChange
from madang.formats.learning import learnt


class SqlTombstones:
    """`ports.tombstones.Tombstones`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of_name(self, project: str, name: str) -> list[DroppedVersion]:
        """The versions that were taken away from what has a name, and all of what had it before."""
        rows = self._db.rows("dropped_of_name", project=project, name=name, lead=f"{name}\n")
        return [
            one for collection, some in groupby(rows, lambda row: int(row[0])) for one in self._of(collection, [*some])
        ]

    def _of(self, collection: int, rows: list[Row]) -> list[DroppedVersion]:
        moves = [PointerChange("", "", *row) for row in self._db.rows("pointer_changes", collection=collection)]
        notes = self._notes(collection)
        origins: dict[int, list[Origin]] = {}
        for number, segment, sequence in self._db.rows("origins_of_collection", collection=collection):
            origins.setdefault(int(number), []).append((str(segment), int(sequence)))
        return [
            DroppedVersion(
                0 if gone_at else number, digest, created_at, dropped_at or gone_at, tuple(origins.get(number, ())),
                tuple(heard_of(number, moves, notes)),
            )
            for _, gone_at, number, digest, created_at, dropped_at in rows
        ]  # fmt: skip

    def _notes(self, collection: int) -> list[ModelChange]:
        rows = self._db.rows("collection_changes", collection=collection)
        return [msgspec.msgpack.decode(bytes(row[0]), type=learnt(ModelChange)) for row in rows]

    def collections(self, project: str) -> list[DroppedCollection]:
        """The collections that were taken away and whose name is free, each name once: the last that had it."""
        found: dict[str, DroppedCollection] = {}
        for known, type_, created_at, dropped_at in self._db.rows("dropped_collections", project=project):
            name, _, number = str(known).rpartition("\n")
            notes = tuple(one for one in self._notes(int(number)) if is_of_collection(one))
            found[name] = DroppedCollection(project, name, type_, created_at, dropped_at, notes)
        return [one for name, one in found.items() if not self._db.row("get_collection", project=project, name=name)]
