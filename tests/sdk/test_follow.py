"""The SDK and the follower: it is started once, waited for within bounds, and missed without harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import madang
from madang.domain import events
from madang.follower.tail import Tail
from madang.formats import store as layout
from madang.sdk import follow
from madang.testing.programs import Place

PATIENT = "import madang\nfrom madang.sdk import follow\nfollow.CAPTURE_WAIT = follow.INPUTS_WAIT = 1e6\n"


def commit(place: Place) -> None:
    """Give the work tree a commit to be captured."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(place.root)]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)


def stop_follower(place: Place) -> None:
    """End the store's follower by its id, which it keeps in the log or the process table."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"madang.follower" in command and place.store.encode() in command:
                os.kill(int(entry.name), signal.SIGTERM)


def test_a_run_of_a_moment_is_captured(place: Place) -> None:
    """A script that ends at once has its code and environment recorded when finish() returns."""
    commit(place)
    try:
        place.run(PATIENT + "with madang.init() as run: run.log({'x': 1})", MADANG_FOLLOWER="1")
        assert Path(layout.run_dir(place.store, place.only()), "captured").exists()
        (code,) = place.events(events.Code)
        assert len(code.commit) == 40
        assert place.events(events.Environment)[0].python
        place.run(PATIENT + "for _ in range(3):\n    with madang.init() as run: run.log({'x': 1})", MADANG_FOLLOWER="1")
        assert all(len(place.events(events.Captured, run)) == 1 for run in place.runs())
    finally:
        stop_follower(place)


def test_a_follower_that_sleeps_is_woken(place: Place) -> None:
    """A run is captured at once, however seldom the follower that lives already looks by itself."""
    commit(place)
    script = (
        "import sys; from madang.follower import process, __main__ as program; process.CALM = process.QUICK = 3600;"
        "process.IDLE = 1e6; sys.exit(program.main(sys.argv[1:]))"
    )
    layout.ensure(place.store)
    follower = subprocess.Popen([sys.executable, "-c", script, "--store", place.store])
    try:
        while layout.holder(layout.follower_lock(place.store)) != follower.pid:
            assert follower.poll() is None
            time.sleep(0.01)
        code = PATIENT + "for _ in range(2):\n    with madang.init() as run: run.log({'x': 1})"
        place.run(code, MADANG_FOLLOWER="1")
        assert [len(place.events(events.Captured, run)) for run in place.runs()] == [1, 1]
    finally:
        follower.kill()
        follower.wait()


def test_data_that_was_read_is_named_at_the_end(place: Place) -> None:
    """When finish() has returned, the inputs stand on the run; who changes the data then changes nothing of it."""
    commit(place)
    for command in (["init", "-q"], ["add", "-q", "x.csv"]):
        (place.root / "x.csv").write_text("1\n")
        done = subprocess.run(
            [sys.executable, "-m", "madang", *command],
            cwd=place.root,
            env=place.env(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    code = PATIENT + "with madang.init() as run: open('x.csv').read()\nopen('x.csv', 'w').write('2')"
    try:
        place.run(code, MADANG_FOLLOWER="1")
        found = {(item.path, item.digest) for event in place.events(events.Inputs) for item in event.items}
        assert found == {("x.csv", "md5:b026324c6904b2a9cb4b88d6d61c81d1")}
    finally:
        stop_follower(place)


def test_the_training_gets_no_zombie_and_no_output(place: Place) -> None:
    """What the follower says goes to its log, not into the program's output."""
    try:
        process = place.start(PATIENT + "with madang.init(): pass", MADANG_FOLLOWER="1")
        out, err = process.communicate(timeout=200)
        assert (out, err) == ("", "")
    finally:
        stop_follower(place)


def test_a_follower_that_dies_does_not_hold_the_program(place: Place) -> None:
    """If no follower can live, finish() says what is missing and returns at once."""
    code = PATIENT + "import sys\nsys.executable = '/bin/false'\nmadang.init().finish()"
    process = place.start(code, MADANG_FOLLOWER="1")
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert "are not recorded" in err
    assert place.status() == "finished"


def test_the_follower_syncs_what_the_training_wrote(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """log() does not wait for the disk; the follower syncs its bytes within a second, when there are new ones."""
    synced: list[int] = []
    monkeypatch.setattr("madang.follower.tail.os.fsync", synced.append)
    monkeypatch.setattr("madang.follower.tail.DURABLE_AFTER", 0.0)
    run = madang.init()
    run.log({"x": 1})
    assert synced == []
    reader = Tail(str(place.segments(run.id)[0]), run.segment)
    for expected in (1, 1):
        reader.read()
        assert len(synced) == expected
    run.log({"x": 2})
    reader.read()
    assert len(synced) == 2


def test_only_what_a_hub_has_acknowledged_counts(tmp_path: Path) -> None:
    """The follower's note must name every segment with all of its bytes; anything unreadable counts as nothing."""
    note = tmp_path / "synced"
    written = {"a": 10, "b": 20}
    for text, done in (
        ("", False), ("a 10\n", False), ("a 10\nb 19\n", False), ("b 20\nc 1\na 11\n", True), ("a x\nb 20\n", False)
    ):  # fmt: skip
        note.write_text(text)
        assert follow._acknowledged(str(note), written) is done
    assert follow._acknowledged(str(tmp_path / "missing"), written) is False


def test_a_hub_that_is_down_costs_a_bounded_wait(place: Place) -> None:
    """With a hub that does not answer, the program ends after MADANG_SYNC_TIMEOUT and says how to go on."""
    try:
        process = place.start(
            PATIENT + "with madang.init() as run: run.log({'x': 1})",
            MADANG_FOLLOWER="1", MADANG_HUB="http://127.0.0.1:9", MADANG_SYNC_TIMEOUT="0.3",
        )  # fmt: skip
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0
        assert "madang sync" in err
        assert "Traceback" not in err
    finally:
        stop_follower(place)
