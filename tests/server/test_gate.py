"""The gate: names, origins, credentials, limits and headers."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from tests.server.people import ADMIN, BASE, bearer

from madang.domain.access import Permission
from madang.errors import AccessDenied, InvalidInput, NotFound, Unauthenticated
from madang.server.app import Application
from madang.server.security import LOOPBACK, Policy, allowed_hosts, is_loopback
from madang.services.access import Access
from madang.wiring import Engine

RUN = "/api/v1/projects/mine/runs"


OTHERS = (
    "evil.example", "evil.example:7300", "127.0.0.1.evil.example", "localhost.", "localhost.:7300", "127.0.0.1.",
    "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[::1", "::1",
    "127.0.0.1:99999", "127.0.0.1:7300:1", "localhost@evil.example", "evil.example#localhost", "", " localhost",
    "localhost evil.example", "[0:0:0:0:0:0:0:1]", "xn--lcalhost-54a", "192.168.0.1", "169.254.169.254",
)  # fmt: skip


def test_other_names_are_refused(client: TestClient) -> None:
    """A request by any name but the server's own ends at the gate: a rebound name of another site does not get in.

    The loopback names pass whatever the port says: an SSH tunnel changes it.
    """
    for host in OTHERS:
        assert client.get("/api/v1/projects", headers={"host": host}).status_code in (400, 403), host
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:7300", "127.0.0.1"):
        assert client.get("/api/v1/projects", headers={"host": host}).status_code == 200, host


def test_wildcard_hosts(engine: Engine) -> None:
    """On all addresses, the literal address a connection came in on is a name of the server; others are not."""
    application = Application(engine, Policy(allowed_hosts("0.0.0.0", ["Hub.example"]), wildcard=True))
    with TestClient(application, "http://10.1.2.3:80") as client:
        assert client.get("/health", headers={"host": "hub.example"}).status_code == 200
        assert client.get("/health").status_code == 200  # the test client's connection is to 10.1.2.3
        assert client.get("/health", headers={"host": "10.1.2.4"}).status_code == 403
    assert is_loopback("127.8.9.1")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("localhost.evil.example")


FOREIGN = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:9999"},
    {"origin": "http://localhost:7300"},
    {"origin": "http://127.0.0.1:7300.evil.example"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
]


def test_other_sites_change_nothing(client: TestClient, application: Application) -> None:
    """Every state-changing route refuses a request that a page of another site made, on an open hub too."""
    changing = [
        (route.method, table.prefix + route.pattern)
        for table in application.tables
        for route in table.routes
        if route.method not in ("GET", "HEAD")
    ]
    for number, (method, path) in enumerate(changing):
        kinds = FOREIGN if number < 3 else (FOREIGN[number % len(FOREIGN)], FOREIGN[0])
        for headers in kinds:
            assert client.request(method, path, headers=headers, json={}).status_code == 403, (path, headers)
    assert client.get("/api/v1/projects").json() == {"projects": []}


def test_forms_are_not_taken(client: TestClient) -> None:
    """The content types that a form of another site can send are refused."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = client.post(RUN, content=b'{"name": "x"}', headers={"content-type": kind})
        assert answer.status_code == 400
    assert client.post(RUN, json={"name": "x"}, headers={"origin": BASE}).status_code == 201


