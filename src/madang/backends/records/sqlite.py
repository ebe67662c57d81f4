"""SQLite: the embedded database of a workspace, and of a hub on one machine."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from madang.backends.records.damage import Identity, identity, locked, set_aside
from madang.backends.records.database import MOMENT, Database, migrate
from madang.errors import CorruptData, Incompatible, MadangError, StorageError, Unavailable
from madang.formats.store import refused
from madang.ports.records import WouldWait

_MEMBER = "IN (SELECT value FROM json_each("
_PATIENCE = 30.0  # seconds to wait for other processes
_PAUSE = 0.01
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteDatabase(Database):
    """One file in WAL mode.

    ``durable`` waits for the disk at each commit, so that what was acknowledged survives a power failure; without it
    the last commits may be lost then (never torn), which is right where the segments are the truth.

    With ``on_damage`` the file is only an index of other files: when it is damaged it is moved aside and made anew,
    empty, and ``on_damage`` is told. Damage found later, in the middle of the work, ends this object: open it again.
    """

    dialect = "sqlite"
    driver_error = sqlite3.DatabaseError

    def __init__(self, path: str, *, durable: bool, on_damage: Callable[[str], None] | None = None) -> None:
        super().__init__()
        self.path = path
        self._durable = durable
        self._called = f"database {os.path.basename(path)}" if durable else f"index {path}"
        self._on_damage = on_damage
        self._file: Identity | None = None
        self._lost = False  # the file was moved aside, by us or by another process
        try:
            self._prepare()
        except CorruptData:
            if on_damage is None:
                raise
            self._file, self._lost = None, False
            self._prepare()

    def _prepare(self) -> None:
        self._write_ahead()
        self.run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        migrate(self)

    def _write_ahead(self) -> None:
        """Switch to WAL mode. With this statement alone SQLite waits for nobody who makes the file at the same time."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                self.rows("PRAGMA journal_mode = WAL")
                return
            except Unavailable:
                if time.monotonic() > until:
                    raise
            time.sleep(_PAUSE)

    def _connect(self) -> sqlite3.Connection:
        if self._on_damage is None:
            return self._connected()
        with locked(self.path, alone=False):
            present = identity(self.path)
            self._lost = self._lost or (self._file is not None and present != self._file)
            if self._lost:
                raise self._damaged("it was moved aside")
            self._file = present
            connection = self._connected()
            self._file = identity(self.path)
            return connection

    @contextmanager
    def without_waiting(self) -> Iterator[None]:
        """In the block this thread waits for no lock of the file."""
        self._mine.hasty = True
        try:
            yield
            if self.presumes_open and self.row("any_token") is not None:
                raise WouldWait  # for who asks in the usual way
        finally:
            self._mine.hasty = self.presumes_open = False

    def _connected(self) -> sqlite3.Connection:
        wait = 0 if self.is_hasty else _PATIENCE
        connection = sqlite3.connect(self.path, timeout=wait, isolation_level=None, check_same_thread=False)
        try:
            return self._configured(connection)
        except sqlite3.Error:
            connection.close()
            raise

    def _configured(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
        connection.execute("PRAGMA cache_size = -8000")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA mmap_size = 1073741824")
        if self._durable:  # a hub, where much is written that waits and is deleted soon
            connection.execute("PRAGMA secure_delete = FAST")  # some builds write zeros over all pages that become free
        connection.create_function("folded", 1, _folded, deterministic=True)
        connection.create_function("matches", 2, _matches, deterministic=True)
        return connection

    def make_durable(self) -> None:
        """Wait for the disk: without ``durable`` a commit is only in the file system's memory."""
        for ending in ("", "-wal"):
            try:
                descriptor = os.open(self.path + ending, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                os.fsync(descriptor)
            except OSError as error:
                raise refused(self.path, error) from error
            finally:
                os.close(descriptor)

    def _begin(self, connection: sqlite3.Connection) -> None:
        if not self.is_brief:
            connection.execute("BEGIN IMMEDIATE")
            return
        connection.execute(f"PRAGMA busy_timeout = {MOMENT}")
        try:
            connection.execute("BEGIN IMMEDIATE")
        finally:
            connection.execute(f"PRAGMA busy_timeout = {_PATIENCE * 1000:.0f}")

    def run_alone(self, statement: str, /, **values: Any) -> int:
        """A single statement that writes has the file to itself, and is committed with it."""
        return self.run(statement, **values)

    def _refusal(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.OperationalError):
            is_taken = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            return WouldWait() if is_taken and (self.is_hasty or self.is_brief) else self._refused(error)
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.DataError):
            return error
        if self._on_damage is not None and getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            aside = set_aside(self.path, self._file)
            self._lost = True
            if aside:
                self._on_damage(f"The index {self.path} was damaged. It is kept as {aside}; a new one is made.")
        return self._damaged(str(error))

    def _damaged(self, what: str) -> CorruptData:
        hint = "Move it away; it is rebuilt from the segments beside it."
        if self._durable:
            hint = "Stop the hub and bring the database back from a backup: nothing else holds what is in it."
        elif self._on_damage is not None:
            hint = "Start again: a new index is made from what runs wrote."
        return CorruptData(f"The {self._called} is damaged: {what}.", hint=hint)

    def _usable(self, connection: Any) -> bool:
        return not self._lost

    def _refused(self, error: sqlite3.OperationalError) -> MadangError:
        text = str(error)
        if "locked" in text or "busy" in text:
            return Unavailable(f"The {self._called} is in use by another process.", hint="Try again.")
        if "no such" in text or "syntax" in text:
            return Incompatible(f"The {self._called} does not have the expected tables: {text}.")
        return StorageError(
            f"Cannot use the {self._called}: {text}.",
            hint="Free space, fix the permissions, or name another folder (MADANG_DIR; --store of a hub).",
        )

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:  # a full disk may have rolled it back already
            super()._roll_back(connection)

    def translate(self, statement: str) -> str:
        """Arrays become JSON."""
        first, *rest = statement.split("= ANY(")
        return first + "".join(_MEMBER + part.replace(")", "))", 1) for part in rest)

    def _values(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        if list not in map(type, values.values()):
            return values
        return {name: json.dumps(value) if type(value) is list else value for name, value in values.items()}

    def _each(self, values: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
        return values  # only lists are translated


def _matches(pattern: str, text: Any) -> Any:
    from madang.formats.regex import compiled  # noqa: PLC0415 - few searches have a pattern

    return compiled(pattern).found(text) if isinstance(text, str) else None


def _folded(text: Any) -> Any:
    return text.casefold() if isinstance(text, str) else text
