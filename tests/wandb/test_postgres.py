"""The same over PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.wandb.conftest import Client, Hub, hub_at
from tests.wandb.test_going_on import do, log, read
from tests.wandb.test_hostile import UPSERT, history, row, stream

from madang.testing.postgres import postgres_server


@pytest.fixture(scope="module")
def database_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with a database server of its own."""
    folder = tmp_path_factory.mktemp("database")
    with postgres_server(str(folder / "postgres")) as address:
        made = hub_at(folder, "--database", address)
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


def test_several_writers_at_once(database_hub: Hub) -> None:
    """What each of several clients of one run sends at the same time is there once, also what it sends again."""
    config = json.dumps({"_wandb": {"value": {"t": {"3": [67]}}}})
    database_hub.ask(UPSERT, name="both", config=config)

    def write(writer: str) -> None:
        for number in range(12):
            line = json.dumps({"content": f"{writer}{number}", "label": writer})
            body = history(number, row(number, **{writer: number}))
            body["files"]["output.log"] = {"offset": number, "content": [line]}
            for _ in range(1 + number % 2):
                status, answer = stream(database_hub, "both", body)
                while status == 503:  # another writer was faster; clients try again
                    status, answer = stream(database_hub, "both", body)
                assert status == 200, answer

    writers = ["a", "b", "c"]
    with ThreadPoolExecutor() as threads:
        list(threads.map(write, writers))
    (found,) = [item for item in database_hub.native("runs?project=hostile")["runs"] if item["name"]]
    kept = database_hub.native(f"runs/{found['id']}/history?" + "&".join(f"keys={writer}" for writer in writers))
    assert {key: series["values"] for key, series in kept["series"].items()} == {
        key: list(range(12)) for key in writers
    }
    lines = [line["text"] for line in database_hub.native(f"runs/{found['id']}/console?limit=100")["lines"]]
    assert sorted(lines) == sorted(f"{writer}{number}" for writer in writers for number in range(12))
    assert all(
        [line for line in lines if line[0] == writer] == [f"{writer}{number}" for number in range(12)]
        for writer in writers
    )