def test_other_sites_read_nothing(client: TestClient) -> None:
    """A page of another site cannot read, and no answer allows it by CORS."""
    refused = client.get("/api/v1/projects", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"})
    assert refused.status_code == 403
    for method in ("GET", "OPTIONS"):
        answer = client.request(method, "/api/v1/projects", headers={"origin": "http://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_session_needs_the_origin(client: TestClient, secrets: dict[str, str]) -> None:
    """A cookie opens reading; a change by it needs the page's Origin. Scripts and other sites do not get it."""
    signed = client.post("/api/v1/session", json={"token": secrets["writer"]}, headers={"origin": BASE})
    cookie = signed.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/api/v1/me").json()["name"] == "writer"
    assert client.post(RUN, json={}).status_code == 403
    assert client.post(RUN, json={}, headers={"origin": BASE}).status_code == 201
    client.request("DELETE", "/api/v1/session", headers={"origin": BASE})
    assert client.get("/api/v1/me").json()["name"] == "anonymous"


def test_headers_stand_on_every_answer(client: TestClient) -> None:
    """Success, refusal and page carry the headers that keep browsers in bounds."""
    answers = [
        client.get("/"),
        client.get("/health"),
        client.get("/api/v1/projects"),
        client.get("/api/v1/nothing"),
        client.get("/health", headers={"host": "evil.example"}),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "'unsafe-inline'" not in policy.replace("style-src-attr 'unsafe-inline'", "")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_bodies_have_limits(client: TestClient, application: Application) -> None:
    """A body over its route's limit is refused: by its announced length, or on the way when it announces none."""
    big = b'{"name": "' + b"x" * (5 << 20) + b'"}'
    kind = {"content-type": "application/json"}
    assert client.post(RUN, content=big, headers=kind).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield b'{"name": "'
        for _ in range(500):
            yield b"x" * 10_000

    assert client.post(RUN, content=pieces(), headers=kind).status_code == 413
    deep = b"[" * 100_000
    assert client.post("/api/v1/history", content=deep, headers=kind).status_code == 400
    for nonsense in (b"", b"null", b"\xff", b'{"runs": 3}', b'{"runs": [], "more": 1}', b'{"runs": [1]}'):
        assert client.post("/api/v1/history", content=nonsense, headers=kind).status_code == 400, nonsense
    huge = {"runs": ["a"] * 300, "keys": ["k"] * 300}
    assert client.post("/api/v1/history", json=huge).status_code == 400


def test_an_open_hub_closes_with_its_first_token(client: TestClient, engine: Engine) -> None:
    """Before the first token the machine's user is in, but nobody whom a proxy passed on; after it, and after it was
    revoked, a token is needed.
    """
    assert client.get("/api/v1/projects").status_code == 200
    for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"):
        assert client.get("/api/v1/projects", headers={name: "for=10.0.0.1"}).status_code == 401
    made, secret = engine.access.create_token(ADMIN, "ann", Permission.READ)
    assert client.get("/api/v1/projects").status_code == 401
    assert client.get("/api/v1/projects", headers=bearer(secret)).status_code == 200
    basic = base64.b64encode(f"anything:{secret}".encode()).decode()
    assert client.get("/api/v1/projects", headers={"authorization": f"Basic {basic}"}).status_code == 200
    for wrong in ("Bearer mdg_wrong", "Bearer ", "Basic %%%", "Digest x", f"Bearer {secret}x", "Bearer " + "x" * 9000):
        assert client.get("/health", headers={"authorization": wrong}).status_code == 401, wrong[:30]
    engine.access.revoke(ADMIN, made.id)
    assert client.get("/api/v1/projects", headers=bearer(secret)).status_code == 401
    assert client.get("/api/v1/projects").status_code == 401


def test_only_hashes_are_kept(engine: Engine) -> None:
    """The store has no secret in it, and a token's record does not open anything."""
    made, secret = engine.access.create_token(ADMIN, "ann", Permission.WRITE, ["wine"])
    assert len(secret) == 44
    assert secret.startswith("mdg_")
    assert secret not in repr(engine.records.tokens.tokens())
    for wrong in (made.digest, made.id, secret[:-1], secret.upper(), ""):
        with pytest.raises(Unauthenticated):
            engine.access.authenticate(wrong)


def test_tokens_end(engine: Engine) -> None:
    """A token ends by time or by revocation, and the sessions it opened end with it; a session opens no session."""
    clock = [time.time_ns() // 1000]
    access = Access(engine.records.tokens, lambda: clock[0])
    made, secret = access.create_token(ADMIN, "ann", Permission.READ, None, clock[0] + 10)
    who, session = access.open_session(secret)
    assert access.authenticate_session(session) == who == access.authenticate(secret)
    with pytest.raises(Unauthenticated):
        access.authenticate(session)
    with pytest.raises(Unauthenticated):
        access.open_session(session)
    clock[0] += 10
    with pytest.raises(Unauthenticated):
        access.authenticate(secret)
    with pytest.raises(Unauthenticated):
        access.authenticate_session(session)
    lasting, again = access.create_token(ADMIN, "bob", Permission.READ)
    _, other = access.open_session(again)
    access.revoke(ADMIN, lasting.id)
    with pytest.raises(Unauthenticated):
        access.authenticate_session(other)
    with pytest.raises(InvalidInput):
        access.create_token(ADMIN, "ann", Permission.READ, None, clock[0])
    assert made.id in {token.id for token in access.tokens(ADMIN)}


def test_admins_of_a_project_manage_its_tokens_alone(engine: Engine) -> None:
    """They make, see and revoke tokens for their projects, never for others, for all, or beyond a run."""
    access = engine.access
    _, secret = access.create_token(ADMIN, "owner", Permission.ADMIN, ["mine"])
    everywhere, _ = access.create_token(ADMIN, "root", Permission.ADMIN)
    owner = access.authenticate(secret)
    made, _ = access.create_token(owner, "ann", Permission.WRITE, ["mine"])
    for projects in (None, ["theirs"], ["mine", "theirs"]):
        with pytest.raises(AccessDenied):
            access.create_token(owner, "eve", Permission.READ, projects)
    assert {token.name for token in access.tokens(owner)} == {"owner", "ann"}
    with pytest.raises(NotFound):
        access.revoke(owner, everywhere.id)
    access.revoke(owner, made.id)
    _, narrow = access.create_token(ADMIN, "job", Permission.ADMIN, ["mine"], run="0" * 32)
    with pytest.raises(AccessDenied):
        access.create_token(access.authenticate(narrow), "eve", Permission.READ, ["mine"])


def test_one_time_tokens_open_once(engine: Engine) -> None:
    """The token in the address of `madang ui` makes one session; shown again it opens nothing new."""
    application = Application(engine, Policy(LOOPBACK))
    secret = engine.access.issue_one_time(ADMIN)
    with TestClient(application, BASE, follow_redirects=False) as client:
        assert client.get("/api/v1/projects").status_code == 401
        entered = client.get(f"/?token={secret}")
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        assert secret not in str(entered.headers)
        assert client.get("/api/v1/projects").status_code == 200
        assert client.get(f"/?token={secret}").status_code == 303  # the same browser goes on by its session
        client.cookies.clear()
        assert client.get(f"/?token={secret}").status_code == 401
        assert client.get("/?token=mdo_nonsense").status_code == 401
        assert client.post("/api/v1/session", json={"token": secret}).status_code == 401
        assert client.get("//evil.example/?token=x").status_code in (400, 401)
