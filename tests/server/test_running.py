"""The server as a process: starting, refusing to start, paths off the wire, live streams, stopping."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from madang.config import HubConfig, load, settings
from madang.errors import ConfigError, MadangError, Refused
from madang.server.run import Address, listen, policy_for, url_of
from madang.wiring import open_hub

MADANG = [sys.executable, "-c", "from madang.cli.main import run; import sys; sys.exit(run(sys.argv[1:]))"]


class Server:
    """`madang hub` or `madang ui` in a process of its own."""

    def __init__(self, *arguments: str, cwd: Path | None = None) -> None:
        env = {key: value for key, value in os.environ.items() if not key.startswith("MADANG_")}
        self.process = subprocess.Popen(
            [*MADANG, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=cwd
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline().strip()
        self.url = self.line.partition("/?")[0]
        self.port = int(self.url.rpartition(":")[2] or 0)

    def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """Status and decoded body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"content-type": "application/json", **(headers or {})}
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, json.loads(data) if data[:1] in (b"{", b"[") else data

    def raw(self, head: bytes) -> bytes:
        """The answer to bytes sent as they are; empty when the connection was cut."""
        data = b""
        connecting = socket.create_connection(("127.0.0.1", self.port), 200)
        with connecting as connection, contextlib.suppress(ConnectionError):
            connection.sendall(head)
            while more := connection.recv(65536):
                data += more
        return data

    def takes_no_more(self) -> None:
        """Wait until new connections are refused."""
        with contextlib.suppress(ConnectionError):
            while True:
                socket.create_connection(("127.0.0.1", self.port), 200).close()

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(how)
        return self.ended()

    def ended(self) -> int:
        """Wait for its end after a signal; its exit code. A second signal would end it at once."""
        code = self.process.wait(200)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file beside the store that no request may touch."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "canary.txt").write_text("canary sings")
    return folder / "canary.txt"


@pytest.fixture(scope="module")
def hub(canary: Path) -> Iterator[Server]:
    """A hub whose store lies beside the canary."""
    made = Server("hub", "--store", str(canary.parent / "hub"), "--port", "0")
    yield made
    assert made.stop() == 0


UPS = [
    "..",
    "%2e%2e",
    "%2E%2E",
    ".%2e",
    "%252e%252e",
    "..%2f..",
    "..%252f",
    "%2e%2e%2f",
    "..\\",
    "..%5c",
    "%5c..%5c",
    "....//",
    "..;",
    "..%00",
    "%00",
    "..%c0%af",
    "%c0%ae%c0%ae",
    "%e0%80%ae",
    "..%u2215",
    "%uff0e%uff0e",
    ".",
    "%2e",
    "%2f",
    "%ff",
    "file:",
    "file:%2f%2f",
    "\\\\host\\share",
    "C:",
    "C:%5c",
    "~",
    "$HOME",
    "..%0d%0a",
    "...",
    "..#",
    "..?",
    "%",
    "%2",
]


