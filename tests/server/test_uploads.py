"""Ingest over HTTP, on SQLite and PostgreSQL: resumable, exact, and nothing is told of what others hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.server import loops
from tests.server.people import BASE, bearer

from madang.config import HubConfig
from madang.edges.native import runs
from madang.edges.native.uploads import whole_frames
from madang.formats import segment as codec
from madang.formats.segment import CHAIN_START, frame
from madang.server.app import Application
from madang.server.security import LOOPBACK, Policy
from madang.testing.postgres import empty_database, postgres_server
from madang.wiring import open_hub

RUN, SEGMENT = "a" * 32, "b" * 32
WHERE = f"/api/v1/runs/{RUN}/segments/{SEGMENT}"
ZERO = "0" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database."""
    with postgres_server(str(tmp_path_factory.mktemp("postgres"))) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    """A hub over each database."""
    address = ""
    if request.param == "postgres":
        address = request.getfixturevalue("server")
        empty_database(address)
    engine = open_hub(HubConfig(store=str(tmp_path / "hub"), database=address))
    with TestClient(Application(engine, Policy(LOOPBACK, open_locally=True)), BASE) as made:
        yield made
    engine.close()


def frames(count: int, project: str = "mine", size: int = 10, value: float = 0.5) -> list[bytes]:
    """The frames of a segment: a header, a key set, and ``count`` console lines of ``size`` bytes."""
    head = {"t": 1, "format": 1, "run": RUN, "segment": SEGMENT, "project": project, "writer": "process"}
    bodies = [(codec.HEADER, head), (codec.CONFIG, {"t": 2, "set": {"lr": value}})]
    bodies += [(codec.CONSOLE, {"t": 3 + n, "n": n + 1, "text": f"{n} " + "x" * size}) for n in range(count)]
    made, chain = [], CHAIN_START
    for number, (kind, body) in enumerate(bodies):
        data, chain = frame(number, chain, bytes((kind,)) + codec.encode_json(body))
        made.append(data)
    return made


def send(hub: TestClient, data: Any, offset: int = 0, chain: str = ZERO, project: str = "mine") -> Any:
    """One PATCH."""
    headers = {"upload-offset": str(offset), "madang-chain": chain, "content-type": "application/octet-stream"}
    return hub.patch(f"{WHERE}?project={project}", content=data, headers=headers)


def lines(hub: TestClient) -> list[str]:
    """The console as it can be read back."""
    found = hub.get(f"/api/v1/runs/{RUN}/console?limit=10000").json()
    return [line["text"] for line in found["lines"]]


def test_a_segment_arrives_in_any_pieces(hub: TestClient) -> None:
    """Whole, again, overlapping, cut inside a frame: the answer says where the hub is, and nothing is there twice."""
    parts = frames(50)
    data = b"".join(parts)
    assert hub.head(WHERE).headers["upload-offset"] == "0"
    first = send(hub, data[: len(data) // 2])
    assert first.status_code == 204
    offset, chain = int(first.headers["upload-offset"]), first.headers["madang-chain"]
    assert 0 < offset <= len(data) // 2
    assert send(hub, data[:offset]).headers["upload-offset"] == str(offset)
    second = send(hub, data[offset:], offset, chain)
    assert int(second.headers["upload-offset"]) == len(data)
    assert send(hub, data).headers["madang-chain"] == second.headers["madang-chain"]
    head = hub.head(WHERE)
    assert (head.headers["upload-offset"], head.headers["madang-chain"]) == (
        str(len(data)),
        second.headers["madang-chain"],
    )
    assert len(lines(hub)) == 50
    assert hub.get(f"/api/v1/runs/{RUN}").json()["config"] == {"lr": 0.5}


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_bodies_are_cut_at_frames(data: st.DataObject) -> None:
    """However the network cuts a body, pieces end at frame ends, none is much over a mebibyte, and nothing is lost;
    what follows an impossible length comes apart from the good frames before it.
    """
    parts = frames(80, size=40_000)
    body = b"".join(parts)
    spoiled = data.draw(st.booleans())
    torn = data.draw(st.integers(0, 30_000))
    body = body + b"\xff" * 60 if spoiled else body[: len(body) - torn]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=30)))

    async def dripping() -> AsyncIterator[bytes]:
        for start, end in pairwise([0, *cuts, len(body)]):
            yield body[start:end]

    async def taken() -> list[bytes]:
        return [piece async for piece in whole_frames(dripping())]

    ends = set(accumulate(map(len, parts)))
    pieces = loops.run(taken())
    joined = b"".join(pieces)
    assert joined == body or (spoiled and body.startswith(joined) and len(joined) > sum(map(len, parts)))
    assert set(accumulate(map(len, pieces[:-1]))) <= ends
    if not cuts:
        return
    largest = max(end - start for start, end in pairwise([0, *cuts, len(body)]))
    assert max(map(len, pieces)) < (1 << 20) + 40_200 + largest


