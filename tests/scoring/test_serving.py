"""`madang models serve`: swaps without a lost request, failures that leave the old version, limits, who may call."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3
from tests.mlflow.conftest import serving
from tests.scoring.conftest import NAME, PROJECT, Registry, Server

from madang.cli.serving import Loading, source_of
from madang.config import HubConfig
from madang.domain.query import RunQuery
from madang.errors import NotFound
from madang.testing.patience import wait_for
from madang.wiring import open_hub


def number_of(server: Server) -> int:
    """The number that the version in place answers with."""
    status, body = server.ask([[1]])
    assert status == 200, body
    return int(body["predictions"][0])


def children(server: Server) -> list[int]:
    """The processes that score."""
    listed = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True, check=True)
    return [int(pid) for pid in listed.stdout.split()]


def test_swaps_lose_no_request(registry: Registry) -> None:
    """Four callers ask without a pause while the alias moves, also back: each request is answered well."""
    server = registry.serve("--allow-pickle", "--workers", "2")
    answers: list[tuple[int, int]] = []
    over = threading.Event()

    def ask() -> None:
        pool = urllib3.PoolManager(1)
        while not over.is_set():
            answer = pool.request("POST", f"{server.url}/invocations", json={"inputs": [[1]]}, retries=False)
            answers.append((answer.status, answer.json()["predictions"][0] if answer.status == 200 else 0))

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    for wanted in (2, 1, 2, 1):
        registry.point(wanted)
        wait_for(lambda: number_of(server) == wanted)  # noqa: B023 - asked before the next round
        then = len(answers)
        wait_for(lambda: wanted in {number for _, number in answers[then:]})  # noqa: B023 - as above
    wait_for(lambda: len(answers) > 100)
    over.set()
    for caller in callers:
        caller.join()
    assert {status for status, _ in answers} == {200}
    assert {number for _, number in answers} == {1, 2}
    assert len(answers) > 100
    told = server.get("/metrics").data.decode()
    assert "madang_model_swaps_total 4" in told
    assert f'madang_model_info{{name="{NAME}",version="v1"' in told
    assert 'madang_request_seconds_bucket{route="/invocations",le="+Inf"}' in told
    assert server.stop() == 0


def test_a_version_that_fails_leaves_the_old_one(registry: Registry) -> None:
    """What cannot be loaded, or not score its own example, is told; the old version goes on, and recovers the probe."""
    server = registry.serve("--allow-pickle")
    assert registry.probe(server) == 0
    registry.register(3, broken="load")
    registry.point(3)
    wait_for(lambda: "the weights are gone" in server.get("/status").json()["failure"])
    assert number_of(server) == 1
    assert registry.probe(server) == 1
    told = server.get("/metrics").data.decode()
    assert "madang_model_failures_total 1" in told
    assert "madang_model_up_to_date 0" in told
    assert f"{NAME}:v3 cannot be served; {NAME}:v1 goes on" in server.said()
    example = {"saved_input_example_info": {"serving_input_path": "input_example.json"}}
    registry.register(4, broken="predict", **example)
    registry.point(4)
    wait_for(lambda: "cannot score the example" in server.get("/status").json()["failure"])
    assert number_of(server) == 1
    registry.point(1)
    wait_for(lambda: registry.probe(server) == 0)


def test_a_process_that_dies_is_replaced(registry: Registry) -> None:
    """A request whose process died is tried once more; one that kills two gets 503 and Retry-After; all goes on."""
    server = registry.serve("--allow-pickle")
    assert server.ask([["die once"]]) == (200, {"predictions": [1]})
    answer = urllib3.request("POST", f"{server.url}/invocations", json={"inputs": [["die"]]}, retries=False)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["error_code"] == "TEMPORARILY_UNAVAILABLE"
    assert number_of(server) == 1
    wait_for(lambda: "madang_worker_restarts_total 3" in server.get("/metrics").data.decode())
    status, body = server.ask([["raise"]])
    assert (status, body["error_code"]) == (400, "BAD_REQUEST")
    assert "no such thing" in body["message"]
    assert "Traceback" not in str(body)


def test_processes_killed_while_idle_are_replaced(registry: Registry) -> None:
    """A request after all processes were killed from outside waits for a new one."""
    server = registry.serve("--allow-pickle", "--workers", "3")
    for pid in children(server):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert number_of(server) == 1


def test_limits(registry: Registry, tmp_path: Path) -> None:
    """A body that is too large, and a request too many, are refused with the right status; the others are answered."""
    server = registry.serve("--allow-pickle", "--max-body", "1", "--timeout", "250", "--queue", "1")
    status, body = server.ask(["x" * (2 << 20)])
    assert (status, body["error_code"]) == (413, "REQUEST_LIMIT_EXCEEDED")
    gate, found = tmp_path / "gate", list[int]()
    slow = [threading.Thread(target=lambda: found.append(server.ask([["wait", str(gate)]])[0])) for _ in range(2)]
    for number, one in enumerate(slow):
        one.start()
        wait_for(lambda: in_flight(server) == (number + 1, number))  # noqa: B023 - asked before the next round
    assert server.ask([[1]])[0] == 503
    gate.touch()
    for one in slow:
        one.join()
    assert found == [200, 200]


def in_flight(server: Server) -> tuple[int, int]:
    """Requests that are not answered yet, and those among them that wait for a process."""
    told = server.get("/metrics").data.decode()
    waiting = next(line for line in told.splitlines() if line.startswith("madang_requests_waiting "))
    return server.get("/status").json()["in_flight"], int(waiting.split()[1])


def test_a_request_that_takes_too_long(registry: Registry, tmp_path: Path) -> None:
    """It is given up with the right status, and its process makes room for another one."""
    server = registry.serve("--allow-pickle", "--timeout", "0.5")
    assert server.ask([["wait", str(tmp_path / "never")]])[0] == 504
    wait_for(lambda: server.ask([[1]])[0] == 200)


def test_a_signal_lets_requests_end_and_the_record_tells_what_was_served(registry: Registry, tmp_path: Path) -> None:
    """SIGTERM answers what was asked, then ends with code 0; the run of the server names each version and when."""
    server = registry.serve("--allow-pickle", "--timeout", "250", "--stop-within", "250")
    registry.point(2)
    wait_for(lambda: number_of(server) == 2)
    gate, found = tmp_path / "gate", list[tuple[int, object]]()
    slow = threading.Thread(target=lambda: found.append(server.ask([["wait", str(gate)]])))
    slow.start()
    wait_for(lambda: server.get("/status").json()["in_flight"] == 1)
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: takes_no_more(server))
    assert not found
    gate.touch()
    assert server.process.wait(200) == 0
    slow.join()
    assert found == [(200, {"predictions": [2]})]
    run = registry.reader.runs(RunQuery((PROJECT,))).runs[0]
    assert (run.job_type, run.status) == ("serve", "finished")
    assert [use.ref for use in run.uses] == [f"{NAME}:v1", f"{NAME}:v2"]
    lines = [line.text for line in registry.reader.console(run.id).lines]
    assert f"{NAME}:v2" in lines[1]
    assert f"instead of {NAME}:v1" in lines[1]


def takes_no_more(server: Server) -> bool:
    """Whether new connections are refused."""
    try:
        server.get("/ping")
    except urllib3.exceptions.HTTPError:
        return True
    return False


def test_a_hub_that_fell_silent_keeps_no_server_from_ending(registry: Registry, tmp_path: Path) -> None:
    """While it asks for the wanted version and gets no answer (for ten minutes), SIGTERM ends it all the same."""
    with contextmanager(serving)(open_hub(HubConfig(store=str(registry.project.store)))) as hub:
        server = registry.serve("--allow-pickle", MADANG_HUB=hub.address)
    address = urllib3.util.parse_url(hub.address)
    with socket.create_server((str(address.host), int(address.port or 0))) as silent:
        asked, _ = silent.accept()
        with asked:
            assert asked.recv(1)
            assert number_of(server) == 1
            assert server.stop() == 0


def test_who_may_call(registry: Registry) -> None:
    """Beyond loopback a token is needed to start; callers show it, probes need none; foreign Host names are refused."""
    refused = registry.serve("--allow-pickle", "--host", "0.0.0.0", ready=False)
    assert refused.process.wait() == 1
    assert "MADANG_SERVING_TOKEN" in refused.said()
    server = registry.serve(
        "--allow-pickle", "--host", "0.0.0.0", MADANG_SERVING_TOKEN="key-1", MLFLOW_TRACKING_TOKEN="x"
    )
    assert server.ask([[1]])[0] == 401
    assert server.get("/metrics").status == 401
    assert server.get("/ping").status == 200
    assert server.ask([[1]], headers={"authorization": "Bearer wrong"})[0] == 401
    assert server.ask([[1]], headers={"authorization": "Bearer key-1"})[0] == 200
    assert server.ask([[1]], headers=urllib3.make_headers(basic_auth="me:key-1"))[0] == 200
    assert server.get("/ping", headers={"host": "evil.example"}).status == 403
    asked = server.ask([["secrets"]], headers={"authorization": "Bearer key-1"})
    assert asked == (200, {"predictions": []})  # the model's code knows no credential
    server.stop()
    open_one = registry.serve("--allow-pickle", "--host", "0.0.0.0", "--open")
    assert open_one.ask([[1]], headers={"x-forwarded-for": "10.0.0.9"})[0] == 200


def test_a_pickle_is_loaded_only_when_asked_for(registry: Registry) -> None:
    """Without the flag the server does not start, and says which file and which flag."""
    refused = registry.serve(ready=False)
    assert refused.process.wait() == 1
    assert "model.pkl is a pickle" in refused.said()
    assert "--allow-pickle" in refused.said()


def test_names(registry: Registry) -> None:
    """A version is named as we do and as MLflow does, by its digest, or as a folder; what is not there is told."""
    registry.point(2, "champion")
    reader, loading = registry.reader, Loading(allow_pickle=True, rebuilt=False)
    digest = reader.resolve(PROJECT, f"{NAME}:v2").digest

    def meant(text: str) -> tuple[str, bool]:
        source, may_change = source_of(reader, text, "", loading)
        return source.wanted().ref, may_change

    for text in (f"{NAME}:v2", f"{NAME}/2", f"models:/{NAME}/2", digest[:24]):
        assert meant(text) == (f"{NAME}:v2", False)
    for text in (f"{NAME}@champion", f"models:/{NAME}@champion"):
        assert meant(text) == (f"{NAME}:v2", True)
    assert meant(f"models:/{NAME}/Production") == (f"{NAME}:v1", True)
    for missing in (f"{NAME}@nobody", "없다@production", "0123456789abcdef", "runs:/1234/model"):
        with pytest.raises(NotFound):
            meant(missing)
    assert registry.serve(name=f"{NAME}@nobody", ready=False).process.wait() == 1
    server = registry.serve("--allow-pickle", name=digest[:24])
    assert number_of(server) == 2
    assert server.get("/version").status == 200
    assert server.get("/health").data == b"\n"
    assert server.get("/nothing").status == 404
    assert server.get("/invocations").status == 405
    folder = next(path.parent for path in registry.project.store.glob("versions/*/*/MLmodel"))
    served = registry.serve("--allow-pickle", "--no-record", name=str(folder))
    assert number_of(served) == 2


def test_no_process_outlives_the_server(registry: Registry) -> None:
    """When the server is killed, the processes that score end by themselves."""
    server = registry.serve("--allow-pickle", "--workers", "2")
    scoring = children(server)
    assert len(scoring) == 2
    server.process.kill()
    server.process.wait()

    def are_gone() -> bool:
        time.sleep(0.1)
        return not any(os.path.exists(f"/proc/{pid}/cmdline") for pid in scoring)

    wait_for(are_gone)
