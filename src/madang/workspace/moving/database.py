"""A foreign database, opened so that nothing can be written to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from madang.errors import ConfigError, CorruptData, NotFound, Unavailable

_PATIENCE = 30.0  # seconds for which another process may hold the database
_MAGIC = b"SQLite format 3\x00"


class Database(Protocol):
    """What is asked of a database. Every method raises `Unavailable` when it does not answer (any more)."""

    mark: str
    """The sign that stands for a value in a statement."""

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """The rows of a SELECT, read in a transaction of its own."""
        ...

    def tables(self) -> list[str]:
        """The names of the tables."""
        ...

    def columns(self, table: str) -> frozenset[str]:
        """The names of a table's columns."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class SqliteDatabase:
    """A SQLite file, also one that a server is writing (in either journal mode)."""

    mark = "?"

    def __init__(self, path: str) -> None:
        """Open a file.

        Raises:
            NotFound: there is none.
            CorruptData: it is no SQLite database.
            Unavailable: it cannot be read.
        """
        self._path = path
        if not os.path.isfile(path):
            raise NotFound(f"There is no database {path}.")
        if not is_sqlite(path):
            raise CorruptData(f"{path} is no SQLite database.")
        self._connection = self._open("mode=ro")
        try:
            self.tables()
        except Unavailable as error:
            # Beside a database in WAL mode SQLite wants to make a file; where it may not, nobody writes it now.
            is_waiting = os.path.exists(f"{path}-wal") and os.path.getsize(f"{path}-wal")
            if is_waiting or "locked" in error.message:
                raise
            self._connection.close()
            self._connection = self._open("mode=ro&immutable=1")

    def _open(self, options: str) -> sqlite3.Connection:
        address = f"file:{quote(os.path.abspath(self._path))}?{options}"
        try:
            made = sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)
        except sqlite3.Error as error:
            raise Unavailable(f"{self._path} cannot be opened: {error}.") from error
        made.text_factory = lambda data: data.decode("utf-8", "replace")
        return made

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """See `Database.rows`."""
        try:
            return self._connection.execute(statement, tuple(values)).fetchall()
        except sqlite3.DatabaseError as error:
            if "malformed" in str(error) or "not a database" in str(error):
                raise CorruptData(f"{self._path} is damaged: {error}.", hint="Try `sqlite3 FILE .recover`.") from error
            hint = "Another process holds it: run this again." if "locked" in str(error) else ""
            raise Unavailable(f"{self._path} cannot be read: {error}.", hint=hint) from error

    def tables(self) -> list[str]:
        """See `Database.tables`."""
        found = self.rows("SELECT name FROM sqlite_master WHERE type = 'table'", ())
        return [name for (name,) in found if not name.startswith("sqlite_")]

    def columns(self, table: str) -> frozenset[str]:
        """See `Database.columns`."""
        return frozenset(name for (name,) in self.rows("SELECT name FROM pragma_table_info(?)", (table,)))

    def close(self) -> None:
        """See `Database.close`."""
        self._connection.close()


class PostgresDatabase:
    """A database of a PostgreSQL server."""

    mark = "%s"

    def __init__(self, url: str) -> None:
        """Connect.

        Raises:
            ConfigError: the driver is not installed.
            Unavailable: the server does not answer.
        """
        try:
            import psycopg  # noqa: PLC0415 - only where it is needed; it may not be installed
        except ImportError:
            raise ConfigError("PostgreSQL needs a package.", hint="pip install 'madang[hub]'") from None
        self._error = psycopg.Error
        self._name = without_password(url)
        scheme, _, rest = url.partition("://")
        try:
            self._connection = psycopg.connect(f"{scheme.partition('+')[0]}://{rest}", autocommit=True)
            self._connection.execute("SET default_transaction_read_only = on")
        except psycopg.Error as error:
            said = " ".join(str(error).split()).rstrip(".?")
            raise Unavailable(
                f"{self._name} does not answer: {said}.", hint="Check the address, and that the database runs."
            ) from error

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """See `Database.rows`."""
        try:
            return self._connection.execute(statement.encode(), tuple(values) or None).fetchall()
        except self._error as error:
            raise Unavailable(f"{self._name} cannot be read: {error}.") from error

    def tables(self) -> list[str]:
        """See `Database.tables`."""
        found = self.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'", ())
        return [name for (name,) in found]

    def columns(self, table: str) -> frozenset[str]:
        """See `Database.columns`."""
        where = "table_schema = 'public' AND table_name = %s"
        found = self.rows(f"SELECT column_name FROM information_schema.columns WHERE {where}", (table,))  # noqa: S608 - no text of others is in it
        return frozenset(name for (name,) in found)

    def close(self) -> None:
        """See `Database.close`."""
        with suppress(self._error):
            self._connection.close()


def is_sqlite(path: str) -> bool:
    """Whether a file begins as a SQLite database does; an empty one is an empty database."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_MAGIC)) in (_MAGIC, b"")
    except OSError:
        return False


def sqlite_path(url: str) -> str:
    """The file that a URL of SQLAlchemy's means: three slashes before a relative path, four before an absolute one."""
    path = unquote(urlsplit(url).path)
    return path[1:] if path.startswith("/") else path


def without_password(url: str) -> str:
    """An address that may be shown."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = (parts.username or "") + "@" if parts.username else ""
    return f"{parts.scheme}://{user}{host}{parts.path}"
