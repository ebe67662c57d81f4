"""The client against the real hub: it reads there what it reads here, and nothing acknowledged is lost."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.testclient import TestClient

from madang.client.http import HubClient
from madang.client.reader import HubReader
from madang.client.sync import check, same, sync
from madang.domain.query import Compare, Field, Order, RunQuery
from madang.domain.runs import RunChange
from madang.domain.series import Series
from madang.domain.versions import Entry
from madang.errors import Conflict, InvalidInput, MadangError, NotFound, Unauthenticated
from madang.formats import native
from madang.formats.wire import MSGPACK, decode, exact
from madang.server.app import Application
from madang.server.security import LOOPBACK, Policy
from madang.testing.hubs import free_port
from madang.testing.written_store import WrittenStore
from madang.wiring import local_reader, open_store


class Hub:
    """A hub in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        self.process: subprocess.Popen[str] | None = None

    def command(self, *arguments: str) -> list[str]:
        """A `madang hub` command line."""
        script = "from madang.cli.main import run; import sys; sys.exit(run(sys.argv[1:]))"
        return [sys.executable, "-c", script, "hub", *arguments]

    def start(self, port: str = "0") -> None:
        """Start and wait until it listens."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("MADANG_")}
        self.process = subprocess.Popen(
            self.command("--store", str(self.folder), "--port", port),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:")

    def token(self, name: str, level: str) -> str:
        """Make a token."""
        done = subprocess.run(
            self.command("token", "create", name, "--level", level, "--store", str(self.folder)),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return next(word for word in done.stdout.split() if word.startswith("mdg_"))

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=200)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One hub for the tests that only add to it."""
    made = Hub(tmp_path_factory.mktemp("hub"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Hub]:
    """A hub that a test may kill."""
    made = Hub(tmp_path / "hub")
    made.start(str(free_port()))
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No token or hub of the tester's own."""
    for name in ("MADANG_TOKEN", "MADANG_HUB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


class Paged:
    """Answers the question for all series of two runs one series at a time."""

    def send(self, method: str, path: tuple[str, ...], body: dict[str, Any], kind: type) -> native.HistoryBody:
        names = ["r:a", "r:b", "s:a"]
        cursor = body.get("cursor", "")
        place = names.index(cursor) + 1 if cursor else 0
        run, key = names[place].split(":")
        one = native.series(Series(key, "int", [0], [0], [place], 1), exact)
        return native.HistoryBody({run: {key: one}}, names[place] if place < 2 else "")


def test_all_pages_of_a_history_are_read() -> None:
    """A hub gives the series of a wide run in pages; the reader has them all."""
    found = HubReader(cast(HubClient, Paged())).history(["r", "s"])
    values = {run: {key: item.values for key, item in table.items()} for run, table in found.items()}
    assert values == {"r": {"a": [0], "b": [1]}, "s": {"a": [2]}}


def test_all_metrics_of_a_run_are_read(store: WrittenStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A hub gives the metrics of a wide run in pages; the reader has them all, in the same order."""
    monkeypatch.setattr("madang.edges.native.runs.MAX_METRICS", 2)
    run = store.run()
    engine = open_store(store.path)
    with TestClient(Application(engine, Policy(LOOPBACK, open_locally=True)), "http://127.0.0.1:7300") as server:
        asked = []

        def get(path: tuple[str, ...], kind: type, query: dict[str, Any] | None = None) -> Any:
            asked.append(path)
            answer = server.get("/api/v1/" + "/".join(path), params=query, headers={"accept": MSGPACK})
            return decode(answer.content, kind, binary=True)

        client = HubClient("http://127.0.0.1:7300")
        monkeypatch.setattr(client, "get", get)
        found = HubReader(client).run(run).metrics
    engine.close()
    with_all = local_reader(store.path).run(run).metrics
    assert list(found) == list(with_all)
    assert len(asked) == 1 + len(with_all) // 2 > 2


def test_what_is_read_there_is_what_is_read_here(store: WrittenStore, shared: Hub) -> None:
    """Runs, series, console, versions and bytes are the same through the hub, with every number exact."""
    run = store.run()
    client = HubClient(shared.address)
    assert [item.error for item in sync(client, store.path, [run])] == [""]
    here, there = local_reader(store.path), HubReader(client)
    mine, theirs = here.run(run), there.run(run[:12])
    assert theirs.id == run
    assert theirs.config == mine.config == {"lr": 0.1, "big": 2**80}
    for name in ("name", "status", "created_at", "ended_at", "files", "code", "command", "error", "tags"):
        assert same(getattr(theirs, name), getattr(mine, name)), name
    left, right = here.history([run])[run], there.history([run])[run]
    assert left.keys() == right.keys() >= {"loss", "n", "글", "nan"}
    for key in left:
        for part in ("kind", "steps", "times", "values", "total", "sampled"):
            assert same(getattr(left[key], part), getattr(right[key], part)), (key, part)
    assert all(map(math.isnan, right["nan"].values))
    assert same(here.console(run), there.console(run))
    assert [item.name for item in there.metric_keys(mine.project, [run])] == [
        item.name for item in here.metric_keys(mine.project, [run])
    ]
    assert "프로젝트" in {item.name for item in there.projects()}
    file = mine.files[0]
    with there.open_blob(mine.project, file.digest) as blob:
        assert blob.read() == b"plot" + run.encode()
    here.close()
    there.close()


def test_searching_through_the_hub(store: WrittenStore, shared: Hub) -> None:
    """Filters, order, pages and the choice of metrics travel with the query."""
    runs = {store.run(points) for points in (3, 4, 5)}
    client = HubClient(shared.address)
    list(sync(client, store.path, sorted(runs)))
    there = HubReader(client)
    where = Compare(Field("metrics", "n"), ">=", 3)
    order = (Order(Field("metrics", "n", "max"), descending=True),)
    first = there.runs(RunQuery(("프로젝트",), where, order, limit=1, keys=("n",)))
    page, found = first, []
    while True:
        found += [run for run in page.runs if run.id in runs]
        if not page.next:
            break
        page = there.runs(RunQuery(("프로젝트",), where, order, limit=1, keys=("n",), cursor=page.next))
    assert [run.metrics["n"].last for run in found] == [4, 3]
    assert set(found[0].metrics) == {"n"}
    assert there.runs(RunQuery(("no such project",))).runs == []
    with pytest.raises(NotFound):
        there.run("no such run")


def test_changing_through_the_hub(store: WrittenStore, shared: Hub) -> None:
    """Names, tags, deletion and the refusal of an outdated revision work as over the local store."""
    run = store.run(2)
    client = HubClient(shared.address)
    list(sync(client, store.path, [run]))
    there = HubReader(client)
    changed = there.change(run, RunChange(name="새 이름", tags={"a": "1", "b": ""}))
    assert (changed.name, changed.tags, changed.revision) == ("새 이름", {"a": "1", "b": ""}, 1)
    assert there.change(run, RunChange(tags_removed=("a",)), expected=1).tags == {"b": ""}
    with pytest.raises(Conflict):
        there.change(run, RunChange(name="x"), expected=1)
    assert there.change(run, RunChange(deleted=True)).deleted_at > 0
    assert there.change(run, RunChange(deleted=False)).deleted_at == 0
    here = local_reader(store.path)
    (found,) = check(client, here, there, store.path, [run])
    assert found.ok
    assert set(found.changed) == {"name", "tags"}
    here.close()


def test_versions_through_the_hub(store: WrittenStore, shared: Hub, tmp_path: Path) -> None:
    """Files become a version, aliases move with a history, and models are promoted."""
    run = store.run(2)
    client = HubClient(shared.address)
    list(sync(client, store.path, [run]))
    there = HubReader(client)
    (tmp_path / "w.bin").write_bytes(b"weights" * 1000)
    blob = there.put_file("프로젝트", tmp_path / "w.bin")
    made = there.create("프로젝트", "내 모델", "model", [Entry("w.bin", blob.digest, blob.size)], description="설명")
    assert (made.name, made.type, made.files, made.size) == ("내 모델", "model", 1, 7000)
    assert made.description == "설명"
    assert there.resolve("프로젝트", "내 모델:latest").digest == made.digest
    assert there.manifest("프로젝트", f"내 모델:v{made.number}") == [Entry("w.bin", blob.digest, blob.size)]
    assert [item.number for item in there.versions("프로젝트", "내 모델")] == [made.number]
    assert "내 모델" in {item.name for item in there.collections("프로젝트", "model")}
    move = there.point("프로젝트", "내 모델", "best", made.number, expected=None, reason="lowest loss")
    assert (move.number, move.before, move.reason) == (made.number, None, "lowest loss")
    with pytest.raises(Conflict):
        there.point("프로젝트", "내 모델", "best", made.number, expected=None)
    assert there.promote("프로젝트", "내 모델@best", "production", "go").alias == "production"
    assert there.point("프로젝트", "내 모델", "best", None).number is None
    assert len(there.pointer_history("프로젝트", "내 모델")) == 3
    with there.open_blob("프로젝트", blob.digest) as file:
        assert file.read(7) == b"weights"
    with pytest.raises(NotFound):
        there.open_blob("프로젝트", "blake3:" + "0" * 64)
    with pytest.raises((InvalidInput, NotFound)):
        there.resolve("프로젝트", "내 모델:..")


def test_a_hub_that_is_killed_loses_nothing(store: WrittenStore, own: Hub) -> None:
    """Killed at random while runs are sent, restarted and synced again, it has every byte and reads them the same."""
    runs = sorted(store.run(200) for _ in range(8))
    port = own.address.rpartition(":")[2]
    client = HubClient(own.address, attempts=1)
    sent = 0
    for stop_after in (1, 3, 5):
        try:
            for sent, _ in enumerate(sync(client, store.path), 1):
                if sent == stop_after:
                    own.stop(signal.SIGKILL)
        except MadangError:
            pass
        if own.process is not None:
            own.stop(signal.SIGKILL)
        own.start(port)
    assert [item.error for item in sync(client, store.path)] == [""] * len(runs)
    here = local_reader(store.path)
    found = list(check(client, here, HubReader(client), store.path))
    assert [item.run for item in found if item.ok] == runs
    here.close()


def test_tokens_are_asked_for(store: WrittenStore, own: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a hub has a token, a stranger sends and reads nothing; a reader reads only; a writer sends."""
    run = store.run(2)
    writer, reader = own.token("writer", "write"), own.token("reader", "read")
    with pytest.raises(Unauthenticated, match=r"login|token|credential"):
        list(sync(HubClient(own.address), store.path))
    (refused,) = sync(HubClient(own.address, token=reader), store.path)
    assert refused.error
    monkeypatch.setenv("MADANG_TOKEN", writer)
    assert [item.error for item in sync(HubClient(own.address), store.path)] == [""]
    assert HubReader(HubClient(own.address, token=reader)).run(run).id == run


@pytest.mark.parametrize("make", [lambda run: run, lambda run: "0" * 32], ids=["known", "unknown"])
def test_every_error_has_a_name(shared: Hub, store: WrittenStore, make: Callable[[str], str]) -> None:
    """Wrong requests of any kind come back as errors of ours, never as an answer of another shape."""
    client = HubClient(shared.address, attempts=1)
    run = store.run(1)
    list(sync(client, store.path, [run]))
    for method, path, body in (
        ("PATCH", ("runs", make(run)), b'{"unknown": 1}'),
        ("PATCH", ("runs", make(run)), b"{"),
        ("POST", ("history",), b'{"runs": 5}'),
        ("GET", ("runs", make(run), "files", "none"), None),
        ("PATCH", ("runs", make(run), "segments", "x"), b"abc"),
        ("PUT", ("projects", "p", "blobs", "blake3:" + "0" * 64), b"abc"),
        ("GET", ("nothing", "here"), None),
    ):
        with pytest.raises(MadangError):
            client.request(method, path, body=body, headers={"content-type": "application/json"})
