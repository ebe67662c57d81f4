"""A hub with a model whose versions have a score, over each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from madang.config import HubConfig
from madang.domain.access import Permission, Principal, local
from madang.domain.commands import CreateRun, Log
from madang.domain.versions import Entry, VersionRecord
from madang.testing.postgres import empty_database, postgres_server
from madang.wiring import Engine, open_hub

P, NAME = "와인", "모델"
ADMIN = local("admin")


def member(name: str) -> Principal:
    """Somebody who may write."""
    return Principal(name, projects={P: Permission.WRITE})


KIM, LEE, PARK = member("kim"), member("lee"), member("park")


def version(
    engine: Engine, score: float, *, name: str = NAME, status: str = "finished", key: str = "val/f1"
) -> VersionRecord:
    """A version of a run that has logged a score, and has ended."""
    run = engine.tracking.create(ADMIN, P, CreateRun())
    engine.tracking.log(ADMIN, run.id, Log({key: score}))
    blob = engine.artifacts.put_blob(ADMIN, P, [run.id.encode()])
    made = engine.artifacts.create(ADMIN, P, name, "model", [Entry("w.bin", blob.digest, blob.size)], run=run.id)
    if status:
        engine.tracking.log(ADMIN, run.id, Log(finish=status))
    return made


def pointer(engine: Engine, alias: str = "production", name: str = NAME) -> int | None:
    """Where a pointer is."""
    row = engine.records.versions.collection(P, name)
    return row.aliases.get(alias) if row else None


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server."""
    with postgres_server(str(tmp_path_factory.mktemp("postgres"))) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Engine]:
    """Opens one and the same hub, which is empty at first."""
    address = ""
    if request.param == "postgres":
        address = request.getfixturevalue("database")
        empty_database(address)
    return lambda: open_hub(HubConfig(store=str(tmp_path / "hub"), database=address))


@pytest.fixture
def engine(reopen: Callable[[], Engine]) -> Iterator[Engine]:
    """An empty hub."""
    made = reopen()
    yield made
    made.close()