def test_two_histories_do_not_mix(hub: TestClient) -> None:
    """Other bytes under the same id are refused with both chains; a gap is refused with the place to begin."""
    data = b"".join(frames(5))
    other = b"".join(frames(5, value=0.9))
    end = send(hub, data).headers["madang-chain"]
    refused = send(hub, other)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "diverged")
    assert end in refused.json()["error"]["message"]
    assert send(hub, b"x" * 40, len(data) + 7, end).json()["error"]["code"] == "conflict"
    assert send(hub, data, project="other").status_code in (204, 409)
    assert hub.get(f"/api/v1/runs/{RUN}").json()["project"] == "mine"
    assert hub.get(f"/api/v1/runs/{RUN}").json()["config"] == {"lr": 0.5}


NONSENSE: list[tuple[dict[str, str], bytes]] = [
    ({"upload-offset": "x"}, b"x"),
    ({"upload-offset": "-1"}, b"x"),
    ({"upload-offset": "9" * 30}, b"x"),
    ({"madang-chain": "zz"}, b"x"),
    ({}, b""),
    ({}, b"\x00" * 100),
    ({}, b"\xff" * 100),
    ({}, b"\x00\x00\x00\x04" + b"x" * 100),
]


def test_nonsense_is_refused(hub: TestClient) -> None:
    """Wrong headers, no bytes, or bytes that are no frames leave no trace."""
    for headers, body in NONSENSE:
        given = {"upload-offset": "0", "madang-chain": ZERO, **headers}
        assert hub.patch(f"{WHERE}?project=mine", content=body, headers=given).status_code in (400, 204), (
            headers,
            body,
        )
        assert hub.get("/api/v1/projects").json() == {"projects": []}, (headers, body)


def test_blobs_are_checked_on_arrival(hub: TestClient) -> None:
    """Bytes that fit their digest are kept, others leave nothing; a repetition does no harm."""
    data = b"model" * 100_000
    digest = f"blake3:{blake3(data).hexdigest()}"
    where = f"/api/v1/projects/mine/blobs/{digest}"
    assert hub.put(where, content=data[:-1]).status_code == 400
    assert hub.get(where).status_code == 404
    for _ in range(2):
        assert hub.put(where, content=(data[at : at + 99_999] for at in range(0, len(data), 99_999))).status_code == 201
    assert hub.get(where).content == data
    for wrong in ("blake3:xyz", "../../etc/passwd", "md5", "sha1:" + "0" * 40, "blake3:" + "A" * 64):
        assert hub.put(f"/api/v1/projects/mine/blobs/{wrong}", content=b"x").status_code in (400, 404)


def test_existence_is_told_to_nobody_else(hub: TestClient) -> None:
    """A blob of one project cannot be read, seen or named in another, though its bytes are stored once."""
    data = b"secret weights"
    digest = f"blake3:{blake3(data).hexdigest()}"
    admin = hub.post("/api/v1/tokens", json={"name": "root", "level": "admin"}).json()["secret"]
    hub.put(f"/api/v1/projects/mine/blobs/{digest}", content=data, headers=bearer(admin))
    body = {"name": "eve", "level": "admin", "projects": ["theirs"]}
    eve = bearer(hub.post("/api/v1/tokens", json=body, headers=bearer(admin)).json()["secret"])
    entry = {"path": "f", "digest": digest, "size": len(data)}
    version = {"name": "m", "type": "model", "entries": [entry]}
    for project in ("mine", "theirs"):
        for method in ("GET", "HEAD"):
            answer = hub.request(method, f"/api/v1/projects/{project}/blobs/{digest}", headers=eve)
            assert answer.status_code == 404
        answer = hub.post(f"/api/v1/projects/{project}/artifacts", json=version, headers=eve)
        assert answer.status_code == 404
    assert hub.put(f"/api/v1/projects/theirs/blobs/{digest}", content=data, headers=eve).status_code == 201
    assert hub.get(f"/api/v1/projects/theirs/blobs/{digest}", headers=eve).content == data


