"""The objects of data remotes."""

from __future__ import annotations

from collections.abc import Sequence

from madang.backends.records.database import Database, Row
from madang.ports.data_objects import DataObject

_PORTION = 2000  # keys in one statement
_LAST = "\U0010ffff"  # greater than every sign of a key


class SqlDataObjects:
    """`ports.data_objects.DataObjects`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def find(self, project: str, keys: Sequence[str]) -> dict[str, DataObject]:
        """Those of the keys that the project has."""
        found: dict[str, DataObject] = {}
        for start in range(0, len(keys), _PORTION):
            rows = self._db.rows("find_data_objects", project=project, keys=list(keys[start : start + _PORTION]))
            found.update((row[0], _object(row)) for row in rows)
        return found

    def add(self, project: str, objects: Sequence[DataObject]) -> list[DataObject]:
        """Note objects, all or none."""
        with self._db.transaction():
            known = self.find(project, [item.key for item in objects])
            others = [
                known[item.key] for item in objects if item.key in known and known[item.key].digest != item.digest
            ]
            if others:
                return others
            new = {item.key: item for item in objects if item.key not in known}
            self._db.many(
                "add_data_object",
                [
                    {
                        "project": project,
                        "key": item.key,
                        "digest": bytes.fromhex(item.digest.removeprefix("blake3:")),
                        "size": item.size,
                        "created_at": item.created_at,
                        "actor": item.actor,
                    }
                    for item in new.values()
                ],
            )
        return []

    def projects(self) -> Sequence[str]:
        """Projects by name."""
        return [str(row[0]) for row in self._db.rows("data_projects")]

    def list(self, project: str, prefix: str, after: str, limit: int) -> list[DataObject]:
        """Objects by key."""
        rows = self._db.rows(
            "list_data_objects", project=project, first=prefix, last=prefix + _LAST, after=after, limit=limit
        )
        return [_object(row) for row in rows]

    def remove(self, project: str, keys: Sequence[str]) -> None:
        """Forget objects."""
        for start in range(0, len(keys), _PORTION):
            self._db.run("remove_data_objects", project=project, keys=list(keys[start : start + _PORTION]))


def _object(row: Row) -> DataObject:
    key, digest, size, created_at, actor = row
    return DataObject(key, f"blake3:{bytes(digest).hex()}", size, created_at, actor)
