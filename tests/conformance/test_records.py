"""The records' suite over both databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from madang.backends.records import open_postgres, open_sqlite, registry
from madang.backends.records.database import migrations
from madang.domain.promotion import Rule, RuleSet
from madang.domain.reviews import PENDING, REJECTED, Request
from madang.domain.versions import VersionRecord
from madang.errors import CorruptData, Incompatible, StorageError, Unavailable
from madang.ports.records import Records
from madang.testing.data_objects import DataObjectsConformance
from madang.testing.drafts import DraftsConformance
from madang.testing.postgres import empty_database, postgres_server
from madang.testing.projects import ProjectsConformance
from madang.testing.records import RunsConformance, SegmentsConformance, make_run, put
from madang.testing.registry import RegistryConformance
from madang.testing.search import SearchConformance
from madang.testing.streams import StreamsConformance
from madang.testing.sweeps import SweepsConformance
from madang.testing.views import ViewsConformance
from madang.testing.waiting import WaitingConformance
from madang.testing.webhooks import WebhooksConformance

T = TypeVar("T")


class RecordsConformance(
    RunsConformance,
    SegmentsConformance,
    SearchConformance,
    DataObjectsConformance,
    DraftsConformance,
    ProjectsConformance,
    RegistryConformance,
    StreamsConformance,
    SweepsConformance,
    ViewsConformance,
    WaitingConformance,
    WebhooksConformance,
):
    """What every `Records` backend must do."""

    def test_only_requests_that_wait_are_read(self, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many were decided, they are not decoded to find those that wait."""
        records.versions.add(VersionRecord("p", "m", "model", 0, "d", 0, 0, 1, actor="ann"), [])
        for at in range(20):
            asked = records.registry.put_request(Request("p", "m", 0, "production", 1, None, "ann", at))
            if at != 7:
                records.registry.put_request(replace(asked, state=REJECTED))
        usual, read = registry._read, list[type]()

        def counted(body: bytes, kind: type[T]) -> T:
            read.append(kind)
            return usual(body, kind)

        monkeypatch.setattr(registry, "_read", counted)
        assert [one.at for one in records.registry.pending()] == [7]
        assert read == [Request]


class TestSqlite(RecordsConformance):
    """One file."""

    @pytest.fixture
    def records(self, tmp_path: Path) -> Iterator[Records]:
        """Empty records in a folder with an odd name."""
        folder = tmp_path / "기록 folder"
        folder.mkdir()
        made = open_sqlite(str(folder / "records.db"), durable=False)
        yield made
        made.close()

    def test_a_newer_schema_is_refused(self, tmp_path: Path) -> None:
        """Records of a newer release are left alone, with advice."""
        path = str(tmp_path / "records.db")
        open_sqlite(path, durable=True).close()
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE schema_version SET version = 999")
        connection.close()
        with pytest.raises(Incompatible, match="999"):
            open_sqlite(path, durable=True)

    def test_what_is_no_database_is_refused(self, tmp_path: Path) -> None:
        """A file of other bytes, a folder that does not exist and a folder in the file's place give clear errors."""
        (tmp_path / "records.db").write_bytes(b"this is not a database" * 100)
        with pytest.raises(CorruptData, match="not a database"):
            open_sqlite(str(tmp_path / "records.db"), durable=True)
        with pytest.raises(StorageError):
            open_sqlite(str(tmp_path / "none" / "records.db"), durable=True)

    def test_two_processes_can_open_one_file(self, tmp_path: Path) -> None:
        """What one has committed the other reads."""
        path = str(tmp_path / "records.db")
        one, two = open_sqlite(path, durable=False), open_sqlite(path, durable=False)
        stored = put(one, make_run(1), {"a": [1.0]})
        assert two.runs.get(stored.state.run) is not None
        assert set(two.runs.metrics([stored.number], None, 5)[stored.number]) == {"a"}
        one.close()
        two.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server of its own."""
    with postgres_server(str(tmp_path_factory.mktemp("postgres"))) as address:
        yield address


class TestPostgres(RecordsConformance):
    """A server."""

    @pytest.fixture
    def records(self, server: str) -> Iterator[Records]:
        """Empty records in a schema of their own."""
        empty_database(server)
        made = open_postgres(server)
        yield made
        made.close()

    def test_a_server_that_is_gone(self) -> None:
        """It is said that the database does not answer."""
        with pytest.raises(Unavailable):
            open_postgres("postgresql://127.0.0.1:1/none?connect_timeout=2")


def test_migrations_come_in_pairs() -> None:
    """Each migration exists for both databases and makes tables of the same names and columns."""
    ours, theirs = migrations("sqlite"), migrations("postgres")
    assert [number for number, _ in ours] == [number for number, _ in theirs]
    for (_, left), (_, right) in zip(ours, theirs, strict=True):
        assert [_head(item) for item in left] == [_head(item) for item in right]


@pytest.mark.parametrize("newest", range(1, migrations("sqlite")[-1][0]))
def test_stores_of_every_earlier_version_are_opened(tmp_path: Path, newest: int) -> None:
    """Records as some earlier release left them get the tables of new ones, and keep what is in them."""
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        for number, statements in migrations("sqlite"):
            for statement in statements if number <= newest else ():
                old.execute(statement)
        old.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        old.execute("INSERT INTO schema_version VALUES (?)", (newest,))
        old.execute("INSERT INTO settings (key, value) VALUES ('store', 'name')")
        old.commit()
    for name in ("old", "new"):
        open_sqlite(str(tmp_path / f"{name}.db"), durable=True).close()
    found = []
    for name in ("old", "new"):
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as records:
            found.append(set(records.execute("SELECT name, sql FROM sqlite_master")))
            kept = records.execute("SELECT value FROM settings WHERE key = 'store'").fetchall()
            assert kept == [("name",)] * (name == "old")
    assert found[0] == found[1]


def _requests_of_old(number: int, state: str) -> Request:
    return Request("p", "m", number, "production", 1, None, "ann", number, "is it pending?", state=state)


def test_requests_and_rules_of_an_earlier_release(tmp_path: Path) -> None:
    """Of requests made before they were told apart the pending ones are found, and old rules stay in their project."""
    path = str(tmp_path / "old.db")
    states = [PENDING, REJECTED, PENDING]
    asked = [_requests_of_old(number, state) for number, state in enumerate(states, 1)]
    with closing(sqlite3.connect(path)) as old:
        for number, statements in migrations("sqlite"):
            for statement in statements if number < 18 else ():
                old.execute(statement)
        old.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        old.execute("INSERT INTO schema_version VALUES (17)")
        for one in asked:
            body = msgspec.msgpack.encode(asdict(one))
            old.execute("INSERT INTO pointer_requests VALUES (1, ?, ?)", (one.number, body))
        rules = msgspec.msgpack.encode([asdict(Rule("loss"))])
        old.execute("INSERT INTO promotion_rules VALUES ('p', ?)", (rules,))
        old.commit()
    records = open_sqlite(path, durable=True)
    records.versions.add(VersionRecord("p", "m", "model", 0, "d", 0, 0, 1, actor="ann"), [])
    assert records.registry.pending() == [asked[2], asked[0]]
    assert records.registry.rules("p") == RuleSet((Rule("loss"),), in_default=False, is_set=True)
    records.close()


def _head(statement: str) -> str:
    words = statement.split("(")[0].split()
    return " ".join(words[:6] if words[0] == "ALTER" else words)  # the type of a new column has two names
