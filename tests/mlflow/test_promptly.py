"""Small requests are answered without a thread of their own, and as all others are."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import urlsplit

import pytest
from mlflow import MlflowClient
from tests.mlflow.conftest import Hub
from tests.server.test_running import Server

from madang.http.threads import Threads
from madang.server.promptly import Promptly
from madang.services.open_runs import OpenRuns

NOW = 1_790_000_000_000
API = "/api/2.0/mlflow/"
KIND = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is slow today turns no request away from the way that is looked at here."""
    monkeypatch.setattr("madang.server.promptly._LONG", 60.0)


@pytest.fixture
def run(client: MlflowClient, hub: Hub) -> str:
    """A run that was written to."""
    known = client.get_experiment_by_name("prompt")
    made: str = client.create_run(known.experiment_id if known else client.create_experiment("prompt")).info.run_id
    client.log_metric(made, "before", 1.0)
    return made


@pytest.fixture
def connection(hub: Hub) -> Iterator[HTTPConnection]:
    """A connection that goes on."""
    with closing(HTTPConnection(urlsplit(hub.address).netloc, timeout=200)) as made:
        yield made


def _point(run: str, step: int) -> dict[str, Any]:
    return {"run_id": run, "key": "m", "value": step * 0.5, "timestamp": NOW + step, "step": step}


def _asked(connection: HTTPConnection, path: str, body: Any, **headers: str) -> tuple[HTTPResponse, bytes]:
    connection.request("POST", API + path, json.dumps(body), {**KIND, **headers})
    answer = connection.getresponse()
    return answer, answer.read()


