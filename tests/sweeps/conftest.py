"""Hubs over each database, and sweeps on them whose runs are written as an edge does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from madang.config import HubConfig
from madang.domain.access import local
from madang.domain.commands import CreateRun, Log
from madang.domain.sweeping.sweeps import Order, Sweep, Trial
from madang.formats import sweeps as texts
from madang.testing.postgres import empty_database, postgres_server
from madang.wiring import Engine, open_hub

P = "포도"
ME = local("me")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server."""
    with postgres_server(str(tmp_path_factory.mktemp("postgres"))) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> HubConfig:
    """Where a hub is that is empty at first."""
    address = ""
    if request.param == "postgres":
        address = request.getfixturevalue("database")
        empty_database(address)
    return HubConfig(store=str(tmp_path / "hub"), database=address)


@pytest.fixture
def reopen(config: HubConfig) -> Callable[[], Engine]:
    """Opens one and the same hub."""
    return lambda: open_hub(config)


@pytest.fixture
def engine(reopen: Callable[[], Engine]) -> Iterator[Engine]:
    """An empty hub."""
    made = reopen()
    yield made
    made.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Engine]:
    """An empty hub over SQLite."""
    made = open_hub(HubConfig(store=str(tmp_path / "hub")))
    yield made
    made.close()


def begun(engine: Engine, **config: Any) -> Sweep:
    """A sweep with a configuration; its agents are taken for dead after a thousand seconds of silence."""
    text = texts.write({"agent_timeout": 1000, "metric": {"name": "loss"}, **config})
    return engine.sweeping.sweeps.create(ME, P, text)


def joined(engine: Engine, sweep: Sweep) -> str:
    """The id of a new agent."""
    return engine.sweeping.agents.join(ME, P, sweep.id, "host").id


def asked(engine: Engine, agent: str, running: tuple[str, ...] = (), **more: Any) -> list[Order]:
    """What an agent is told."""
    return engine.sweeping.agents.beat(ME, agent, running, **more)


def given(engine: Engine, agent: str) -> Trial:
    """The trial that a free agent gets."""
    (order,) = asked(engine, agent)
    assert order.do == "run"
    assert order.trial is not None
    return order.trial


def logged(engine: Engine, trial: Trial, *values: float, finish: str = "finished") -> None:
    """The run of a trial, with the values of its metric; it ends unless ``finish`` is empty."""
    if engine.records.runs.get(trial.run) is None:
        engine.tracking.create(ME, P, CreateRun(id=trial.run))
    for value in values:
        engine.tracking.log(ME, trial.run, Log({"loss": value}))
    if finish:
        engine.tracking.log(ME, trial.run, Log(finish=finish))


def carried_out(engine: Engine, agent: str, loss: Callable[[Trial], float]) -> Trial:
    """A trial that an agent gets and carries out to its end."""
    trial = given(engine, agent)
    asked(engine, agent, (trial.name,))
    logged(engine, trial, loss(trial))
    return trial
