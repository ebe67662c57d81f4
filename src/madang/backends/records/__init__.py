"""The records in SQL: one implementation for SQLite and PostgreSQL (`ports.records`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from madang.backends.records.data_objects import SqlDataObjects
from madang.backends.records.database import Database
from madang.backends.records.journaled import ChangeLog, JournaledProjects, JournaledRuns, JournaledVersions
from madang.backends.records.names import Names
from madang.backends.records.projects import SqlProjects
from madang.backends.records.replaying import replay
from madang.backends.records.runs import SqlRuns
from madang.backends.records.segments import SqlHistory, SqlSegments
from madang.backends.records.settings import SqlSettings, SqlTokens
from madang.backends.records.sqlite import SqliteDatabase
from madang.backends.records.versions import SqlVersions
from madang.backends.records.waiting import SqlWaiting

if TYPE_CHECKING:
    from madang.ports.drafts import DraftRecords
    from madang.ports.registry import RegistryRecords
    from madang.ports.streams import StreamRecords
    from madang.ports.sweeps import SweepRecords
    from madang.ports.tombstones import Tombstones
    from madang.ports.views import ViewRecords
    from madang.ports.webhooks import WebhookRecords

__all__ = ["SqlRecords", "open_postgres", "open_sqlite"]


class SqlRecords:
    """`ports.records.Records` over one database; with a ``log``, what no segment holds is also written to that file."""

    def __init__(self, database: Database, log: str = "") -> None:
        names = Names(database)
        self._db = database
        self._log = ChangeLog(database, log) if log else None
        self.runs = JournaledRuns(database, names, self._log) if self._log else SqlRuns(database, names)
        self.segments = SqlSegments(database, names)
        self.history = SqlHistory(database)
        self.waiting = SqlWaiting(database)
        self.versions = JournaledVersions(database, self._log) if self._log else self._announced_versions()
        self.projects = JournaledProjects(database, self._log) if self._log else SqlProjects(database)
        self.data_objects = SqlDataObjects(database)
        self.tokens = SqlTokens(database)
        self.settings = SqlSettings(database)

    def _announced_versions(self) -> SqlVersions:
        """The versions of a hub, where webhooks may listen."""
        from madang.backends.records.announced import AnnouncedVersions  # noqa: PLC0415 - no workspace needs it

        return AnnouncedVersions(self._db, lambda: self.webhooks)

    @cached_property
    def registry(self) -> RegistryRecords:
        """Protections, requests and promotion: loaded on use, as most commands need none of it."""
        if self._log is None:
            from madang.backends.records.registry import SqlRegistry  # noqa: PLC0415 - as said

            return SqlRegistry(self._db)
        from madang.backends.records.journaled_registry import JournaledRegistry  # noqa: PLC0415 - as said

        return JournaledRegistry(self._db, self._log)

    @cached_property
    def streams(self) -> StreamRecords:
        """Lines that clients stream: loaded on use too. An index even in a workspace: the segments hold the lines."""
        from madang.backends.records.streams import SqlStreams  # noqa: PLC0415 - as said

        return SqlStreams(self._db)

    @cached_property
    def sweeps(self) -> SweepRecords:
        """Sweeps, agents and trials: loaded on use too."""
        if self._log is None:
            from madang.backends.records.sweeps import SqlSweeps  # noqa: PLC0415 - as said

            return SqlSweeps(self._db)
        from madang.backends.records.journaled_sweeps import JournaledSweeps  # noqa: PLC0415 - as said

        return JournaledSweeps(self._db, self._log)

    @cached_property
    def views(self) -> ViewRecords:
        """Reports, workspaces and charts: loaded on use too."""
        if self._log is None:
            from madang.backends.records.views import SqlViews  # noqa: PLC0415 - as said

            return SqlViews(self._db)
        from madang.backends.records.journaled_views import JournaledViews  # noqa: PLC0415 - as said

        return JournaledViews(self._db, self._log)

    @cached_property
    def drafts(self) -> DraftRecords:
        """Versions in the making: loaded on use too. They are in no log; their clients make them again."""
        from madang.backends.records.drafts import SqlDrafts  # noqa: PLC0415 - as said

        return SqlDrafts(self._db)

    @cached_property
    def tombstones(self) -> Tombstones:
        """What was taken away: loaded on use too."""
        from madang.backends.records.tombstones import SqlTombstones  # noqa: PLC0415 - as said

        return SqlTombstones(self._db)

    @cached_property
    def webhooks(self) -> WebhookRecords:
        """Webhooks and their outbox: loaded on use too. They are in no log: only a hub delivers."""
        from madang.backends.records.webhooks import SqlWebhooks  # noqa: PLC0415 - as said

        return SqlWebhooks(self._db)

    @property
    def is_index(self) -> bool:
        """Whether other files hold all of it, so that the database may be lost."""
        return self._log is not None

    def transaction(self) -> AbstractContextManager[None]:
        """Everything this thread does in the block happens together or not at all."""
        return self._db.transaction()

    @property
    def in_transaction(self) -> bool:
        """Whether this thread is inside a transaction."""
        return self._db.in_transaction

    def without_waiting(self) -> AbstractContextManager[None]:
        """In the block this thread waits for no other writer."""
        return self._db.without_waiting()

    def briefly(self) -> AbstractContextManager[None]:
        """In the block this thread waits but a moment to begin its first transaction."""
        return self._db.briefly()

    @property
    def may_wait(self) -> bool:
        """Whether this thread may wait for what others hold."""
        return not (self._db.in_transaction or self._db.is_hasty)

    def if_undone(self, action: Callable[[], None]) -> None:
        """Do something should the present transaction fail."""
        self._db.if_undone(action)

    def replay(self, catch_up: Callable[[], None]) -> None:
        """Take in changes that only the log has: the records were lost, or a process died between log and commit.

        ``catch_up`` reads the segments that the changes speak of. Cheap when there is nothing to do.
        """
        if self._log is not None:
            replay(self._db, self._log, catch_up)

    def make_durable(self) -> None:
        """Have all that was committed survive a power failure."""
        self._db.make_durable()

    def close(self) -> None:
        """Give back connections and files."""
        self._db.close()


def open_sqlite(
    path: str, *, durable: bool, log: str = "", on_damage: Callable[[str], None] | None = None
) -> SqlRecords:
    """Records in one SQLite file, made when it is missing. ``durable`` (a hub) waits for the disk at each commit.

    A workspace gives the path of its ``log`` of changes, and calls `SqlRecords.replay` after opening. Its records are
    an index: with ``on_damage`` a damaged file is moved aside and made anew, and the text for the user is given to it.
    """
    return SqlRecords(SqliteDatabase(path, durable=durable, on_damage=on_damage), log)


def open_postgres(url: str) -> SqlRecords:
    """Records in a PostgreSQL database.

    Raises:
        ConfigError: psycopg is not installed.
        Unavailable: the server does not answer.
    """
    from madang.backends.records.postgres import PostgresDatabase  # noqa: PLC0415 - an extra

    return SqlRecords(PostgresDatabase(url))
