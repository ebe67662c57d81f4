"""Who may only read changes nothing, and who may read another project alone learns nothing, whatever they ask."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from tests.wandb.conftest import Hub, hub_at
from tests.wandb.test_recorded import RECORDED, Replay

from madang.config import HubConfig
from madang.domain.access import Permission, local
from madang.testing.project import PROGRAM
from madang.wiring import open_hub

_MADE_BY_READING = {"tokens", "run_rows", "clock", "sqlite_sequence"}


@dataclass
class Request:
    """One request of a client."""

    method: str
    path: str
    body: bytes


def token(hub: Hub, project: str, level: str) -> str:
    """A new token of a hub for one project."""
    command = [PROGRAM, "hub", "token", "create", level, "--level", level, "--project", project]
    made = subprocess.check_output([*command, "--store", str(hub.store), "--json"], env=hub.env, text=True)
    secret: str = json.loads(made)["secret"]
    return secret


def send(hub: Hub, request: Request, key: str) -> tuple[int, Any]:
    """The status and the answer to one request."""
    headers = {**urllib3.make_headers(basic_auth=f"api:{key}"), "content-type": "application/json"}
    address = hub.address + request.path
    answer = urllib3.request(request.method, address, body=request.body, headers=headers, retries=False, timeout=200)
    return answer.status, answer.data if answer.headers.get("content-type") != "application/json" else answer.json()


def content(hub: Hub) -> dict[str, list[Any]]:
    """All that the records of a hub hold, but what reading itself keeps."""
    with sqlite3.connect(f"file:{hub.store}/records.db?mode=ro", uri=True) as records:
        tables = [row[0] for row in records.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(map(repr, records.execute(f"SELECT * FROM {name}"))) for name in tables}


@pytest.fixture(scope="module", params=RECORDED, ids=lambda path: path.stem)
def full(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Hub, list[Request]]]:
    """A hub that a client has filled, and all that it asked for it, but what was signed."""
    recorded: Path = request.param
    made = hub_at(tmp_path_factory.mktemp("full"))
    made.start()
    try:
        replay, asked = Replay(made), []
        for line in recorded.read_text("utf-8").splitlines():
            item = json.loads(line)
            if "delete" in (item["body"].get("text") or "").partition("(")[0]:
                continue  # there is to be something to learn
            replay.send(item)
            if "signature=" not in item["path"] and "text" in item["body"]:
                asked.append(Request(item["method"], item["path"], item["body"]["text"].encode()))
        made.native("runs")
        for one in asked:
            one.body = replay._renewed(one.body.decode()).encode()
        yield made, asked
    finally:
        made.kill(signal.SIGTERM)


def token_of_another_run(hub: Hub) -> str:
    """A new token that writes the project, but only one run of it, which is none of the client's."""
    engine = open_hub(HubConfig(store=str(hub.store)))
    try:
        return engine.access.create_token(local("a"), "one run", Permission.WRITE, ["recorded"], run="9" * 32)[1]
    finally:
        engine.close()


@pytest.mark.parametrize("is_reader", [True, False], ids=["a reader", "another run"])
def test_who_may_not_write_changes_nothing(full: tuple[Hub, list[Request]], *, is_reader: bool) -> None:
    """Every document of the client, with a credential that reads, or is for another run, leaves the records alone."""
    hub, asked = full
    key = token(hub, "recorded", "read") if is_reader else token_of_another_run(hub)
    before = content(hub)
    answered = [send(hub, request, key)[0] for request in asked]
    assert answered.count(200) > 20
    after = content(hub)
    changed = {name for name in before if before[name] != after[name]} - _MADE_BY_READING
    assert changed == set()


def test_who_may_read_elsewhere_learns_nothing(full: tuple[Hub, list[Request]], tmp_path: Path) -> None:
    """Every answer to a stranger is the one that a hub without the project gives, and nothing is changed."""
    hub, asked = full
    empty = hub_at(tmp_path)
    empty.start()
    try:
        keys = [token(one, "elsewhere", "admin") for one in (hub, empty)]
        before = content(hub)
        for request in asked:
            found, otherwise = (send(one, request, key) for one, key in zip((hub, empty), keys, strict=True))
            text = json.dumps(found[1]).replace(str(hub.port), str(empty.port)) if found[1] else ""
            assert (found[0], text) == (otherwise[0], json.dumps(otherwise[1])), request
        after = content(hub)
    finally:
        empty.kill(signal.SIGTERM)
    assert {name for name in before if before[name] != after[name]} - _MADE_BY_READING == set()
