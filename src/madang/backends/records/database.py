"""One way to talk to SQLite and to PostgreSQL: named statements, transactions, a pool of connections.

A statement is written once, with ``:name`` for values. Two things are translated: the style of the placeholders, and
``= ANY(:list)``, which SQLite reads as membership in a JSON array.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

from madang.errors import Incompatible
from madang.ports.records import WouldWait

MOMENT = 100  # milliseconds for which `Database.briefly` lets a thread wait
Dialect = Literal["sqlite", "postgres"]
Row = tuple[Any, ...]


def _files(folder: str, ending: str) -> Iterator[tuple[str, str]]:
    """(name, text) of our files in a folder beside this module, by name."""
    place = os.path.join(os.path.dirname(__file__), folder)
    for name in sorted(os.listdir(place)):
        if name.endswith(ending):
            with open(os.path.join(place, name), encoding="utf-8") as file:
                yield name, file.read()


def load_statements(dialect: Dialect) -> dict[str, str]:
    """All statements of ``queries/*.sql`` by name, those for the other dialect left out."""
    found: dict[str, str] = {}
    for _, text in _files("queries", ".sql"):
        for part in text.split("-- name: ")[1:]:
            head, _, statement = part.partition("\n")
            name, *only = head.split()
            if only in ([], [dialect]):
                found[name] = statement.strip().rstrip(";")
    return found


def key_of(id_: str) -> bytes:
    """An id of 32 hex digits as it is stored; what is no such id becomes a key that nothing has."""
    try:
        return bytes.fromhex(id_)
    except ValueError:
        return b""


class Database(ABC):
    """Connections to one database. Thread-safe: a thread holds a connection only inside a call or a transaction."""

    dialect: Dialect
    driver_error: type[Exception]
    max_idle = 8

    def __init__(self) -> None:
        self._idle: list[Any] = []
        self._hasty: list[Any] = []  # idle too; these wait for no lock
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._closed = False
        self._translated: dict[str, str] = {}
        self._statements = load_statements(self.dialect)

    @abstractmethod
    def _connect(self) -> Any:
        """A new connection in autocommit mode."""

    @abstractmethod
    def _begin(self, connection: Any) -> None:
        """Begin a transaction that no other writer overlaps. Where `is_brief`, a `WouldWait` takes but a moment."""

    @abstractmethod
    def _refusal(self, error: Exception) -> Exception:
        """The error of ours for one of the driver's, or that error itself."""

    @abstractmethod
    def translate(self, statement: str) -> str:
        """The statement as the driver wants it."""

    @abstractmethod
    def _values(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Values as the driver wants them."""

    def _each(self, values: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
        return map(self._values, values)

    def without_waiting(self) -> AbstractContextManager[None]:
        """In the block this thread waits for nobody; each statement of a database server waits for its answer."""
        raise WouldWait

    @property
    def is_hasty(self) -> bool:
        """Whether this thread is inside `without_waiting()`."""
        return getattr(self._mine, "hasty", False)

    @property
    def presumes_open(self) -> bool:
        """Whether this thread takes for granted, until it writes or ends its `without_waiting`, that no token is made.

        To ask for it costs more than all else that a small request does before it writes.
        """
        return getattr(self._mine, "presumes_open", False)

    @presumes_open.setter
    def presumes_open(self, presumed: bool) -> None:
        self._mine.presumes_open = presumed

    @contextmanager
    def briefly(self) -> Iterator[None]:
        """In the block this thread waits but a moment to begin its first transaction."""
        self._mine.brief = True
        try:
            yield
        finally:
            self._mine.brief = False

    @property
    def is_brief(self) -> bool:
        """Whether this thread is inside `briefly()`, and has not begun a transaction there."""
        return getattr(self._mine, "brief", False)

    def _take(self) -> Any:
        idle = self._hasty if self.is_hasty else self._idle
        with self._lock:
            if idle:
                return idle.pop()
        try:
            return self._connect()
        except self.driver_error as error:
            raise self._refusal(error) from error

    def _give_back(self, connection: Any) -> None:
        idle = self._hasty if self.is_hasty else self._idle
        with self._lock:
            if not self._closed and len(idle) < self.max_idle and self._usable(connection):
                idle.append(connection)
                return
        connection.close()

    def _usable(self, connection: Any) -> bool:
        return True

    def make_durable(self) -> None:
        """Have all that was committed survive a power failure, where a commit alone does not."""
        return  # a server's commit does

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a block inside a block joins the outer one."""
        if self.in_transaction:
            yield
            return
        if self.is_hasty:
            raise WouldWait
        connection = self._take()
        try:
            self._step(connection, self._begin)
            self._mine.brief = False
            self._mine.connection = connection
            self._mine.before, self._mine.after, self._mine.undone = [], [], []
            self._mine.scratch = {}
            try:
                yield
                for action in self._mine.before:
                    action()
                self._step(connection, _commit)
            except BaseException:
                for action in self._mine.undone:
                    action()
                self._step(connection, self._roll_back)
                raise
            finally:
                self._mine.connection = None
            for action in self._mine.after:
                action()
        finally:
            self._give_back(connection)

    @property
    def scratch(self) -> dict[Any, Any]:
        """A memory of the present transaction; one to throw away when there is none."""
        return self._mine.scratch if self.in_transaction else {}

    def before_commit(self, action: Callable[[], None]) -> None:
        """Do something as the last step of the present transaction, inside it."""
        self._mine.before.append(action)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do something once the present transaction has succeeded; at once when there is none."""
        if self.in_transaction:
            self._mine.after.append(action)
        else:
            action()

    def if_undone(self, action: Callable[[], None]) -> None:
        """Do something should the present transaction fail, while it still keeps other writers out."""
        if self.in_transaction:
            self._mine.undone.append(action)

    def _step(self, connection: Any, action: Callable[[Any], None]) -> None:
        try:
            action(connection)
        except self.driver_error as error:
            raise self._refusal(error) from error

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside `transaction()`."""
        return getattr(self._mine, "connection", None) is not None

    def _roll_back(self, connection: Any) -> None:
        connection.execute("ROLLBACK")

    def _statement(self, name_or_sql: str) -> str:
        known = self._translated.get(name_or_sql)
        if known is None:
            known = self.translate(self._statements.get(name_or_sql, name_or_sql))
            if name_or_sql in self._statements:
                self._translated[name_or_sql] = known
        return known

    def _execute(self, statement: str, values: Mapping[str, Any], *, fetch: bool) -> Any:
        text = self._statement(statement)
        held = getattr(self._mine, "connection", None)
        connection = held or self._take()
        try:
            cursor = connection.execute(text, self._values(values))
            return cursor.fetchall() if fetch else cursor.rowcount
        except self.driver_error as error:
            raise self._refusal(error) from error
        finally:
            if held is None:
                self._give_back(connection)

    def rows(self, statement: str, /, **values: Any) -> list[Row]:
        """Run a statement by name (or as text) and return all its rows."""
        found: list[Row] = self._execute(statement, values, fetch=True)
        return found

    def row(self, statement: str, /, **values: Any) -> Row | None:
        """The first row, or None."""
        rows = self.rows(statement, **values)
        return rows[0] if rows else None

    def run(self, statement: str, /, **values: Any) -> int:
        """Run a statement that returns no rows; how many rows it touched."""
        if self.presumes_open and "presumed" not in values:
            raise WouldWait  # it does not ask whether there is a token
        count: int = self._execute(statement, values, fetch=False)
        return count

    def run_alone(self, statement: str, /, **values: Any) -> int:
        """Run a statement that no other writer overlaps, as a transaction of its own; how many rows it touched."""
        with self.transaction():
            return self.run(statement, **values)

    def many(self, statement: str, values: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement once for each set of values, none of which is a list."""
        if not values:
            return
        if self.presumes_open:
            raise WouldWait  # as in `run`
        held = getattr(self._mine, "connection", None)
        connection = held or self._take()
        try:
            connection.cursor().executemany(self._statement(statement), self._each(values))
        except self.driver_error as error:
            raise self._refusal(error) from error
        finally:
            if held is None:
                self._give_back(connection)

    def close(self) -> None:
        """Close idle connections; those in use are closed when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle, self._hasty = self._idle + self._hasty, [], []
        for connection in idle:
            connection.close()


def _commit(connection: Any) -> None:
    connection.execute("COMMIT")


def migrations(dialect: Dialect) -> list[tuple[int, Sequence[str]]]:
    """(number, statements) of every migration, in order."""
    found: list[tuple[int, Sequence[str]]] = []
    for name, text in _files("migrations", f"_{dialect}.sql"):
        lines = [line for line in text.splitlines() if not line.startswith("--")]
        statements = [part.strip() for part in "\n".join(lines).split(";\n") if part.strip(" \n;")]
        found.append((int(name[:4]), [part.rstrip(";") for part in statements]))
    return found


def migrate(database: Database) -> None:
    """Bring the schema to the newest version, inside one transaction.

    Raises:
        Incompatible: the schema is newer than this release.
    """
    steps = migrations(database.dialect)
    newest = steps[-1][0]
    row = database.row("SELECT version FROM schema_version")
    if row is not None and row[0] == newest:
        return
    with database.transaction():
        row = database.row("SELECT version FROM schema_version")  # another process may have been faster
        version = 0 if row is None else int(row[0])
        if version > newest:
            raise Incompatible(
                f"The records have schema version {version}; this release knows up to {newest}.",
                hint="Upgrade madang with `pip install -U madang`.",
            )
        for number, statements in steps:
            if number > version:
                for statement in statements:
                    database.run(statement)
        database.run("DELETE FROM schema_version")
        database.run("INSERT INTO schema_version (version) VALUES (:version)", version=newest)
