"""A store, its engine, and runs written as the SDK writes them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from madang.backends.records import SqlRecords, open_postgres, open_sqlite
from madang.backends.segments import LocalSegments
from madang.domain.access import local
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.services.search import Search
from madang.services.tracking import Tracking
from madang.testing.postgres import empty_database, postgres_server
from madang.wiring_core import open_tracking

ME = local("나")
RUN = "4" * 32
T0 = 1_790_000_000_000_000


@dataclass
class Place:
    """A workspace store with the services over it."""

    store: str
    records: SqlRecords
    files: LocalSegments
    tracking: Tracking
    search: Search
    opened: list[SqlRecords] = field(default_factory=list)

    def path(self, segment: str, run: str = RUN) -> Path:
        """Where a segment lies."""
        return Path(layout.segment_path(self.store, run, segment))

    def write(self, segment: str, data: bytes, run: str = RUN) -> None:
        """Put the bytes of a segment there as they are."""
        os.makedirs(layout.run_dir(self.store, run), exist_ok=True)
        self.path(segment, run).write_bytes(data)
        layout.announce(self.store, run)


def place(store: Path) -> Place:
    """A workspace store, made when it is missing."""
    layout.ensure(str(store))
    records = open_sqlite(str(store / "records.db"), durable=False, log=str(store / "changes.log"))
    files = LocalSegments(str(store))
    tracking = open_tracking(records, files)
    records.replay(tracking.catch_up)
    return Place(str(store), records, files, tracking, Search(records, tracking))


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Place]:
    """An empty workspace store."""
    made = place(tmp_path / "저장소")
    yield made
    made.records.close()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server."""
    with postgres_server(str(tmp_path_factory.mktemp("postgres"))) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty hub on either database: no segment files."""
    if request.param == "postgres":
        address = request.getfixturevalue("postgres")
        empty_database(address)
        records = open_postgres(address)
    else:
        records = open_sqlite(str(tmp_path / "hub.db"), durable=True)
    tracking = open_tracking(records, None)
    yield Place("", records, LocalSegments(str(tmp_path / "none")), tracking, Search(records, tracking))
    records.close()


Action = tuple[Any, ...]


def make_segment(
    folder: Path,
    actions: Sequence[Action],
    *,
    run: str = RUN,
    segment: str = "a" * 32,
    header: Mapping[str, Any] | None = None,
    began: int = T0,
) -> bytes:
    """The bytes of a segment. An action is (kind, body) or (step, {key: value}); each takes a millisecond."""
    path = folder / f"{segment}.making"
    whose = {
        "run": run,
        "project": "p",
        "writer": "process",
        "host": socket.gethostname(),
        "user": "나",
        **(header or {}),
    }
    writer = codec.SegmentWriter(str(path), segment, whose, now=began)
    for place_, action in enumerate(actions, 1):
        at = began + 1000 * place_
        if isinstance(action[1], dict) and isinstance(action[0], int) and len(action) == 2 and not _is_kind(action):
            writer.metrics(action[1], action[0], at=at)
        else:
            writer.append(action[1], action[2], at=at)
    writer.close()
    data = path.read_bytes()
    path.unlink()
    return data


def _is_kind(action: Action) -> bool:
    return bool(action[0] == "event")


def event(kind: int, **body: Any) -> Action:
    """An action that is an event."""
    return ("event", kind, body)


Maker = Callable[..., bytes]
