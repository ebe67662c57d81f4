"""Sweeps by the hub's own API and by GraphQL: what a page and agents need, and what no good client sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from madang.server.app import Application
from madang.server.security import Policy
from madang.wiring import Engine

GRID = {"method": "grid", "metric": {"name": "loss"}, "parameters": {"x": {"values": [1, None, "ㄱ"]}}}
ALL = "/api/v1/projects/p/sweeps"
BEAT = "mutation($input: AgentHeartbeatInput!) {agentHeartbeat(input: $input) {agent {id} commands}}"
UPSERT = """mutation($input: UpsertSweepInput!) {
  upsertSweep(input: $input) {sweep {id name state config runCountExpected} configValidationWarnings}
}"""


@pytest.fixture
def web(hub: Engine) -> Iterator[TestClient]:
    """The hub, open."""
    with TestClient(Application(hub, Policy(frozenset({"127.0.0.1"}), open_locally=True)), "http://127.0.0.1") as made:
        yield made


def asked(web: TestClient, document: str, **variables: Any) -> Any:
    """The answer of GraphQL."""
    return web.post("/graphql", json={"query": document, "variables": variables}).json()


def test_a_sweep_by_the_api(web: TestClient) -> None:
    """Begun from a mapping, carried out by an agent, changed and read as the page reads it."""
    made = web.post(ALL, json={"config": GRID, "name": "이름"})
    assert made.status_code == 201, made.text
    sweep = f"{ALL}/{made.json()['id']}"
    agent = web.post(sweep + "/agents", json={"host": "h"}).json()
    beat = f"{sweep}/agents/{agent['id']}/beat"
    (order,) = web.post(beat, json={}).json()["commands"]
    assert (order["do"], order["params"], order["flat"]) == ("run", {"x": 1}, {"x": 1})
    assert web.post(beat, json={"running": [order["run"]]}).json() == {"commands": []}
    assert web.patch(sweep, json={"state": "paused", "priority": 3, "run_cap": 2}).json()["expected"] == 2
    assert web.post(beat, json={"ended": {order["run"]: "finished"}}).json() == {"commands": []}
    view = web.get(sweep).json()
    assert (view["state"], view["counts"]["finished"], view["name"]) == ("paused", 1, "이름")
    assert view["parameters"] == [
        {
            "name": "x", "kind": "category", "distribution": "categorical", "is_log": False, "low": None, "high": None,
            "values": [1, None, "ㄱ"], "when": {},
        }
    ]  # fmt: skip
    (listed,) = web.get(ALL).json()["sweeps"]
    assert (listed["id"], listed["trials"], listed["agents_alive"]) == (view["id"], [], 1)
    assert web.get("/api/v1/sweeps").json()["sweeps"] == [listed]
    assert web.get(f"/api/v1/sweeps/{view['id']}").json() == view
    assert web.post(beat, json={"leaves": True}).json() == {"commands": []}
    assert web.get(sweep).json()["agents"][0]["state"] == "done"


SENSELESS: list[tuple[str, str, Any, int]] = [
    ("POST", "", {"config": "a: ["}, 400),
    ("POST", "", {"config": 5}, 400),
    ("POST", "", {}, 400),
    ("PATCH", "/SWEEP", {"state": "flying"}, 400),
    ("PATCH", "/SWEEP", {"run_cap": 0}, 400),
    ("PATCH", "/SWEEP", {"priority": 1 << 60}, 400),
    ("PATCH", "/SWEEP", {"method": "grid"}, 400),
    ("PATCH", "/nothing", {"state": "paused"}, 404),
    ("GET", "/nothing", None, 404),
    ("POST", "/nothing/agents", {"host": "h"}, 404),
    ("POST", "/SWEEP/agents/nobody/beat", {}, 404),
]


def test_what_makes_no_sense_is_refused(web: TestClient) -> None:
    """With a status that says whose fault it is, and the sweep as it was."""
    sweep = web.post(ALL, json={"config": GRID}).json()["id"]
    before = web.get(f"{ALL}/{sweep}").json()
    for method, path, body, status in SENSELESS:
        answer = web.request(method, ALL + path.replace("SWEEP", sweep), json=body)
        assert answer.status_code == status, (method, path, body, answer.text)
        assert web.get(f"{ALL}/{sweep}").json() == before


def test_what_clients_send_wrongly(web: TestClient) -> None:
    """GraphQL answers errors in its own form: unknown agents and sweeps, states, filters and nonsense for JSON."""
    config = json.dumps({**GRID, "colour": 1})
    made = asked(web, UPSERT, input={"projectName": "p", "config": config})["data"]["upsertSweep"]
    assert made["configValidationWarnings"] == ["The key 'colour' is not known here."]
    sweep = made["sweep"]
    assert (sweep["config"], sweep["runCountExpected"], sweep["state"]) == (config, 3, "RUNNING")
    for document, given in (
        (UPSERT, {"projectName": "p", "config": "method: magic"}),
        (UPSERT, {"projectName": "p"}),
        (UPSERT, {"id": sweep["id"], "state": "FLYING"}),
        (UPSERT, {"id": "bm9uc2Vuc2U=", "state": "PAUSED"}),
        (BEAT, {"id": "bm9uc2Vuc2U="}),
        (BEAT, {"id": "QWdlbnQAbm9ib2R5", "runState": "{"}),
    ):
        assert asked(web, document, input=given)["errors"], given
    found = 'query($filters: JSONString) {project(name: "p") {sweeps(filters: $filters) {edges {node {name}}}}}'
    for filters, count in (("{}", 1), ('{"state": {"$in": ["running"]}}', 1), ('{"$or": [{"displayName": "no"}]}', 0)):
        assert len(asked(web, found, filters=filters)["data"]["project"]["sweeps"]["edges"]) == count
    for filters in ('{"x": 1}', "[1]", "{", '{"state": {"$gt": 1}}'):
        assert asked(web, found, filters=filters)["errors"], filters


def test_a_configuration_is_rewritten(web: TestClient) -> None:
    """Wholly before there are trials; afterwards only what does not touch the search."""
    sweep = asked(web, UPSERT, input={"projectName": "p", "config": json.dumps(GRID)})["data"]["upsertSweep"]["sweep"]
    other = {**GRID, "parameters": {"x": {"values": [1, 2]}}}
    told = asked(web, UPSERT, input={"id": sweep["id"], "config": json.dumps(other)})
    assert told["data"]["upsertSweep"]["sweep"]["runCountExpected"] == 2
    agent = web.post(f"{ALL}/{sweep['name']}/agents", json={"host": "h"}).json()["id"]
    web.post(f"{ALL}/{sweep['name']}/agents/{agent}/beat", json={})
    assert "stay" in asked(web, UPSERT, input={"id": sweep["id"], "config": json.dumps(GRID)})["errors"][0]["message"]
    capped = asked(web, UPSERT, input={"id": sweep["id"], "config": json.dumps({**other, "run_cap": 1})})
    assert capped["data"]["upsertSweep"]["sweep"]["runCountExpected"] == 1
