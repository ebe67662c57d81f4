"""Clients that fall silent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from madang.config import HubConfig
from madang.domain import events
from madang.domain.access import local
from madang.domain.commands import CreateRun, Fact
from madang.domain.line_streams import StreamRow
from madang.ports.records import StoredRun
from madang.services.streams import SILENCE, Streams
from madang.wiring import open_hub

ME = local("me")


def test_a_silent_client_has_crashed_until_it_is_heard(tmp_path: Path) -> None:
    """After five minutes without a word the run counts as crashed, then again as running; an ended one stays ended."""
    engine = open_hub(HubConfig(store=str(tmp_path / "hub")))
    now = [1_800_000_000_000_000]
    streams = Streams(engine.records, engine.tracking, lambda: now[0])
    run, ended = (engine.tracking.create(ME, "p", CreateRun(name=name)).id for name in ("a", "b"))

    def status(of: str) -> str:
        return engine.search.run(ME, of).status

    streams.expect(ME, run, anew=True)
    streams.take(ME, ended, {}, lambda *_: [], ends=True)
    now[0] += SILENCE + 1
    assert streams.give_up_silent() == 1
    assert (status(run), status(ended)) == ("crashed", "running")
    streams.take(ME, run, {}, lambda *_: [])
    assert status(run) == "running"
    assert streams.give_up_silent() == 0
    now[0] += SILENCE + 1
    streams.give_up_silent()
    streams.take(ME, run, {}, lambda *_: [])  # nobody reads it until it is silent again
    now[0] += SILENCE + 1
    assert streams.give_up_silent() == 1
    assert status(run) == "crashed"
    engine.close()


def test_what_waits_of_one_client_is_known_to_the_next(tmp_path: Path) -> None:
    """Whoever decides what is news of a run sees what another client has said of it, though nobody has read it yet."""
    engine = open_hub(HubConfig(store=str(tmp_path / "hub")))
    streams = Streams(engine.records, engine.tracking)
    run = engine.tracking.create(ME, "p", CreateRun(name="a")).id
    seen: list[list[str]] = []

    def said(key: str) -> Callable[..., list[Fact]]:
        def facts(stored: StoredRun, *_: object) -> list[Fact]:
            seen.append(sorted(stored.state.summary))
            return [events.Summary({key: 1})]

        return facts

    for key in "abc":
        streams.take(ME, run, {}, said(key))
    assert seen == [[], ["a"], ["a", "b"]]
    assert streams.say(ME, run, lambda stored: []).state.summary.keys() == {"a", "b", "c"}
    engine.close()


def test_nobody_is_given_up_while_no_server_ran(tmp_path: Path) -> None:
    """A server that comes back gives clients the time to be heard."""
    engine = open_hub(HubConfig(store=str(tmp_path / "hub")))
    run = engine.tracking.create(ME, "p", CreateRun(name="a")).id
    stored = engine.records.runs.get(run)
    assert stored is not None
    engine.records.streams.put(StreamRow(stored.number, 5, True))
    now = [10 * SILENCE]
    streams = Streams(engine.records, engine.tracking, lambda: now[0])
    assert streams.give_up_silent() == 0
    now[0] += SILENCE + 1
    assert streams.give_up_silent() == 1
    engine.close()