def test_no_thread_is_asked(
    hub: Hub, client: MlflowClient, run: str, connection: HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run logs is answered where it is read, with the same headers as from a thread, and is there then."""

    async def none(self: Threads, work: object) -> None:
        raise AssertionError("a thread was asked")

    usual, said = _asked(connection, "runs/log-metric", _point(run, 0), Connection="close")
    with monkeypatch.context() as patch:
        patch.setattr(Threads, "run", none)
        prompt, found = _asked(connection, "runs/log-metric", _point(run, 1))
        batch = {"run_id": run, "params": [{"key": "p", "value": "1"}], "tags": [{"key": "t", "value": "2"}]}
        assert _asked(connection, "runs/log-batch", batch)[0].status == 200
        made, text = _asked(connection, "runs/create", {"experiment_id": "0"})
        assert made.status == 200
    headers = [
        {(name.lower(), text) for name, text in answer.getheaders() if name.lower() not in ("date", "connection")}
        for answer in (usual, prompt)
    ]
    assert headers[0] == headers[1]
    assert "content-security-policy" in dict(headers[1])
    assert said == found == b"{}"
    kept = client.get_run(run).data
    assert (kept.metrics["m"], kept.params, kept.tags["t"]) == (0.5, {"p": "1"}, "2")
    assert client.get_run(json.loads(text)["run"]["info"]["run_id"]).info.status == "RUNNING"


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("runs/log-metric", {"run_id": ""}, {}),
        ("runs/log-metric", {"run_id": "f" * 32}, {}),
        ("runs/log-metric", {"value": "x"}, {}),
        ("runs/log-metric", {"timestamp": -1}, {}),
        ("runs/log-metric", {}, {"content-type": "text/plain"}),
        ("runs/log-metric", {}, {"host": "evil.example"}),
        ("runs/log-metric", {}, {"origin": "http://evil.example"}),
        ("runs/log-metric", {}, {"authorization": "Bearer no"}),
        ("runs/log-parameter", {"key": "p", "value": "other"}, {}),
        ("runs/create", {"experiment_id": "99999"}, {}),
        ("runs/update", {"status": "NONE"}, {}),
    ],
)
def test_refusals(
    run: str, connection: HTTPConnection, path: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    """What is refused is refused in the same words, whichever way it is answered, and nothing of it is kept."""
    body = {**_point(run, 5), **body}
    assert _asked(connection, "runs/log-parameter", {"run_id": run, "key": "p", "value": "1"})[0].status == 200
    usual, said = _asked(connection, path, body, Connection="close", **headers)
    prompt, found = _asked(connection, path, body, **headers)
    assert (usual.status, said) == (prompt.status, found)
    assert prompt.status >= 400


def test_a_defect(run: str, connection: HTTPConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of the server's own is answered as one, so that clients try again, and the connection goes on."""

    def mistaken(self: OpenRuns, run: str) -> None:
        raise LookupError(run)

    with monkeypatch.context() as patch:
        patch.setattr(OpenRuns, "get", mistaken)
        answer, said = _asked(connection, "runs/log-metric", _point(run, 1))
        assert (answer.status, json.loads(said)["error_code"]) == (500, "INTERNAL_ERROR")
    assert _asked(connection, "runs/log-metric", _point(run, 1))[0].status == 200


@pytest.mark.parametrize("reads", [False, True])
def test_the_first_token_closes_the_hub(
    hub: Hub, client: MlflowClient, run: str, connection: HTTPConnection, reads: bool
) -> None:
    """From the moment at which another process has made a token, nothing more is written or told without one."""
    assert _asked(connection, "runs/log-metric", _point(run, 1))[0].status == 200
    with closing(sqlite3.connect(f"{hub.engine.store.store}/records.db", isolation_level=None)) as other:
        other.execute("INSERT INTO tokens VALUES ('1', x'01', 'n', 3, x'80', '', 'token', '', 1, '', 0, 0)")
        try:
            if reads:
                connection.request("GET", f"{API}runs/get?run_id={run}")
                answer = connection.getresponse()
                said = answer.read()
            else:
                answer, said = _asked(connection, "runs/log-metric", _point(run, 2))
        finally:
            other.execute("DELETE FROM tokens")
            hub.engine.access._claimed = False
    assert (answer.status, json.loads(said)["error_code"]) == (401, "UNAUTHENTICATED")
    assert [item.value for item in client.get_metric_history(run, "m")] == [0.5]


def test_a_writer_is_not_waited_for(hub: Hub, client: MlflowClient, run: str, connection: HTTPConnection) -> None:
    """While another process writes, a request waits for it and all others are answered; none is lost."""
    answers: list[int] = []
    with closing(sqlite3.connect(f"{hub.engine.store.store}/records.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = threading.Thread(
            target=lambda: answers.append(_asked(connection, "runs/log-metric", _point(run, 1))[0].status)
        )
        waiting.start()
        assert [hub.ask("GET", "/version")[0] for _ in range(20)] == [200] * 20
        assert not answers
        other.execute("ROLLBACK")
        waiting.join(200)
    assert answers == [200]
    assert [item.value for item in client.get_metric_history(run, "m")] == [0.5]


def test_pieces(hub: Hub, client: MlflowClient, run: str) -> None:
    """A request may come in pieces, two at once, or be too large to be kept: each is answered once and in order."""
    host, port = urlsplit(hub.address).netloc.split(":")
    many = {"run_id": run, "metrics": [_point(run, step) for step in range(10, 1000)]}
    large = json.dumps(many | {"tags": [{"key": "long", "value": "x" * (300 << 10)}]}).encode()
    small = [json.dumps(_point(run, step)).encode() for step in range(3)]

    def request(path: str, body: bytes) -> bytes:
        head = f"POST {API}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body

    with closing(socket.create_connection((host, int(port)), 200)) as raw, raw.makefile("rb") as told:
        for byte in request("runs/log-metric", small[0]):
            raw.sendall(bytes((byte,)))
        raw.sendall(request("runs/log-metric", small[1]) + request("runs/log-batch", large))
        raw.sendall(request("runs/log-metric", small[2]))
        for _ in range(4):
            line = told.readline()
            assert line == b"HTTP/1.1 200 OK\r\n", told.read1(3000)[-800:]
            while told.readline() != b"\r\n":
                pass
            assert told.read(2) == b"{}"
    steps = [item.step for item in client.get_metric_history(run, "m")]
    assert steps == [0, 1, 2, *range(10, 1000)]


def test_a_request_that_comes_in_is_answered_before_the_end(tmp_path: Path) -> None:
    """A server that is asked to stop waits for the rest of a request that has begun."""
    hub = Server("hub", "--store", str(tmp_path), "--port", "0", "--stop-within", "200")
    body = b'{"experiment_id":"0"}'
    head = f"POST {API}runs/create HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with closing(socket.create_connection(("127.0.0.1", hub.port), 200)) as raw, raw.makefile("rb") as told:
        raw.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body[:5])
        hub.request("GET", "/health")
        hub.process.send_signal(signal.SIGTERM)
        hub.takes_no_more()
        raw.sendall(body[5:])
        assert told.readline() == b"HTTP/1.1 200 OK\r\n"
        assert b"connection: close" in told.read()
    assert hub.ended() == 0


def test_a_slow_disk_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where answers take long again and again, the next ones are left to threads for a while; one alone is chance."""
    moments = iter([0.0, 0.2, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 4.0, 4.1])
    monkeypatch.setattr("madang.server.promptly._LONG", 0.05)
    monkeypatch.setattr("madang.server.promptly.perf_counter", lambda: next(moments))
    edge, route = MagicMock(), MagicMock()
    promptly = Promptly(MagicMock(), edge, MagicMock())
    for _ in range(5):  # the first takes 0.2 seconds, the others 0.1: the last of them is one too many
        promptly.answer({}, route, b"")
    assert edge.at_once.call_count == 5
    assert promptly.answer({}, route, b"") is None
    assert edge.at_once.call_count == 5
    promptly.answer({}, route, b"")  # long after
    assert edge.at_once.call_count == 6
