"""PostgreSQL: the database of a hub with many writers or replicas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from madang.backends.records.database import Database, migrate
from madang.errors import ConfigError, StorageError, Unavailable

try:
    import psycopg
except ImportError as _missing:
    raise ConfigError(
        "A PostgreSQL database needs the package psycopg.", hint="Install it: pip install 'madang[hub]'."
    ) from _missing

_PLACEHOLDER = re.compile(r"(?<![:\w]):([a-z]\w*)")
_LOCK = 7_320_418_207  # of the advisory lock around migrations; any number that nothing else uses


class PostgresDatabase(Database):
    """A database by its URL. Writers take the row of the clock first, so that they follow one another as in SQLite."""

    dialect = "postgres"

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._migrating = True
        with self._connection() as connection, self._errors():
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            try:
                connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
                migrate(self)
            finally:
                connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
        self._migrating = False

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=10)

    def _begin(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("BEGIN")
        if not self._migrating:
            connection.execute("SELECT revision FROM clock WHERE id = 1 FOR UPDATE")

    def _usable(self, connection: psycopg.Connection[Any]) -> bool:
        return not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.errors.DiskFull, psycopg.errors.ReadOnlySqlTransaction) as error:
            raise StorageError(f"The database refused: {error}.", hint="Free space on the database server.") from error
        except psycopg.OperationalError as error:
            raise Unavailable(f"The database does not answer: {error}.", hint="Is PostgreSQL running?") from error

    def _roll_back(self, connection: psycopg.Connection[Any]) -> None:
        if not connection.closed:
            super()._roll_back(connection)

    def translate(self, statement: str) -> str:
        """Named placeholders in the driver's style."""
        return _PLACEHOLDER.sub(r"%(\1)s", statement.replace("%", "%%"))

    def _values(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def many(self, statement: str, values: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement once for each set of values."""
        with self._connection() as connection, self._errors():
            connection.cursor().executemany(self._statement(statement), list(values))
