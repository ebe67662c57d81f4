"""SQLite: the embedded database of a workspace, and of a hub on one machine."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from madang.backends.records.database import Database, migrate
from madang.errors import CorruptData, Incompatible, MadangError, StorageError, Unavailable

_ANY = re.compile(r"= ANY\((:\w+)\)")


class SqliteDatabase(Database):
    """One file in WAL mode.

    ``durable`` waits for the disk at each commit, so that what was acknowledged survives a power failure; without it
    the last commits may be lost then (never torn), which is right where the segments are the truth.
    """

    dialect = "sqlite"
    driver_error = sqlite3.DatabaseError

    def __init__(self, path: str, *, durable: bool) -> None:
        super().__init__()
        self.path = path
        self._durable = durable
        self._called = f"database {os.path.basename(path)}" if durable else f"index {path}"
        self.rows("PRAGMA journal_mode = WAL")
        self.run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        migrate(self)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
        connection.execute("PRAGMA cache_size = -8000")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA mmap_size = 1073741824")
        connection.create_function("folded", 1, _folded, deterministic=True)
        return connection

    def _begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")

    def _refusal(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.OperationalError):
            return self._refused(error)
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.DataError):
            return error
        return CorruptData(
            f"The {self._called} is damaged: {error}.",
            hint="Stop the hub and bring the database back from a backup: nothing else holds what is in it."
            if self._durable
            else "Move it away; it is rebuilt from the segments beside it.",
        )

    def _refused(self, error: sqlite3.OperationalError) -> MadangError:
        text = str(error)
        if "locked" in text or "busy" in text:
            return Unavailable(f"The {self._called} is in use by another process.", hint="Try again.")
        if "no such" in text or "syntax" in text:
            return Incompatible(f"The {self._called} does not have the expected tables: {text}.")
        return StorageError(
            f"Cannot use the {self._called}: {text}.",
            hint="Free space, fix the permissions, or point MADANG_DIR at a folder that can be written.",
        )

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:  # a full disk may have rolled it back already
            super()._roll_back(connection)

    def translate(self, statement: str) -> str:
        """Arrays become JSON."""
        return _ANY.sub(r"IN (SELECT value FROM json_each(\1))", statement)

    def _values(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        if list not in map(type, values.values()):
            return values
        return {name: json.dumps(value) if type(value) is list else value for name, value in values.items()}


def _folded(text: Any) -> Any:
    return text.casefold() if isinstance(text, str) else text
