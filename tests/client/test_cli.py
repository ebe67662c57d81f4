"""`madang sync` and `madang login` as a user types them."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from madang.cli.main import run
from madang.testing.chaos_hub import ChaosHub
from madang.testing.written_store import WrittenStore

ME = b'{"name": "kim", "level": "write", "projects": {}}'


@pytest.fixture(autouse=True)
def workspace(store: WrittenStore, hub: ChaosHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The store is this user's, and MADANG_HUB names the hub."""
    monkeypatch.setenv("MADANG_DIR", store.path)
    monkeypatch.setenv("MADANG_HUB", hub.address)
    monkeypatch.chdir(tmp_path)


def test_sync_sends_what_is_not_there(store: WrittenStore, hub: ChaosHub, capsys: pytest.CaptureFixture[str]) -> None:
    """The first sync sends all runs, the second says that all is there."""
    runs = sorted([store.run(), store.run()])
    assert run(["sync", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [item["run"] for item in told["runs"]] == runs
    assert all(item["bytes"] > 0 and item["error"] == "" for item in told["runs"])
    assert hub.segments == store.segments(runs[0]) | store.segments(runs[1])
    assert run(["sync"]) == 0
    assert capsys.readouterr().out == "All is there.\n"


def test_sync_of_named_runs(store: WrittenStore, hub: ChaosHub, capsys: pytest.CaptureFixture[str]) -> None:
    """A run is named by the beginning of its id; the others stay."""
    runs = [store.run(), store.run()]
    assert run(["sync", runs[0][:12]]) == 0
    assert hub.segments == store.segments(runs[0])
    assert run(["sync", "no such run"]) == 1
    assert "no such run" in capsys.readouterr().err


def test_a_refused_run_is_told(store: WrittenStore, hub: ChaosHub, capsys: pytest.CaptureFixture[str]) -> None:
    """A diverging run is named with the reason, and the exit code says so."""
    first = store.run()
    other, name = sorted(store.segments(first), key=lambda name: len(store.segments(first)[name]))
    hub.segments[name] = store.segments(first)[other]
    assert run(["sync"]) == 1
    err = capsys.readouterr().err
    assert first in err
    assert "Traceback" not in err


def test_a_check_that_fails_says_why(store: WrittenStore, hub: ChaosHub, capsys: pytest.CaptureFixture[str]) -> None:
    """A hub without the runs fails the check, segment by segment."""
    first = store.run()
    assert run(["sync", "--check", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert {item["state"] for item in told["runs"][0]["segments"]} == {"missing"}
    assert run(["sync", "--check"]) == 1
    assert first in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["500 before", "garbage", "reset before"])
def test_a_failing_hub_is_one_message(
    fault: str, store: WrittenStore, hub: ChaosHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """No stack trace: what happened, to which address, and what to do."""
    store.run()
    hub.faults = [fault] * 500
    assert run(["sync"]) == 1
    err = capsys.readouterr().err
    assert "[unavailable]" in err
    assert hub.address in err
    assert "Traceback" not in err


def test_without_a_hub_there_is_nowhere_to_send(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next step is named."""
    monkeypatch.delenv("MADANG_HUB")
    assert run(["sync"]) == 2
    assert "MADANG_HUB" in capsys.readouterr().err


def test_an_empty_store(hub: ChaosHub, capsys: pytest.CaptureFixture[str]) -> None:
    """A store without runs is in order, if the hub is there to say so."""
    hub.answer = lambda method, path: (200, {"content-type": "application/json"}, ME)
    assert run(["sync"]) == 0
    assert "no runs" in capsys.readouterr().err
    assert run(["sync", "--check", "--json"]) == 0
    assert [path for _, path in hub.asked] == ["/api/v1/me"] * 2
    hub.answer = lambda method, path: (200, {}, b"<html>")
    for words in (["sync"], ["sync", "--check"]):
        assert run(words) == 1
        assert "does not answer as a hub" in capsys.readouterr().err


def test_login_keeps_a_token_that_works(
    hub: ChaosHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The token is tried, kept for this hub and user alone, used by the next command, and forgotten on demand."""
    hub.answer = lambda method, path: (200, {"content-type": "application/json"}, ME)
    monkeypatch.setattr("sys.stdin", io.StringIO("mdg_secret\n"))
    assert run(["login", hub.address + "/"]) == 0
    told = capsys.readouterr().err
    assert "kim" in told
    assert "mdg_secret" not in told
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "madang" / "credentials"
    assert path.stat().st_mode & 0o777 == 0o600
    assert hub.tokens == ["Bearer mdg_secret"]
    hub.answer = None
    WrittenStore(Path(os.environ["MADANG_DIR"])).run(1)
    assert run(["sync"]) == 0
    assert set(hub.tokens) == {"Bearer mdg_secret"}
    assert run(["login", hub.address, "--forget"]) == 0
    assert "mdg_secret" not in path.read_text()


def test_login_does_not_keep_a_token_that_fails(hub: ChaosHub, capsys: pytest.CaptureFixture[str]) -> None:
    """A refused token, a wrong address and an empty token are told and not kept."""
    hub.answer = lambda method, path: (401, {}, b'{"error": {"code": "unauthenticated", "message": "unknown token"}}')
    assert run(["login", hub.address, "--token", "mdg_x"]) == 1
    assert "unknown token" in capsys.readouterr().err
    assert run(["login", "nonsense", "--token", "mdg_x"]) == 1
    assert run(["login", hub.address, "--token", " "]) == 2
    assert not (Path(os.environ["XDG_CONFIG_HOME"]) / "madang").exists()


@pytest.mark.parametrize("body", [b"{}", b'{"name": "kim"}', b'{"status": "ok"}', b"[]"])
def test_login_to_what_is_no_hub(body: bytes, hub: ChaosHub, capsys: pytest.CaptureFixture[str]) -> None:
    """Any JSON is not an answer of a hub: the token stays with its owner."""
    hub.answer = lambda method, path: (200, {"content-type": "application/json"}, body)
    assert run(["login", hub.address, "--token", "mdg_x"]) == 1
    assert "does not answer as a hub" in capsys.readouterr().err
    assert not (Path(os.environ["XDG_CONFIG_HOME"]) / "madang").exists()