def test_runs_from_outside(hub: TestClient) -> None:
    """A script makes a run, logs nested metrics and NaN, changes it with compare-and-swap, deletes and restores it."""
    run = hub.post("/api/v1/projects/mine/runs", json={"name": "curl", "config": {"a": {"b": 1}}}).json()
    where = f"/api/v1/runs/{run['id']}"
    assert run["config"] == {"a.b": 1}
    for metrics in ({"loss": 0.5, "val": {"f1": "NaN"}}, {"loss": 0.25}):
        assert hub.post(f"{where}/log", json={"metrics": metrics}).json() == {}
    table = hub.get(f"{where}/history").json()["series"]
    assert (table["loss"]["steps"], table["loss"]["values"]) == ([0, 1], [0.5, 0.25])
    assert table["val/f1"]["values"] == ["NaN"]
    changed = hub.patch(where, json={"tags": {"best": ""}, "notes": "n", "revision": 0}).json()
    assert (changed["tags"], changed["notes"], changed["revision"]) == ({"best": ""}, "n", 1)
    assert hub.patch(where, json={"notes": "late", "revision": 0}).status_code == 409
    hub.post(f"{where}/log", json={"finish": "finished"})
    assert hub.get(where).json()["status"] == "finished"
    assert hub.post(f"{where}/log", json={"metrics": {"loss": 1}}).status_code == 409
    hub.post(f"{where}/delete")
    assert hub.get("/api/v1/projects/mine/runs").json()["total"] == 0
    assert hub.get("/api/v1/runs?deleted=deleted").json()["total"] == 1
    hub.post(f"{where}/restore")
    page = hub.get("/api/v1/runs?filter=metrics.loss < 0.3&order_by=metrics.loss desc&keys=loss&project=mine").json()
    assert [(row["id"], list(row["metrics"])) for row in page["runs"]] == [(run["id"], ["loss"])]


def test_the_registry(hub: TestClient) -> None:
    """Versions, aliases with compare-and-swap, stages and their history over HTTP."""
    hub.post("/api/v1/projects/mine/runs", json={})
    for content in (b"one", b"two"):
        digest = f"blake3:{blake3(content).hexdigest()}"
        hub.put(f"/api/v1/projects/mine/blobs/{digest}", content=content)
        entries = [{"path": "weights", "digest": digest, "size": 3}]
        made = hub.post("/api/v1/projects/mine/artifacts", json={"name": "a/b", "type": "model", "entries": entries})
        assert made.status_code == 201
    where = "/api/v1/projects/mine/artifacts/a%2Fb"
    assert [item["number"] for item in hub.get(where).json()["versions"]] == [2, 1]
    moved = hub.put(f"{where}/aliases/best", json={"number": 1, "expected": None, "reason": "first"}).json()
    assert (moved["number"], moved["before"]) == (1, None)
    assert hub.put(f"{where}/aliases/best", json={"number": 2, "expected": None}).status_code == 409
    assert hub.put(f"{where}/aliases/best", json={"number": 2}).json()["before"] == 1
    assert hub.post(f"{where}/v2/promote", json={"stage": "production"}).json()["alias"] == "production"
    assert hub.get(f"{where}/production").json()["entries"][0]["path"] == "weights"
    assert hub.request("DELETE", f"{where}/aliases/best").json()["number"] is None
    assert len(hub.get(f"{where}/history").json()["changes"]) == 4
    assert hub.get("/api/v1/models").json()["models"][0]["aliases"]["production"] == 2
    assert hub.patch(f"{where}/v1", json={"description": "old", "tags": {"a": "b"}}).json()["description"] == "old"
    assert hub.get(f"{where}/v9").status_code == 404


def test_a_run_of_very_many_keys_is_read_by_pages(hub: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many series runs have, one answer holds a bounded number of them; together the pages have all."""
    monkeypatch.setattr(runs, "MAX_SERIES", 5)
    wide = {f"키:{number}": number for number in range(12)}
    ids = []
    for metrics in (wide, {}, {"x": 1}, wide):
        ids.append(hub.post("/api/v1/projects/mine/runs", json={}).json()["id"])
        if metrics:
            hub.post(f"/api/v1/runs/{ids[-1]}/log", json={"metrics": metrics})
    asked: dict[str, Any] = {"runs": ids}
    found: dict[str, list[str]] = {}
    pages = 0
    while True:
        body = hub.post("/api/v1/history", json=asked).json()
        assert sum(map(len, body["runs"].values())) <= 5
        for run, table in body["runs"].items():
            found[run] = sorted([*found.get(run, []), *table])
        pages += 1
        if not body["next"]:
            break
        asked["cursor"] = body["next"]
    assert found == {ids[0]: sorted(wide), ids[1]: [], ids[2]: ["x"], ids[3]: sorted(wide)}
    assert pages == 5
    where = f"/api/v1/runs/{ids[0]}/history"
    page = hub.get(where).json()
    assert (len(page["series"]), page["next"]) == (5, f"{ids[0]}:{sorted(wide)[4]}")
    assert len(hub.get(where, params={"cursor": page["next"]}).json()["series"]) == 5
    for wrong in ({"cursor": "9" * 32 + ":"}, {"cursor": page["next"], "keys": ["x"]}, {"keys": list(wide)}):
        assert hub.post("/api/v1/history", json={"runs": ids, **wrong}).status_code == 400