def test_no_path_leads_out(hub: Server, canary: Path) -> None:
    """Whatever a path says, on every kind of route, the answer is a refusal and the file beside the store is safe."""
    status, run = hub.request("POST", "/api/v1/projects/mine/runs", {"name": "r"})
    assert status == 201
    run = run["id"]
    where = [
        ("GET", f"/api/v1/runs/{run}/files/{{}}"), ("GET", "/api/v1/projects/mine/artifacts/m/v1/files/{}"),
        ("GET", "/api/v1/projects/mine/blobs/{}"), ("PUT", "/api/v1/projects/mine/blobs/{}"),
        ("PUT", "/api/v1/projects/{}/blobs/blake3:" + "0" * 64), ("GET", "/api/v1/runs/{}"),
        ("PATCH", f"/api/v1/runs/{run}/segments/{{}}"), ("DELETE", "/api/v1/tokens/{}"),
        ("DELETE", "/api/v1/projects/mine/artifacts/m/aliases/{}"), ("POST", "/api/v1/runs/{}/delete"),
        ("GET", "/assets/{}"), ("DELETE", "/assets/{}"),
    ]  # fmt: skip
    before = sorted(str(path) for path in canary.parent.rglob("*") if "records.db" not in path.name)
    for up in UPS:
        for method, pattern in where:
            for target in (f"{up}/{up}/canary.txt", f"{up}canary.txt", f"{up}{canary}"):
                path = pattern.format(target).encode()
                head = b"%b %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"
                answer = hub.raw(head % (method.encode(), path))
                assert answer[:10] == b"HTTP/1.1 4", (method, path, answer[:200])
                assert b"sings" not in answer
                assert b"Traceback" not in answer
    assert canary.read_text() == "canary sings"
    assert sorted(str(path) for path in canary.parent.rglob("*") if "records.db" not in path.name) == before


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://evil.example/api/v1/projects HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"GET //evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"GET /api/v1/projects HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n",
        b"GET /api/v1/projects HTTP/1.1\r\n",
        b"GET * HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 600_000 + b"\r\n",
        b"NONSENSE\r\n",
        b"GET /api/v1/projects HTTP/1.1\r\nHost: evil.example\r\n",
    ],
    ids=range(9),
)
def test_odd_requests_are_refused(hub: Server, head: bytes) -> None:
    """Requests that are not well formed, or name another host in any way, get a refusal and the server goes on."""
    assert hub.raw(head + b"Connection: close\r\n\r\n")[:10] in (b"HTTP/1.1 4", b"")
    assert hub.request("GET", "/health")[0] == 200


def test_health_metrics_and_page(hub: Server) -> None:
    """A ready hub says so; its counters are in Prometheus' format and name routes, not what was asked."""
    assert hub.request("GET", "/health")[1]["status"] == "ok"
    hub.request("GET", "/api/v1/projects/secret-name/runs")
    text = hub.request("GET", "/metrics")[1].decode()
    assert 'madang_requests_total{route="GET /api/v1/projects/{project}/runs",status="200"}' in text
    assert "secret-name" not in text
    for line in text.splitlines():
        assert line.startswith("#") or float(line.rpartition(" ")[2]) >= 0
    assert b"<!doctype html>" in hub.request("GET", "/")[1][:100].lower()


class Stream:
    """Collects the events of a live stream until it ends."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.events: list[tuple[str, str, Any]] = []  # name, id, body
        self._come = threading.Condition()
        self._request = urllib.request.Request(url, headers=headers)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        with urllib.request.urlopen(self._request, timeout=200) as stream:
            name = identity = ""
            for raw in stream:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("id: "):
                    identity = line[4:]
                elif line.startswith("data: "):
                    with self._come:
                        self.events.append((name, identity, json.loads(line[6:])))
                        self._come.notify_all()

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of the events."""
        with self._come:
            assert self._come.wait_for(holds, 200), self.events

    def losses(self) -> list[float]:
        """All values of `loss` that have come."""
        return [
            value for name, _, body in self.events if name == "points" for value in body["series"]["loss"]["values"]
        ]

    def ended(self) -> bool:
        """Whether it has ended, for which this waits."""
        self._thread.join(200)
        return not self._thread.is_alive()


