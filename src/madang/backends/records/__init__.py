"""The records in SQL: one implementation for SQLite and PostgreSQL (`ports.records`)."""

from __future__ import annotations

from contextlib import AbstractContextManager

from madang.backends.records.database import Database
from madang.backends.records.names import Names
from madang.backends.records.runs import SqlRuns
from madang.backends.records.segments import SqlHistory, SqlSegments
from madang.backends.records.settings import SqlSettings, SqlTokens
from madang.backends.records.sqlite import SqliteDatabase
from madang.backends.records.versions import SqlVersions

__all__ = ["SqlRecords", "open_postgres", "open_sqlite"]


class SqlRecords:
    """`ports.records.Records` over one database."""

    def __init__(self, database: Database) -> None:
        names = Names(database)
        self._db = database
        self.runs = SqlRuns(database, names)
        self.segments = SqlSegments(database, names)
        self.history = SqlHistory(database)
        self.versions = SqlVersions(database)
        self.tokens = SqlTokens(database)
        self.settings = SqlSettings(database)

    def transaction(self) -> AbstractContextManager[None]:
        """Everything this thread does in the block happens together or not at all."""
        return self._db.transaction()

    def close(self) -> None:
        """Give back connections and files."""
        self._db.close()


def open_sqlite(path: str, *, durable: bool) -> SqlRecords:
    """Records in one SQLite file, made when it is missing. ``durable`` (a hub) waits for the disk at each commit."""
    return SqlRecords(SqliteDatabase(path, durable=durable))


def open_postgres(url: str) -> SqlRecords:
    """Records in a PostgreSQL database.

    Raises:
        ConfigError: psycopg is not installed.
        Unavailable: the server does not answer.
    """
    from madang.backends.records.postgres import PostgresDatabase  # noqa: PLC0415 - an extra

    return SqlRecords(PostgresDatabase(url))
