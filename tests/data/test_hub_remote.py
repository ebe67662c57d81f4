"""A hub as a remote: for madang in few requests, for a stock dvc over HTTP, with tokens, and never on trust."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from tests.data.helpers import ODD, Tool, make, read

from madang.client.data import ROOT, HubObjects, project_of
from madang.client.http import HubClient
from madang.config import HubConfig
from madang.domain.access import Permission, local
from madang.errors import AccessDenied, Conflict, InvalidInput, NotFound, Unauthenticated
from madang.formats.dvc.places import run_name
from madang.ports.objects import ManyAtOnce
from madang.testing.patience import wait_for
from madang.wiring import Engine, open_hub
from madang.workspace.data.remotes.run_entries import fetch_runs, push_runs

MADANG = [sys.executable, "-c", "from madang.cli.main import run; import sys; sys.exit(run(sys.argv[1:]))"]
ADMIN = local("admin")
PROJECT = "팀 data"
# Two texts of one MD5 (Wang and Yu, 2004).
ONE = (
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a085125e8f7cdc99f"
    "d91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0e99f33420f577ee8ce54b67080a80d1e"
    "c69821bcb6a8839396f9652b6ff72a70"
)
OTHER = (
    "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f8955ad340609f4b30283e4888325f1415a085125e8f7cdc99f"
    "d91dbd7280373c5bd8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0e99f33420f577ee8ce54b67080280d1e"
    "c69821bcb6a8839396f965ab6ff72a70"
)


@dataclass
class Hub:
    """A hub in a process of its own, and its store opened here too."""

    address: str
    engine: Engine
    tokens: dict[str, str]

    def objects(self, person: str = "writer", project: str = PROJECT) -> HubObjects:
        """The project's data as a person sees it."""
        return HubObjects(HubClient(self.address, token=self.tokens[person], root=ROOT), project)

    def requests(self) -> int:
        """How many it has answered to data routes."""
        text = self._ask("GET", "/metrics").decode()
        lines = [line for line in text.splitlines() if line.startswith("madang_requests_total") and "/dvc/" in line]
        return sum(int(line.rpartition(" ")[2]) for line in lines)

    def _ask(self, method: str, path: str) -> bytes:
        return self.send(method, path, person="admin")[1]

    def send(
        self, method: str, path: str, body: bytes | None = None, person: str = "writer", **headers: str
    ) -> tuple[int, bytes]:
        """One request: status and body."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=30)
        sent = {"authorization": f"Bearer {self.tokens[person]}", **headers}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with people of each level."""
    store = tmp_path_factory.mktemp("hub")
    engine = open_hub(HubConfig(store=str(store)))
    people = {
        "admin": (Permission.ADMIN, None),
        "reader": (Permission.READ, [PROJECT]),
        "writer": (Permission.WRITE, [PROJECT, "other"]),
        "owner": (Permission.ADMIN, [PROJECT]),
        "neighbour": (Permission.ADMIN, ["theirs"]),
    }
    tokens = {name: engine.access.create_token(ADMIN, name, *what)[1] for name, what in people.items()}
    process = subprocess.Popen(
        [*MADANG, "hub", "--store", str(store), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        yield Hub(process.stdout.readline().strip(), engine, tokens)
        process.terminate()
    engine.close()


def key_of(body: bytes, legacy: bool = False) -> str:
    """Where an object with these bytes lies."""
    name = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return f"{'' if legacy else 'files/md5/'}{name[:2]}/{name[2:]}"


def test_shared_with_the_real_dvc(
    hub: Hub, root: Path, dvc: Tool, madang: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one pushes the other pulls, by POST and by PUT, with the token as a password and as a header."""
    monkeypatch.delenv("MADANG_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(root.parent / "config"))
    assert madang(root, "remote", "add", "-d", "hub", hub.address, "--hub-project", PROJECT).code == 0
    url = f"{hub.address}/dvc/{quote(PROJECT)}"
    assert f"url = {url}" in (root / ".dvc" / "config").read_text()
    assert project_of(url) == (hub.address, PROJECT)
    refused = madang(root, "push")
    assert refused.code == 0  # nothing to send
    basic = {"auth": "basic", "user": "me", "password": hub.tokens["writer"]}
    custom = {"auth": "custom", "custom_auth_header": "Authorization", "password": f"Bearer {hub.tokens['writer']}"}
    for number, (push_tool, pull_tool, options, method) in enumerate(
        ((madang, dvc, basic, "POST"), (dvc, madang, custom, "PUT"), (dvc, madang, basic, "POST"))
    ):
        for key, value in options.items():
            assert madang(root, "remote", "modify", "--local", "hub", key, value).code == 0
        assert madang(root, "remote", "modify", "hub", "method", method).code == 0
        files = {**ODD, "round": b"%d" % number}
        make(root / "d", files)
        assert madang(root, "add", "d").code == 0
        assert push_tool(root, "push").code == 0
        assert json.loads(pull_tool(root, "status", "-c", "--json").out) == {}
        (root / "d").rename(root.parent / f"data {number}")
        (root / ".dvc" / "cache").rename(root.parent / f"cache {number}")
        answer = pull_tool(root, "pull")
        assert answer.code == 0, answer.err
        assert read(root / "d") == files
    for key in ("auth", "password"):
        assert madang(root, "remote", "modify", "--local", "hub", key, "--unset").code == 0
    assert madang(root, "remote", "modify", "--local", "hub", "user", "--unset").code == 0
    assert madang(root, "remote", "modify", "--local", "hub", "custom_auth_header", "--unset").code == 0
    stranger = madang(root, "status", "-c")
    assert stranger.code == 1
    assert "credential" in stranger.err
    monkeypatch.setenv("MADANG_TOKEN", hub.tokens["reader"])
    monkeypatch.setenv("MADANG_HUB", "https://elsewhere.example.org")
    assert madang(root, "status", "-c").code == 1  # that token is for another hub
    monkeypatch.setenv("MADANG_HUB", hub.address)
    assert madang(root, "status", "-c").code == 0


def test_many_small_objects_take_few_requests(hub: Hub) -> None:
    """Thousands of objects are asked for, sent and brought in a handful of requests; large ones go alone."""
    store = hub.objects()
    assert isinstance(store, ManyAtOnce)
    bodies = {key_of(body): body for body in (b"%d of many" % number for number in range(5000))}
    large = bytes(range(256)) * 5000
    before = hub.requests()
    with store.batch() as batch:
        for key, body in bodies.items():
            batch.put(key, body)
        batch.put(key_of(large), large)
    assert store.sizes([*bodies, key_of(b"absent"), key_of(large)]) == {
        **{key: len(body) for key, body in bodies.items()},
        key_of(large): len(large),
    }
    assert dict(store.read_many([key_of(b"absent"), *bodies])) == bodies
    assert hub.requests() - before < 10
    assert {stat.key for stat in store.list()} >= bodies.keys()
    assert {stat.key for stat in store.list("files/md5/00")} == {
        key for key in bodies if key.startswith("files/md5/00")
    }
    store.close()


def test_wrong_bytes_are_refused(hub: Hub) -> None:
    """Nothing is stored under a name that it does not have: whole, cut, changed on the way, in a pack, by any route."""
    body, store = b"right bytes", hub.objects()
    for key in (key_of(body), key_of(body, legacy=True), key_of(body) + ".dir"):
        for method in ("PUT", "POST"):
            status, said = hub.send(method, f"/dvc/{quote(PROJECT)}/{key}", b"wrong bytes")
            assert (status, b"not those" in said) == (400, True)
        with pytest.raises(InvalidInput, match="not those"):
            store.put_many([(key_of(b"good one"), b"good one"), (key, b"wrong bytes")])
        assert store.stat(key) is None
        assert store.stat(key_of(b"good one")) is None
    for key in ("files/md5/ab", "files/md5/AB/" + "0" * 30, "files/md5/ab/" + "0" * 31, "x/y", "runs/aa/bb/cc"):
        with pytest.raises((InvalidInput, NotFound)):
            store.put(key, b"")
    with pytest.raises(InvalidInput):
        store.put_many([("../../etc/passwd", b"x")])
    store.close()


def test_an_upload_that_is_cut(hub: Hub) -> None:
    """A sender that hangs up half-way leaves nothing; sending again stores it."""
    body = bytes(200_000)
    connection = http.client.HTTPConnection(urlsplit(hub.address).netloc, timeout=30)
    connection.putrequest("PUT", f"/dvc/{quote(PROJECT)}/{key_of(body)}")
    connection.putheader("content-length", str(len(body)))
    connection.putheader("authorization", f"Bearer {hub.tokens['writer']}")
    connection.endheaders(body[:100_000])
    connection.close()
    store = hub.objects()
    assert store.stat(key_of(body)) is None
    assert store.put(key_of(body), body)
    assert not store.put(key_of(body), body, if_absent=True)
    assert store.read(key_of(body)) == body
    with store.open(key_of(body), start=199_998) as opened:
        assert opened.read() == b"\0\0"
    with store.open(key_of(body), start=5, length=7) as opened:
        assert opened.read() == bytes(7)
    wait_for(lambda: not [name for name in os.listdir(f"{hub.engine.store.store}/tmp") if name.startswith("blob-")])
    store.close()


def test_a_collision_is_refused(hub: Hub) -> None:
    """The second of two contents with one MD5 is not taken, by either way; another project may hold it."""
    one, two = (bytes.fromhex(text) for text in (ONE, OTHER))
    assert key_of(one) == key_of(two)
    store = hub.objects()
    store.put(key_of(one), one)
    with pytest.raises(Conflict, match="one MD5"):
        store.put(key_of(two), two)
    with pytest.raises(Conflict, match="one MD5"):
        store.put_many([(key_of(two), two)])
    assert store.read(key_of(one)) == one
    other = hub.objects(project="other")
    other.put(key_of(two), two)
    assert (other.read(key_of(two)), store.read(key_of(one))) == (two, one)
    store.close()
    other.close()


def test_what_people_may(hub: Hub) -> None:
    """Knowing an MD5 opens nothing in another project; a reader changes nothing; only an admin of it deletes."""
    body = b"for this project only"
    key = key_of(body)
    writer, reader, owner = hub.objects("writer"), hub.objects("reader"), hub.objects("owner")
    neighbour, elsewhere = hub.objects("neighbour"), hub.objects("neighbour", "theirs")
    writer.put(key, body)
    assert reader.read(key) == body
    assert elsewhere.stat(key) is None
    assert elsewhere.sizes([key]) == {}
    assert list(elsewhere.read_many([key])) == []
    with pytest.raises(NotFound):
        neighbour.read(key)
    with pytest.raises(NotFound):
        neighbour.sizes([key])
    with pytest.raises(AccessDenied):
        reader.put(key_of(b"x"), b"x")
    for store in (reader, writer):
        with pytest.raises(AccessDenied):
            store.delete(key)
    with pytest.raises(Unauthenticated):
        HubObjects(HubClient(hub.address, token="mdg_wrong", root=ROOT), PROJECT).read(key)
    owner.delete(key)
    owner.delete(key)
    assert writer.stat(key) is None
    for store in (writer, reader, owner, neighbour, elsewhere):
        store.close()


def test_legacy_objects_and_run_cache_entries(hub: Hub, tmp_path: Path) -> None:
    """Objects of dvc 2 are checked by their own hash, entries of the run cache by both of theirs."""
    store = hub.objects()
    text = b"a\r\nb\r\n"
    folded = "dd8c6a395b5dd36c56d23275028f526c"
    legacy = f"{folded[:2]}/{folded[2:]}"
    store.put(legacy, text)
    assert store.read(legacy) == text
    with pytest.raises(InvalidInput):
        store.put(f"files/md5/{legacy}", text)
    entry = b"cmd: cp f out\ndeps:\n- path: f\n  hash: md5\n  md5: b026324c6904b2a9cb4b88d6d61c81d1\n  size: 2\n"
    with pytest.raises(InvalidInput):
        store.put(f"runs/{'0' * 2}/{'0' * 64}/{'1' * 64}", entry)
    name = run_name(entry)
    make(tmp_path, {f"runs/{name[:2]}/{name}": entry, f"runs/ab/{'ab' * 32}/{'cd' * 32}": entry, "runs/else": b""})
    assert push_runs(str(tmp_path), store, 2) == [f"runs/{name[:2]}/{name}"]
    assert push_runs(str(tmp_path), store, 2) == []
    assert fetch_runs(str(tmp_path / "other"), store, 2) == [f"runs/{name[:2]}/{name}"]
    assert (tmp_path / "other" / "runs" / name[:2] / name).read_bytes() == entry
    assert fetch_runs(str(tmp_path / "third"), store, 2, name.partition("/")[0]) == [f"runs/{name[:2]}/{name}"]
    assert fetch_runs(str(tmp_path / "fourth"), store, 2, "ab" * 32) == []
    store.close()


@pytest.mark.parametrize(
    "url", ["http://h/dvc", "http://h/dvc/", "http://h/dvc/a/b", "s3://h/dvc/a", "http://h/dvc/a?x=1", "http://h/a"]
)
def test_addresses_of_no_project(url: str) -> None:
    """Other addresses are plain HTTP remotes."""
    assert project_of(url) is None
