"""The follower and a hub: everything arrives while the run lives, and a hub that fails holds up nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from madang.domain import events
from madang.testing.chaos_hub import ChaosHub
from madang.testing.segment_files import segment_bytes, segment_files
from madang.testing.trainings import Place, Training


@pytest.fixture
def hub() -> Iterator[ChaosHub]:
    """A hub that misbehaves on demand."""
    with ChaosHub() as made:
        yield made


def train(place: Place, address: str, **env: str) -> Training:
    training = place.train(**env)
    (place.folder(training.run) / "hub").write_text(address + "\n")
    return training


def sizes(place: Place, run: str) -> dict[str, int]:
    return {segment: len(data) for segment, data in segment_files(place.folder(run)).items()}


def synced(place: Place, run: str) -> dict[str, int]:
    path = place.folder(run) / "synced"
    lines = path.read_text().splitlines() if path.exists() else []
    return {segment: int(offset) for segment, offset in (line.split() for line in lines)}


def arrived(place: Place, hub: ChaosHub, run: str) -> bool:
    return all(hub.segments.get(f"{run}/{name}") == data for name, data in segment_files(place.folder(run)).items())


def test_a_run_is_on_the_hub_while_it_lives(place: Place, hub: ChaosHub) -> None:
    """What was logged is on the hub soon after; at the end all of it is, and the acknowledgement lies beside it."""
    (place.root / "train.py").write_text("print(2)\n")
    training = train(place, hub.address)
    follower = place.follow(training.run)
    training.tell("log 1")
    name = f"{training.run}/{training.segment}"
    place.wait(lambda: hub.segments.get(name) == segment_bytes(place.folder(training.run) / f"{training.segment}.seg"))
    training.tell("finish")
    assert follower.wait(timeout=200) == 0
    assert arrived(place, hub, training.run)
    assert synced(place, training.run) == sizes(place, training.run)
    (code,) = place.of_kind(training.run, events.Code)
    assert isinstance(code, events.Code)
    assert code.diff is not None
    assert code.diff.digest in hub.blobs


def test_faults_are_ridden_out(place: Place, hub: ChaosHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures in a row delay the upload and change nothing of it; each is named in the log."""
    hub.faults = ["500 before", "reset after", "garbage", "500 after"]
    training = train(place, hub.address)
    follower = place.follow(training.run)
    training.tell("log 1")
    training.tell("finish")
    assert follower.wait(timeout=200) == 0
    assert arrived(place, hub, training.run)
    assert "is not uploaded yet" in place.log()


def test_a_hub_that_is_down_holds_up_nothing(place: Place) -> None:
    """Capture and samples go on without the hub; the follower gives up a while after the end and says what to do."""
    training = train(place, "http://127.0.0.1:9")
    follower = place.follow(training.run, patience=1.0)
    place.wait(lambda: place.captured(training.run))
    place.wait(lambda: place.rows(training.run))
    training.tell("finish")
    assert follower.wait(timeout=200) == 0
    assert f"madang sync {training.run}" in place.log()
    assert synced(place, training.run) == {}


def test_an_offline_run_stays_here(place: Place, hub: ChaosHub) -> None:
    """A run that was logged offline is not uploaded, whatever else is set."""
    training = train(place, hub.address)
    (place.folder(training.run) / "offline").touch()
    follower = place.follow(training.run)
    training.end()
    assert follower.wait(timeout=200) == 0
    assert hub.asked == []


def test_the_token_is_the_one_of_the_run(place: Place, hub: ChaosHub) -> None:
    """Each run shows the token of its own process, also when another run's follower does the work."""
    first = train(place, hub.address, MADANG_TOKEN="mdg_first")
    follower = place.follow(first.run)
    place.wait(lambda: arrived(place, hub, first.run))
    assert set(hub.tokens) == {"Bearer mdg_first"}
    second = train(place, hub.address, MADANG_TOKEN="mdg_second")  # while the first lives, so the follower stays
    place.wait(lambda: "Bearer mdg_second" in hub.tokens)
    first.end()
    second.end()
    assert follower.wait(timeout=200) == 0


@pytest.mark.parametrize("address", ["nonsense", "http://u:p@127.0.0.1:9", ""])
def test_a_wrong_address_is_named(place: Place, address: str) -> None:
    """A hub's address without sense is named in the log once, without its password, and the run goes on."""
    training = train(place, address)
    follower = place.follow(training.run)
    place.wait(lambda: place.captured(training.run))
    training.tell("log 1")
    time.sleep(0.3)
    training.end()
    assert follower.wait(timeout=200) == 0
    assert place.log().count("is not uploaded") == 1
    assert "u:p" not in place.log()


def test_another_history_on_the_hub_is_named(place: Place, hub: ChaosHub) -> None:
    """A hub that holds other bytes under the run's name is named with both hashes; the follower does not hang on it."""
    other = place.train()
    other.end()
    training = train(place, hub.address)
    theirs = segment_bytes(place.folder(other.run) / f"{other.segment}.seg")
    hub.segments[f"{training.run}/{training.segment}"] = theirs
    follower = place.follow(training.run)
    place.wait(lambda: place.captured(training.run))
    training.end()
    assert follower.wait(timeout=200) == 0
    ours = hub.chain(f"{training.run}/{training.segment}").chain.hex()
    assert ours in place.log()
    assert ours in (place.folder(training.run) / "refused").read_text()
    assert segment_bytes(place.folder(training.run) / f"{training.segment}.seg")
    assert hub.segments[f"{training.run}/{training.segment}"] == theirs