def test_what_another_process_logs_is_on_the_stream(tmp_path: Path) -> None:
    """`madang ui` tells a page of a run in another process: new points alone, each once, also after a reconnect; and
    it stops with code 0 while the stream is open.
    """
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    script = (
        "import madang, sys\n"
        "run = madang.init(project='live', mode='offline')\n"
        "print(run.id, flush=True)\n"
        "for line in sys.stdin:\n"
        "    run.log({'loss': float(line)}, step=int(float(line)))\n"
        "run.finish()\n"
    )
    env = {key: value for key, value in os.environ.items() if not key.startswith("MADANG_")}
    training = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=env
    )
    assert training.stdin is not None
    assert training.stdout is not None
    run = training.stdout.readline().strip()
    ui = Server("ui", "--no-browser", cwd=tmp_path)
    assert ui.request("GET", "/api/v1/projects")[0] == 401
    token = ui.line.partition("token=")[2]
    opened = ui.request("POST", "/api/v1/session", {"token": token})
    assert opened[0] == 200
    assert ui.request("POST", "/api/v1/session", {"token": token})[0] == 401
    ui.stop()

    ui = Server("ui", "--no-browser", cwd=tmp_path)
    connection = HTTPConnection("127.0.0.1", ui.port, timeout=200)
    connection.request("GET", ui.line.removeprefix(ui.url))
    answer = connection.getresponse()
    cookie = {"cookie": str(answer.headers["set-cookie"]).partition(";")[0]}
    connection.close()
    assert answer.status == 303

    stream = Stream(f"{ui.url}/api/v1/events?run={run}", cookie)
    changes = Stream(f"{ui.url}/api/v1/events?project=live", cookie)
    stream.until(lambda: bool(stream.events))
    changes.until(lambda: bool(changes.events))
    for number in (1, 2, 3):
        seen = len(changes.events)
        training.stdin.write(f"{number}\n")
        training.stdin.flush()
        stream.until(lambda: len(stream.losses()) >= number)  # noqa: B023 - asked before the next round
        changes.until(lambda: len(changes.events) > seen)  # noqa: B023 - as above
    assert stream.losses() == [1.0, 2.0, 3.0]
    assert run in {item for name, _, body in changes.events if name == "runs" for item in body["runs"]}

    place = next(identity for name, identity, body in stream.events if name == "points")
    resumed = Stream(f"{ui.url}/api/v1/events?run={run}", {**cookie, "last-event-id": place})
    resumed.until(lambda: len(resumed.losses()) >= 2)
    assert resumed.losses() == [2.0, 3.0]

    assert ui.stop() == 0
    assert all(one.ended() for one in (stream, changes, resumed))
    assert stream.losses() == [1.0, 2.0, 3.0]
    training.stdin.close()
    assert training.wait(200) == 0
    training.stdout.close()


