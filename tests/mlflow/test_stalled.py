"""Another process holds the lock of the records while many ask: who can be answered without it is."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from mlflow import MlflowClient
from tests.mlflow.conftest import Hub

from madang.backends.records import sqlite
from madang.http import threads
from madang.http.threads import WRITERS, Readers, Threads
from madang.ports.records import WouldWait

NOW = 1_790_000_000_000
MORE = 3  # than there are threads
MUTATION = "mutation M($n: String!) { upsertBucket(input: {modelName: $n, name: $n}) { bucket { id } } }"


def _metric(run: str) -> tuple[str, Any]:
    return "runs/log-metric", {"run_id": run, "key": "k", "value": 1, "timestamp": NOW}


def _lines(run: str) -> tuple[str, Any]:
    content = {"wandb-history.jsonl": {"offset": 0, "content": ['{"a":1,"_step":0}']}}
    return f"/files/me/stalled/{run[:8]}/file_stream", {"files": content}


def _bucket(run: str) -> tuple[str, Any]:
    return "/graphql", {"query": MUTATION, "variables": {"n": run[:8]}}


@pytest.mark.parametrize("written", [_metric, _lines, _bucket])
def test_reads_go_on(hub: Hub, client: MlflowClient, written: Callable[[str], tuple[str, Any]]) -> None:
    """With more writers waiting for the lock than have threads, reads of every edge are answered before any of them."""
    runs = [client.create_run("0").info.run_id for _ in range(WRITERS.most + MORE)]
    client.search_runs(["0"])  # takes in what was said so far: a search that finds something to take in writes
    answers: list[int] = []

    def write(run: str) -> None:
        path, body = written(run)
        answers.append(hub.ask("POST", path, body, timeout=120)[0])

    writers = [threading.Thread(target=write, args=(run,)) for run in runs]
    with closing(sqlite3.connect(f"{hub.engine.store.store}/records.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for thread in writers:
            thread.start()
        while WRITERS.waiting < MORE:
            assert not answers
            time.sleep(0.005)
        asked = [
            hub.ask("GET", "/api/v1/projects", timeout=60)[0],
            hub.ask("GET", "/health", timeout=60)[0],
            hub.ask("POST", "runs/search", {"experiment_ids": ["0"]}, timeout=60)[0],
            hub.ask("POST", "/graphql", {"query": "{ viewer { id } }"}, timeout=60)[0],
        ]
        assert not answers
        other.execute("ROLLBACK")
    for thread in writers:
        thread.join()
    assert asked == [200] * 4
    assert answers == [200] * len(runs)


def test_reads_that_must_wait_hold_no_thread(hub: Hub, client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """More reads than have threads must take in what was acknowledged; others are answered, and then these, whole."""
    monkeypatch.setattr(sqlite, "MOMENT", 1)
    monkeypatch.setattr(threads, "HANDLERS", Threads(2))
    known = client.create_run("0").info.run_id
    client.search_runs(["0"])
    run = client.create_run("0").info.run_id
    client.log_metric(run, "k", 1.5)
    assert hub.engine.records.waiting.runs() == [run]
    tried, waiting = Readers._tried, set()

    def noted(self: Readers, work: Callable[[], Any]) -> Any:
        try:
            return tried(self, work)
        except WouldWait:
            waiting.add(work)
            raise

    monkeypatch.setattr(Readers, "_tried", noted)
    answers: list[tuple[int, Any]] = []

    def read() -> None:
        answers.append(hub.ask("POST", "runs/search", {"experiment_ids": ["0"]}, timeout=120))

    readers = [threading.Thread(target=read) for _ in range(threads.HANDLERS.most + MORE)]
    with closing(sqlite3.connect(f"{hub.engine.store.store}/records.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for thread in readers:
            thread.start()
        while len(waiting) < len(readers):
            assert not answers
            time.sleep(0.005)
        asked = [
            hub.ask("GET", f"runs/get?run_id={known}", timeout=60)[0],
            hub.ask("GET", f"runs/get?run_id={run}", timeout=60)[0],
            hub.ask("GET", "/health", timeout=60)[0],
            hub.ask("POST", "/graphql", {"query": "{ viewer { id } }"}, timeout=60)[0],
        ]
        assert not answers
        other.execute("ROLLBACK")
    for thread in readers:
        thread.join()
    assert asked == [200] * 4
    assert [status for status, _ in answers] == [200] * len(readers)
    for _, body in answers:
        found = {one["info"]["run_id"]: one["data"].get("metrics", []) for one in body["runs"]}
        assert [metric["value"] for metric in found[run]] == [1.5]
