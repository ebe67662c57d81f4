"""A hundred clients at once, each with a connection of its own, over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from tests.mlflow.conftest import Hub, serving
from tests.registry.conftest import ADMIN, KIM, NAME, P, pointer, version

from madang.domain.reviews import Protection
from madang.wiring import Engine

CLIENTS = 100
PROCESSES = 10
PLACE = f"/api/v1/projects/{quote(P)}"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is busy a writer waits longer for a hundred others."""
    monkeypatch.setattr("madang.backends.records.sqlite._PATIENCE", 250.0)


@pytest.fixture
def hub(engine: Engine) -> Iterator[Hub]:
    """The engine over a socket; nobody has made a token, so every local caller is the same admin."""
    yield from serving(engine)


def race(hub: Hub, asked: list[tuple[str, str, object]]) -> Counter[str]:
    """All requests at once; how often each status came."""
    script, host = str(Path(__file__).parent / "racer.py"), urlsplit(hub.address).netloc
    running = [
        subprocess.Popen(
            [sys.executable, "-I", "-S", script, host, json.dumps(asked[first::PROCESSES])],
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in range(PROCESSES)
    ]
    return Counter(status for one in running for status in one.communicate(timeout=280)[0].split())


def test_gates_hold_against_a_hundred_promotions(hub: Hub, engine: Engine) -> None:
    """Each move in the history is one that the gate allowed at its time, and the best version is there in the end."""
    scores = [index * 7 % 20 for index in range(20)]
    for score in scores:
        version(engine, float(score))
    engine.reviews.protect(ADMIN, Protection(P, NAME, "production", gates=("val/f1 > current",)))
    asked: list[tuple[str, str, object]] = []
    for index in range(CLIENTS):
        number, kind = index % 20 + 1, index % 4
        body: dict[str, object]
        if kind == 0:
            body = {"name": NAME, "version": str(number), "stage": "Production", "archive_existing_versions": True}
            asked.append(("POST", "/api/2.0/mlflow/model-versions/transition-stage", body))
        elif kind == 1:
            body = {"name": NAME, "alias": "production", "version": str(number)}
            asked.append(("POST", "/api/2.0/mlflow/registered-models/alias", body))
        elif kind == 2:
            asked.append(("POST", f"{PLACE}/artifacts/{quote(NAME)}/v{number}/promote", {"stage": "production"}))
        else:
            asked.append(("PUT", f"{PLACE}/artifacts/{quote(NAME)}/aliases/production", {"number": number}))
    seen = race(hub, asked)
    assert set(seen) <= {"200", "403"}
    moves = [one for one in reversed(engine.registry.history(ADMIN, P, NAME)) if one.alias == "production"]
    assert [one.before for one in moves] == [None, *(one.number for one in moves[:-1])]
    held = [scores[one.number - 1] if one.number else -1 for one in moves]
    assert held == sorted(held)
    assert held[-1] == max(scores)


def test_one_request_moves_it_once(hub: Hub, engine: Engine) -> None:
    """A hundred approvals and rejections of one request end in one decision and at most one move."""
    version(engine, 0.5)
    me = engine.access.unclaimed() and json.loads(json.dumps(hub.ask("GET", "/api/v1/me")[1]))["name"]
    engine.reviews.protect(ADMIN, Protection(P, NAME, "production", (str(me),)))
    engine.reviews.request(KIM, P, f"{NAME}:v1", "production")
    place = f"{PLACE}/models/{quote(NAME)}/requests/1/"
    seen = race(hub, [("POST", place + ("reject" if index % 3 else "approve"), {}) for index in range(CLIENTS)])
    assert seen["200"] == 1
    assert sum(seen.values()) == CLIENTS
    request = engine.reviews.requests(ADMIN, P, NAME)[0]
    moves = [one for one in engine.registry.history(ADMIN, P, NAME) if one.alias == "production"]
    assert (request.state, len(moves), pointer(engine)) in (("promoted", 1, 1), ("rejected", 0, None))


def test_compare_and_swap(hub: Hub, engine: Engine) -> None:
    """Of a hundred that expect the same present version exactly one moves the pointer."""
    version(engine, 0.5)
    version(engine, 0.6)
    engine.registry.promote(ADMIN, P, f"{NAME}:v1", "production")
    path = f"{PLACE}/artifacts/{quote(NAME)}/aliases/production"
    seen = race(hub, [("PUT", path, {"number": 2, "expected": 1})] * CLIENTS)
    assert seen["200"] == 1
    assert len([one for one in engine.registry.history(ADMIN, P, NAME) if one.alias == "production"]) == 2
