"""PostgreSQL: the database of a hub with many writers or replicas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from madang.backends.records.database import MOMENT, Database, migrate
from madang.errors import ConfigError, StorageError, Unavailable
from madang.ports.records import WouldWait

try:
    import psycopg
except ImportError as _missing:
    raise ConfigError(
        "A PostgreSQL database needs the package psycopg.", hint="Install it: pip install 'madang[hub]'."
    ) from _missing

_PLACEHOLDER = re.compile(r"(?<![:\w]):([a-z]\w*)")
_TURN = "SELECT revision FROM clock WHERE id = 1 FOR UPDATE"
_LOCK = 7_320_418_207  # of the advisory lock around migrations; any number that nothing else uses


class PostgresDatabase(Database):
    """A database by its URL. Writers take the row of the clock first, so that they follow one another as in SQLite."""

    dialect = "postgres"
    driver_error = psycopg.Error

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._migrating = True
        connection = self._take()
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
            migrate(self)
        except psycopg.Error as error:
            raise self._refusal(error) from error
        finally:
            connection.close()  # and with it the lock
        self._migrating = False

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=10)

    def _begin(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("BEGIN")
        if self.is_brief:
            self._take_turn(connection)
        elif not self._migrating:
            connection.execute(_TURN)

    def _take_turn(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(f"SET LOCAL lock_timeout = {MOMENT}")
        try:
            connection.execute(_TURN)
        except psycopg.errors.LockNotAvailable as error:
            connection.execute("ROLLBACK")
            raise WouldWait from error
        connection.execute("SET LOCAL lock_timeout TO DEFAULT")

    def _usable(self, connection: psycopg.Connection[Any]) -> bool:
        return not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    def _refusal(self, error: Exception) -> Exception:
        if isinstance(error, psycopg.errors.DiskFull | psycopg.errors.ReadOnlySqlTransaction):
            return StorageError(f"The database refused: {error}.", hint="Free space on the database server.")
        if isinstance(error, psycopg.OperationalError):
            said = " ".join(str(error).split()).rstrip(".?")
            return Unavailable(
                f"The database does not answer: {said}.", hint="Check its address, and that PostgreSQL runs."
            )
        return error

    def _roll_back(self, connection: psycopg.Connection[Any]) -> None:
        if not connection.closed:
            super()._roll_back(connection)

    def translate(self, statement: str) -> str:
        """Named placeholders in the driver's style."""
        return _PLACEHOLDER.sub(r"%(\1)s", statement.replace("%", "%%"))

    def _values(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: _without_nul(value) for name, value in values.items()}


def _without_nul(value: Any) -> Any:
    """PostgreSQL cannot hold U+0000 in a text; names of metrics, which must come back exactly, are escaped before."""
    if type(value) is str:
        return value.replace("\x00", "␀") if "\x00" in value else value
    if type(value) is list:
        return [_without_nul(item) for item in value]
    return value
