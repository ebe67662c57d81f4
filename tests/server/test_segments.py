"""Segments over HTTP: read back, asked about by strangers, sent with a credential that ends meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.server import loops
from tests.server.people import ADMIN, BASE, bearer
from tests.server.test_uploads import RUN, SEGMENT, WHERE, ZERO, frames, send

from madang.edges.native import live
from madang.edges.native.live import Live
from madang.http import calls
from madang.server.app import Application
from madang.server.security import LOOPBACK, Policy
from madang.wiring import Engine, open_store


def test_the_bytes_come_back(client: TestClient) -> None:
    """Any part of what was sent; behind the end there is nothing; the hub says that it keeps them itself."""
    data = b"".join(frames(300))
    send(client, data)
    assert client.get(f"{WHERE}?limit=16000000").content == data
    assert client.get(f"{WHERE}?offset=100&limit=50").content == data[100:150]
    assert client.get(f"{WHERE}?offset={len(data)}").content == b""
    assert client.get(f"{WHERE}?limit=99000000").status_code == 400
    head = client.head(WHERE).headers
    assert (head["madang-holds"], head["upload-offset"]) == ("?1", str(len(data)))


def test_a_page_over_a_workspace_holds_nothing(tmp_path: Path) -> None:
    """`madang ui` shows the files of the workspace: it is never the reason to remove them."""
    engine = open_store(store=str(tmp_path / "store"))
    with TestClient(Application(engine, Policy(LOOPBACK, open_locally=True)), BASE) as page:
        assert page.head(WHERE).headers["madang-holds"] == "?0"
    engine.close()


def test_strangers_get_one_answer(client: TestClient, secrets: dict[str, str]) -> None:
    """Whether a run or a segment is there makes no difference to who may not read it."""
    writer, neighbour = bearer(secrets["writer"]), bearer(secrets["neighbour"])
    headers = {"upload-offset": "0", "madang-chain": ZERO, "content-type": "application/octet-stream", **writer}
    assert client.patch(f"{WHERE}?project=mine", content=b"".join(frames(9)), headers=headers).status_code == 204
    unknown = WHERE.replace(RUN, "c" * 32)

    def seen(answer: Any) -> Any:
        return answer.status_code, {key: answer.headers.get(key) for key in ("upload-offset", "madang-chain")}

    assert seen(client.head(WHERE, headers=neighbour)) == seen(client.head(unknown, headers=neighbour))
    refused = [client.get(where, headers=neighbour) for where in (WHERE, unknown)]
    assert [answer.status_code for answer in refused] == [404, 404]
    assert refused[0].json() == refused[1].json()
    taken = client.patch(f"{WHERE}?project=theirs", content=b"".join(frames(1)), headers={**headers, **neighbour})
    made = client.post("/api/v1/projects/theirs/runs", json={"id": RUN}, headers=neighbour)
    assert (taken.status_code, made.status_code) == (409, 409)
    assert taken.json() == made.json()
    assert "mine" not in taken.text


def test_an_upload_ends_with_its_credential(
    engine: Engine, application: Application, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is revoked in the middle of a body ends the upload there; what was acknowledged stays."""
    monkeypatch.setattr(calls, "RECHECKED", 0.0)
    data = b"".join(frames(9))
    (token,) = [item for item in engine.access.tokens(ADMIN) if item.name == "writer"]

    def body() -> Iterator[bytes]:
        yield data[:200]
        engine.access.revoke(ADMIN, token.id)
        yield data[200:]

    async def play() -> tuple[int, int]:
        """The request as the server gets it: piece by piece."""
        pieces, sent = body(), []

        async def receive() -> Any:
            piece = next(pieces, b"")
            return {"type": "http.request", "body": piece, "more_body": bool(piece)}

        async def send_(message: Any) -> None:
            sent.append(message)

        headers = {
            "host": "127.0.0.1:7300", "upload-offset": "0", "madang-chain": ZERO, **bearer(secrets["writer"]),
            "content-type": "application/octet-stream",
        }  # fmt: skip
        await application(
            {
                "type": "http", "method": "PATCH", "path": WHERE, "raw_path": WHERE.encode(), "scheme": "http",
                "query_string": b"project=mine", "server": ("127.0.0.1", 7300), "client": ("127.0.0.1", 1),
                "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
            },
            receive, send_,
        )  # fmt: skip
        return sent[0]["status"], len(sent)

    assert loops.run(play())[0] == 401
    assert engine.tracking.segment(ADMIN, RUN, SEGMENT).offset == 0


def test_a_mistake_in_one_look_is_not_the_last(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """An error that nobody expected is logged, the streams look for themselves, and the poller goes on."""
    monkeypatch.setattr(live, "INTERVAL", 0.01)
    monkeypatch.setattr(live, "AFTER_MISTAKE", 0.01)
    looks: list[int] = []

    def look(runs: object) -> int:
        looks.append(1)
        if len(looks) == 1:
            raise ZeroDivisionError
        return len(looks)

    async def play() -> None:
        hub = Live(look)
        beats: AsyncIterator[bool] = hub.beats()
        for _ in range(4):
            assert await anext(beats)
        hub.stop()
        await asyncio.sleep(0)

    loops.run(play())
    assert len(looks) > 1
    assert "look for news failed" in caplog.text
