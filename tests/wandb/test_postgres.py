"""The same over PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wandb.conftest import Client, Hub, hub_at
from tests.wandb.test_going_on import do, log, read

from madang.testing.postgres import postgres_server


@pytest.fixture
def database_hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub with a database server of its own."""
    with postgres_server(str(tmp_path / "postgres")) as address:
        made = hub_at(tmp_path, "--database", address)
        made.start()
        yield made
        made.kill()


def test_it_is_the_same(database_hub: Hub, tmp_path: Path) -> None:
    """Runs are logged, resumed, rewound, forked, deleted and read."""
    said = do(
        Client(database_hub, tmp_path),
        log(4, id="a", config={"k": {"deep": 1}}),
        log(1, id="a", resume="must"),
        log(1, resume_from="a?_step=1"),
        log(1, fork_from="a?_step=1", id="b"),
        ("delete", "b", 0),
        log(2, id="b"),
        read("a"),
        read("b"),
    )
    assert said[5]["rows"] == [[0, 0], [1, 1], [2, 0]]
    assert said[6]["rows"] == [[0, 0], [1, 1]]
    assert (said[5]["config"], said[5]["state"]) == ({"k": {"deep": 1}}, "finished")
