"""Every route, as everybody: what is not declared is not served, and what is declared is held."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from blake3 import blake3
from starlette.testclient import TestClient
from tests.server.people import ADMIN, bearer

from madang.domain.access import Permission
from madang.domain.commands import CreateRun, Log
from madang.domain.pipelines import STAGE_TAG
from madang.domain.versions import Entry
from madang.domain.views import REPORT, ViewChange
from madang.edges.native.openapi import describe
from madang.errors import ConfigError
from madang.formats.dvc.places import run_name
from madang.http.routes import Route, RouteTable
from madang.server.app import Application
from madang.wiring import Engine

CANARY = "canary-of-mine"
Routes = list[tuple[RouteTable, Route]]


def routes_of(application: Application) -> Routes:
    """All routes of all edges."""
    return [(table, route) for table in application.tables for route in table.routes]


def our_routes_of(application: Application) -> Routes:
    """All routes but those of other clients, which name things in bodies or their own way: their tests ask them."""
    others = ("madang.edges.mlflow", "madang.edges.wandb")
    return [
        (table, route) for table, route in routes_of(application) if not route.handler.__module__.startswith(others)
    ]


@pytest.fixture
def filled(engine: Engine) -> dict[str, str]:
    """A run, a version and a blob in the project `mine`; values for every path parameter."""
    data = CANARY.encode()
    blob = engine.artifacts.put_blob(ADMIN, "mine", [data])
    stage = CreateRun(name=CANARY, config={"secret": CANARY}, group=CANARY, tags={STAGE_TAG: CANARY})
    run = engine.tracking.create(ADMIN, "mine", stage)
    engine.tracking.log(ADMIN, run.id, Log({CANARY: 1.0}, console=[CANARY]))
    other = engine.tracking.create(ADMIN, "mine", CreateRun(name="other"))
    engine.tracking.log(ADMIN, other.id, Log({CANARY: 2.0}))
    engine.artifacts.create(ADMIN, "mine", CANARY, "model", [Entry("f.txt", blob.digest, blob.size)])
    engine.tracking.create(ADMIN, "theirs", CreateRun(name="other"))
    report, _ = engine.views.save(ADMIN, "mine", REPORT, CANARY, ViewChange(CANARY, spec="{}"))
    sweep = engine.sweeping.sweeps.create(ADMIN, "mine", "{method: random, parameters: {lr: {min: 0.0, max: 1.0}}}", "")
    agent = engine.sweeping.agents.join(ADMIN, "mine", sweep.id, "host", CANARY)
    md5, entry = hashlib.md5(data, usedforsecurity=False).hexdigest(), f"cmd: {CANARY}\n".encode()
    head, rest = md5[:2], md5[2:]
    inputs, _, value = run_name(entry).partition("/")
    for key in (f"files/md5/{head}/{rest}", f"{head}/{rest}"):
        engine.data.put(ADMIN, "mine", key, [data])
    engine.data.put(ADMIN, "mine", f"runs/{inputs[:2]}/{inputs}/{value}", [entry])
    assert blob.digest == f"blake3:{blake3(data).hexdigest()}"
    return {
        "project": "mine", "run": run.id, "name": CANARY, "ref": "v1", "alias": "best", "digest": blob.digest,
        "segment": run.segments[0].id, "path...": "f.txt", "id": "0" * 16, "head": head, "rest": rest,
        "prefix": inputs[:2], "inputs": inputs, "entry": value, "group": CANARY,
        "other": other.id, "number": "1", "report": str(report.number), "sweep": sweep.id, "agent": agent.id,
    }  # fmt: skip


STATE = {"project": "mine", "name": CANARY, "type": "model", "created_at": 1}
ADOPTED = {**STATE, "versions": [{"number": 1, "digest": "blake3:" + "0" * 64, "created_at": 1}]}
BODIES: dict[str, Any] = {
    "create_projects_runs": {"name": "x"},
    "people_sign_in": {"token": "mdg_wrong"},
    "people_create_token": {"name": "x", "level": "admin"},
    "artifacts_point": {"number": 1},
    "sweeps_create": {"config": "{method: random, parameters: {lr: {min: 0.0, max: 1.0}}}"},
    "sweeps_join": {"host": "h"},
    "artifacts_point_all": {
        "moves": [{"project": "mine", "name": CANARY, "alias": "best", "number": 1, "expected": None}]
    },
    "artifacts_promote": {"stage": "production"},
    "models_request": {"ref": f"{CANARY}:v1", "alias": "best"},
    "models_protect": {"reviewers": ["kim"]},
    "models_put_rules": {"rules": []},
    "webhooks_create": {"name": "x", "url": "https://8.8.8.8/x", "project": "mine"},
    "adopting_project": {"number": 9, "name": "mine", "title": "mine", "created_at": 1, "updated_at": 1},
    "adopting_model": {"model": {"name": CANARY}, "versions": [], "source": "x"},
    "states_claim": STATE,
    "states_adopt": {"state": ADOPTED, "entries": []},
    "states_merge": STATE,
    "states_drop": STATE,
    "objects_sizes": {"keys": []},
    "objects_get_many": {"keys": []},
    "objects_put_many": {"objects": []},
    "objects_delete": {"keys": []},
}


QUERIES = {
    "comparing_code": "?against={other}",
    "comparing_differences": "?against={other}",
    "comparing_why": "?against={other}&metric={name}",
    "datasets_table": "?version=md5:{head}{rest}&against=md5:{head}{rest}",
    "datasets_tree": "?version=md5:{head}{rest}",
    "datasets_file": "?version=md5:{head}{rest}",
    "events_events": "?run={run}",
    "lineage_graph": "?of=run:{run}",
}


def ask(client: TestClient, table: RouteTable, route: Route, values: dict[str, str], secret: str = "") -> Any:
    """One request to a route, with values for its path and a body that would do."""
    path = table.prefix + route.pattern
    for name, value in values.items():
        path = path.replace("{" + name + "}", value)
    headers = bearer(secret) if secret else {}
    name = f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}"
    if name == "runs_histories":
        return client.request(route.method, path, headers=headers, json={"runs": [values["run"]]})
    if name == "artifacts_create":
        body = {"name": "y", "type": "model", "entries": [{"path": "f", "digest": values["digest"], "size": 14}]}
        return client.request(route.method, path, headers=headers, json=body)
    if name == "uploads_put_blob":
        return client.request(route.method, path, headers=headers, content=CANARY.encode())
    if name == "uploads_append":
        more = {"upload-offset": "0", "madang-chain": "0" * 32}
        return client.request(route.method, path + "?project=mine", headers={**headers, **more}, content=b"x" * 30)
    if name in ("objects_arrived", "objects_append"):
        headers |= {"upload-offset": "0", "upload-length": "5"}
    path += QUERIES.get(name, "").format(**values)
    if route.body is not None:
        return client.request(route.method, path, headers=headers, json=BODIES.get(name, {}))
    return client.request(route.method, path, headers=headers)


def test_a_stranger_gets_nowhere(
    client: TestClient, application: Application, filled: dict[str, str], secrets: dict[str, str]
) -> None:
    """Without a credential only routes that declare no permission answer; the others say 401."""
    for table, route in routes_of(application):
        answer = ask(client, table, route, filled)
        if route.permission is not Permission.NONE:
            assert answer.status_code == 401, (route.pattern, answer.text)
        assert CANARY not in answer.text


def test_who_may_nothing_here_learns_nothing_of_it(
    client: TestClient, application: Application, filled: dict[str, str], secrets: dict[str, str]
) -> None:
    """An admin of another project is told that this one does not exist, also by lists, searches and errors."""
    listing = {
        "/projects", "/runs", "/models", "/data/uses", "/tokens", "/me", "/metrics", "/openapi.json",
        "/session", "/health", "/charts", "/sweeps", "/webhooks", "/reviews", "/registered-projects",
    }  # fmt: skip
    for table, route in our_routes_of(application):
        answer = ask(client, table, route, filled, secrets["neighbour"])
        if (route.method, route.pattern) == ("HEAD", "/runs/{run}/segments/{segment}"):
            assert answer.headers["upload-offset"] == "0"  # as for a run that is not there, which may be begun
        elif route.pattern not in listing:
            assert answer.status_code in (403, 404), (route.method, route.pattern, answer.text)
        assert answer.status_code < 500
        assert "config" not in answer.text or CANARY not in answer.text.replace(filled["name"], "", 1)


def test_a_reader_changes_nothing(
    client: TestClient, application: Application, filled: dict[str, str], secrets: dict[str, str], engine: Engine
) -> None:
    """With the level read, every route that needs more says 403, and nothing has changed afterwards."""
    before = engine.search.revision()
    for table, route in routes_of(application):
        if route.permission > Permission.READ:
            answer = ask(client, table, route, filled, secrets["reader"])
            assert answer.status_code == 403, (route.pattern, answer.text)
    assert engine.search.revision() == before


def test_a_reader_reads(
    client: TestClient, application: Application, filled: dict[str, str], secrets: dict[str, str]
) -> None:
    """With the level read, every reading route answers (a run without a diff, or what is there, has none)."""
    without = ("/events", "/runs/{run}/diff", "/projects/{project}/states/{name}/dropped")
    for table, route in our_routes_of(application):
        if route.permission is Permission.READ and route.pattern not in without:
            if "files" in route.pattern and route.pattern.startswith("/runs"):
                continue
            answer = ask(client, table, route, filled, secrets["reader"])
            assert answer.status_code == 200, (route.pattern, answer.text)


def test_no_answer_holds_a_stack_trace(
    client: TestClient, application: Application, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    """A defect of ours, or a disk that fails, is told without the code, the path or the message behind it."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("/secret/path in the message")

    def failing(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/secret/path")

    for fault, status in ((broken, 500), (failing, 503)):
        monkeypatch.setattr(engine.search, "projects", fault)
        answer = client.get("/api/v1/projects")
        assert answer.status_code == status
        assert "secret" not in answer.text
        assert "Traceback" not in answer.text
        assert set(answer.json()["error"]) == {"code", "message", "hint"}


def test_a_route_without_a_permission_is_refused() -> None:
    """A table with such a route, or with two for one path, cannot be made: the server does not start."""
    route: Any = {"method": "GET", "pattern": "/x", "handler": print, "summary": ""}
    with pytest.raises(ConfigError, match="declares no permission"):
        RouteTable("", [Route(**route, permission=None)])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Two routes"):
        RouteTable("", [Route(**route, permission=Permission.READ)] * 2)


def test_the_description_is_whole(application: Application, client: TestClient) -> None:
    """The OpenAPI document names each route with its permission, and every schema that it refers to."""
    table = application.tables[0]
    document = client.get("/api/v1/openapi.json").json()
    assert document == json.loads(json.dumps(describe(table)))
    for route in table.routes:
        operation = document["paths"][table.prefix + route.pattern.replace("...}", "}")][route.method.lower()]
        assert operation["x-permission"] == route.permission.name.lower()
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
    text = json.dumps(document)
    for part in text.split('"$ref": "#/components/schemas/')[1:]:
        assert part.partition('"')[0] in document["components"]["schemas"]


def test_unknown_paths_methods_and_parameters(client: TestClient) -> None:
    """Each is told by its own status, with the next step."""
    assert client.get("/api/v1/nothing").status_code == 404
    assert client.get("/api/v2/projects").status_code == 404
    refused = client.put("/api/v1/projects", json={})
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    wrong = client.get("/api/v1/projects?colour=blue")
    assert wrong.status_code == 400
    assert "colour" in wrong.json()["error"]["message"]
    for query in ("limit=0", "limit=x", "limit=99999999999999999999", "deleted=maybe", "filter=metrics.", "%ff=1"):
        assert client.get(f"/api/v1/runs?{query}").status_code == 400, query