def test_a_running_request_ends_before_the_server_does(tmp_path: Path) -> None:
    """After SIGTERM an upload that has begun is taken in whole and answered; new connections are refused."""
    hub = Server("hub", "--store", str(tmp_path / "hub"), "--port", "0", "--stop-within", "200")
    body = b'{"name": "slow"}'
    head = (
        b"POST /api/v1/projects/mine/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with socket.create_connection(("127.0.0.1", hub.port), 200) as slow:
        slow.sendall(head + body[:4])
        assert hub.request("GET", "/health")[0] == 200
        hub.process.send_signal(signal.SIGTERM)
        hub.takes_no_more()
        slow.sendall(body[4:])
        assert slow.recv(65536)[:12] == b"HTTP/1.1 201"
    assert hub.ended() == 0
    assert not [path.name for path in (tmp_path / "hub").iterdir() if path.name.endswith("-wal")]
    with open_closing(tmp_path / "hub") as page:
        assert [run["name"] for run in page] == ["slow"]


class open_closing:
    """The runs in a hub's store, as a hub started anew tells them."""

    def __init__(self, store: Path) -> None:
        self._hub = Server("hub", "--store", str(store), "--port", "0")

    def __enter__(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._hub.request("GET", "/api/v1/runs")[1]["runs"]
        return found

    def __exit__(self, *_: object) -> None:
        self._hub.stop()


def test_other_machines_need_a_token(tmp_path: Path) -> None:
    """An address that others reach, or a name they use, is refused until there is a token; then everyone needs one."""
    engine = open_hub(HubConfig(store=str(tmp_path / "hub")))
    for address in (Address("0.0.0.0"), Address("::"), Address("10.1.2.3"), Address(allow_host=("hub.example",))):
        with pytest.raises(Refused, match="no token"):
            policy_for(address, 1, engine, guarded=False)
    engine.close()
    command = [*MADANG, "hub", "--store", str(tmp_path / "hub"), "--host", "0.0.0.0", "--port", "0"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert refused.returncode == 1
    assert "hub token create" in refused.stderr
    assert "Traceback" not in refused.stderr
    tokens = [*MADANG, "hub", "token"]
    made = subprocess.run(
        [*tokens, "create", "ann", "--level", "read", "--store", str(tmp_path / "hub"), "--json"],
        capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    token = json.loads(made.stdout)
    hub = Server("hub", "--store", str(tmp_path / "hub"), "--host", "0.0.0.0", "--port", "0")
    show = {"authorization": f"Bearer {token['secret']}"}
    assert hub.request("GET", "/api/v1/projects")[0] == 401
    assert hub.request("GET", "/api/v1/projects", headers=show)[0] == 200
    assert hub.request("POST", "/api/v1/projects/x/runs", {}, show)[0] == 403
    subprocess.run([*tokens, "revoke", token["id"], "--store", str(tmp_path / "hub")], timeout=200, check=True)
    assert hub.request("GET", "/api/v1/projects", headers=show)[0] == 401
    assert hub.stop(signal.SIGINT) == 0
    listed = subprocess.run(
        [*tokens, "list", "--store", str(tmp_path / "hub")], capture_output=True, text=True, timeout=200, check=True
    )
    assert "revoked" in listed.stdout
    assert token["secret"] not in listed.stdout


def test_settings(tmp_path: Path) -> None:
    """Command line before environment before file before default; each wrong setting is named."""
    file = tmp_path / "hub.toml"
    file.write_text('port = 1\nhost = "a"\nallow_host = ["x", "y"]\nrequire_token = true\n')
    found = load({"port": 3}, {"MADANG_HUB_HOST": "b", "MADANG_HUB_STOP_WITHIN": "9"}, str(file))
    assert (found.port, found.host, found.allow_host, found.require_token, found.stop_within) == (
        3, "b", ("x", "y"), True, 9,
    )  # fmt: skip
    assert load({}, {}) == HubConfig()
    assert len({item.metadata["env"] for item in settings()}) == len(settings())
    for text in ("colour = 1", "port = 'x'", "= 1", "require_token = 3"):
        file.write_text(text)
        with pytest.raises(ConfigError, match=r"hub\.toml"):
            load({}, {}, str(file))
    with pytest.raises(ConfigError):
        load({}, {}, str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="MADANG_HUB_PORT"):
        load({}, {"MADANG_HUB_PORT": "many"})
    for name in ("port", "max_file", "stop_within"):
        with pytest.raises(ConfigError, match=f"{name} is -1"):
            load({name: -1}, {})
    with pytest.raises(ConfigError, match="folder"):
        open_hub(HubConfig())
    with pytest.raises(ConfigError, match="none"):
        open_hub(HubConfig(store=str(tmp_path / "hub"), key_file=str(tmp_path / "none.key")))
    with pytest.raises(ConfigError, match="mysql"):
        open_hub(HubConfig(store=str(tmp_path / "hub"), database="mysql://x"))
    with pytest.raises(MadangError):
        open_hub(HubConfig(store=str(tmp_path / "hub"), database="postgresql://127.0.0.1:1/x?connect_timeout=2"))


def test_a_wrong_setting_is_a_wrong_use(tmp_path: Path) -> None:
    """A database or bucket that madang does not speak exits with 2, like any wrong option, for each subcommand."""
    store = ["--store", str(tmp_path / "hub"), "--database", "mysql://x"]
    for arguments in (["hub", *store], ["hub", "token", "list", *store], ["hub", "token", "create", *store]):
        done = subprocess.run(
            [sys.executable, "-m", "madang", *arguments], capture_output=True, text=True, timeout=200, check=False
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert "mysql" in done.stderr
    wrong = [sys.executable, "-m", "madang", "hub", "--store", str(tmp_path / "hub"), "--max-file", "-1"]
    done = subprocess.run(wrong, capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, done.stdout) == (2, "")


def test_the_server_loads_little() -> None:
    """A hub's process has none of the libraries that analysis, clouds, models or the training process use."""
    script = "import sys, madang.server.run; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"numpy", "pandas", "pyarrow", "psycopg", "obstore", "boto3", "rich", "urllib3", "dvc", "cloudpickle"}
    assert not heavy & {name.partition(".")[0] for name in loaded}


def test_a_port_that_is_taken() -> None:
    """It is said which, with the next step."""
    with listen(Address()) as first:
        port = first.getsockname()[1]
        assert url_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(MadangError, match=f"port {port}"):
            listen(Address(port=port))


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """A connection is known as TCP, for which asyncio turns Nagle's algorithm off: head and body go out at once."""
    bound = listen(Address())
    with bound, socket.create_connection(bound.getsockname()):
        accepted, _ = bound.accept()
        assert accepted.proto == socket.IPPROTO_TCP
        accepted.close()
