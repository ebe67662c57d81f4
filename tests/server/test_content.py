"""Bytes that users chose: served so that a browser never runs them as ours."""

from __future__ import annotations

from starlette.testclient import TestClient
from tests.server.people import ADMIN

from madang.domain.versions import Entry
from madang.formats import segment as codec
from madang.formats.segment import CHAIN_START, frame
from madang.wiring import Engine

SCRIPT = b"<script>fetch('/api/v1/me')</script>"
NAMES = [
    ("page.html", "text/html"),
    ("other.html", "TEXT/HTML; charset=utf-7"),
    ("picture.svg", "image/svg+xml"),
    ("page.xhtml", "application/xhtml+xml"),
    ("page.xml", "text/xml"),
    ("script.js", "text/javascript"),
    ("style.css", "text/css"),
    ("book.ipynb", "application/x-ipynb+json"),
    ("paper.pdf", "application/pdf"),
    ("worker.mjs", "application/ecmascript"),
    ("a.png", "image/png"),
    ("none", ""),
    ('"><script>.png', "image/png\r\nset-cookie: a=b"),
    ("한글 \u202e이름.txt", "text/plain"),
    ("new\nline.txt", "multipart/x-mixed-replace"),
]
RUNNABLE = ("html", "xml+", "javascript", "ecmascript", "css", "pdf", "json", "multipart")


def uploaded(engine: Engine, files: list[tuple[str, str]]) -> str:
    """A run with these files, sent as a segment."""
    run, segment = "a" * 32, "b" * 32
    blob = engine.artifacts.put_blob(ADMIN, "mine", [SCRIPT])
    head = {"t": 1, "format": 1, "run": run, "segment": segment, "project": "mine", "writer": "process"}
    bodies = [(codec.HEADER, head)]
    bodies += [(codec.FILE, {"t": 2, "path": n, "digest": blob.digest, "size": blob.size, "mime": m}) for n, m in files]
    data, chain = b"", CHAIN_START
    for number, (kind, body) in enumerate(bodies):
        more, chain = frame(number, chain, bytes((kind,)) + codec.encode_json(body))
        data += more
    engine.tracking.append(ADMIN, "mine", run, segment, 0, "0" * 32, data)
    return run


def test_files_of_a_run_are_attachments(client: TestClient, engine: Engine) -> None:
    """Whatever a run calls its file, it comes as an attachment, sandboxed, of a type that no browser runs."""
    run = uploaded(engine, NAMES)
    for name, _ in NAMES:
        path = "".join(f"%{byte:02x}" for byte in name.encode())
        answer = client.get(f"/api/v1/runs/{run}/files/{path}")
        assert (answer.status_code, answer.content) == (200, SCRIPT), name
        kind = answer.headers["content-type"]
        assert not any(part in kind for part in RUNNABLE), kind
        assert answer.headers["content-disposition"].startswith("attachment; ")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
        assert all(sign.isprintable() for sign in answer.headers["content-disposition"])


def test_html_is_shown_without_an_origin(client: TestClient, engine: Engine) -> None:
    """Asked for by name, HTML comes inline in a sandbox without origin or network; other types stay attached."""
    run = uploaded(engine, [("page.html", "text/html"), ("a.js", "text/javascript")])
    shown = client.get(f"/api/v1/runs/{run}/files/page.html?sandboxed=true")
    policy = shown.headers["content-security-policy"]
    assert shown.headers["content-type"].startswith("text/html")
    assert policy.startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    again = client.get(shown.url.path + "?sandboxed=true", headers={"if-none-match": shown.headers["etag"]})
    assert (again.status_code, again.headers["content-security-policy"]) == (304, policy)
    script = client.get(f"/api/v1/runs/{run}/files/a.js?sandboxed=true")
    assert script.headers["content-type"] == "application/octet-stream"
    assert script.headers["content-disposition"].startswith("attachment")


def test_versions_and_blobs_are_attachments_too(client: TestClient, engine: Engine) -> None:
    """Files of versions and blobs follow the same rule, with ranges and the digest as their tag."""
    blob = engine.artifacts.put_blob(ADMIN, "mine", [SCRIPT])
    engine.artifacts.create(ADMIN, "mine", "m", "model", [Entry("d/page.html", blob.digest, blob.size)])
    for path in ("artifacts/m/v1/files/d/page.html", "artifacts/m/latest/files/d%2Fpage.html", f"blobs/{blob.digest}"):
        answer = client.get(f"/api/v1/projects/mine/{path}")
        assert answer.content == SCRIPT
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"] == "application/octet-stream"
        tag = answer.headers["etag"]
        assert client.get(f"/api/v1/projects/mine/{path}", headers={"if-none-match": tag}).status_code == 304
        part = client.get(f"/api/v1/projects/mine/{path}", headers={"range": "bytes=1-6"})
        assert (part.status_code, part.content) == (206, SCRIPT[1:7])
        assert part.headers["content-range"] == f"bytes 1-6/{len(SCRIPT)}"
        assert client.get(f"/api/v1/projects/mine/{path}", headers={"range": "bytes=-5"}).content == SCRIPT[-5:]
        for far in ("bytes=99-", f"bytes={len(SCRIPT)}-", "bytes=-0"):
            answer = client.get(f"/api/v1/projects/mine/{path}", headers={"range": far})
            assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(SCRIPT)}")
        for odd in ("bytes=0-1,3-4", "items=0-1", "bytes=x-", "bytes=-", "bytes=5-2"):
            assert client.get(f"/api/v1/projects/mine/{path}", headers={"range": odd}).content == SCRIPT


def test_texts_of_users_are_json(client: TestClient) -> None:
    """Names, notes, tags and errors with markup come as JSON, never as a page."""
    evil = "<img src=x onerror=alert(1)>"
    body = {"name": evil, "notes": evil, "tags": {evil: evil}, "config": {evil: evil}}
    run = client.post("/api/v1/projects/mine/runs", json=body).json()
    assert run["name"] == evil
    for path in (f"/api/v1/runs/{run['id']}", "/api/v1/runs", f"/api/v1/runs/{evil}", f"/api/v1/runs?filter={evil}"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_only_serves_its_own_files(client: TestClient) -> None:
    """Any path shows the page; a path below assets that is not in the bundle is not found; nothing else is opened."""
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for path in (
        "/runs/x",
        "/projects/%EB%A7%88%EB%8B%B9",
        "/etc/passwd",
        "/pyproject.toml",
        "/%2e%2e%2fpyproject.toml",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.content) in ((200, page.content), (400, answer.content)), path
        assert b"hatchling" not in answer.content
    assert client.get("/madang/wine/runs/x/").content == page.content
    assert client.get("/assets/none.js").status_code == 404
    tag = page.headers["etag"]
    assert client.get("/", headers={"if-none-match": tag}).status_code == 304
    assert client.post("/").status_code == 405
