"""The follower beside real processes: it captures, samples, closes what crashed, and leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from madang.domain import events
from madang.domain.run_state import outcome
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.testing.segment_files import segment_bytes
from madang.testing.trainings import Place


def test_a_run_is_captured_sampled_and_left(place: Place) -> None:
    """Code and environment are durable before the mark, samples follow, and the follower goes when idle."""
    (place.root / "train.py").write_text("print(2)\n")
    (place.root / "util.py").write_text("x = 1\n")
    time.sleep(0.05)
    training = place.train()
    follower = place.follow(training.run)
    place.wait(lambda: place.captured(training.run))
    (code,) = place.of_kind(training.run, events.Code)
    assert isinstance(code, events.Code)
    assert (code.dirty, code.entry, code.branch) == (True, "train.py", "main")
    assert code.diff is not None
    assert b"+print(2)" in Path(layout.blob_path(str(place.store), code.diff.digest)).read_bytes()
    assert [item.path for item in code.untracked] == ["util.py"]
    (environment,) = place.of_kind(training.run, events.Environment)
    assert isinstance(environment, events.Environment)
    assert environment.packages
    (captured,) = place.of_kind(training.run, events.Captured)
    assert isinstance(captured, events.Captured)
    assert captured.began <= captured.ended
    assert captured.changed == []
    place.wait(lambda: place.rows(training.run))
    row = place.rows(training.run)[0]
    assert 0 <= row["system/memory"] <= 100
    assert row["system/process.memory"] > 1 << 20
    training.end()
    assert follower.wait(timeout=200) == 0
    assert outcome(place.state(training.run)).status == "finished"
    assert not list(place.folder(training.run).glob("*.lock"))


def test_a_killed_run_is_crashed(place: Place) -> None:
    """A writer that lost its lock without a word is said to have crashed, once; what it wrote is untouched."""
    training = place.train()
    place.follow(training.run)
    place.wait(lambda: place.captured(training.run))
    training.tell("log 1")
    before = Path(layout.segment_path(str(place.store), training.run, training.segment)).read_bytes()
    training.kill()
    place.wait(lambda: outcome(place.state(training.run)).status == "crashed")
    place.followers[0].wait(timeout=200)
    told = [event for event in place.of_kind(training.run, events.Finished) if isinstance(event, events.Finished)]
    assert [event for event in told if event.of] == [events.Finished("crashed", of=training.segment)]
    assert segment_bytes(Path(layout.segment_path(str(place.store), training.run, training.segment))) == before
    again = place.follow()
    again.wait(timeout=200)
    assert [event for event in place.of_kind(training.run, events.Finished) if event not in told] == []


def test_a_follower_that_was_killed_is_replaced(place: Place) -> None:
    """The next follower closes what the killed one left open, and clears its locks."""
    training = place.train()
    first = place.follow(training.run)
    place.wait(lambda: place.captured(training.run))
    first.kill()
    first.wait()
    training.kill()
    assert len(list(place.folder(training.run).glob("*.lock"))) == 2
    place.follow().wait(timeout=200)
    assert outcome(place.state(training.run)).status == "crashed"
    assert not list(place.folder(training.run).glob("*.lock"))
    assert len(place.of_kind(training.run, events.Code)) == 1


def test_what_finished_just_before_its_death_did_finish(place: Place) -> None:
    """A process killed between its last record and giving its lock back is not called crashed."""
    training = place.train()
    lock = Path(layout.lock_path(str(place.store), training.run, training.segment))
    training.end()
    lock.touch()
    place.follow().wait(timeout=200)
    assert [event.status for event in place.of_kind(training.run, events.Finished)] == ["finished"]  # type: ignore[union-attr]
    assert not lock.exists()


def test_another_machines_writer_is_left_alone(place: Place) -> None:
    """On a shared disk, only the machine of the writer can tell that it is gone."""
    training = place.train(HOST_NAME="elsewhere")
    training.kill()
    place.follow().wait(timeout=200)
    assert place.of_kind(training.run, events.Finished) == []
    assert Path(layout.lock_path(str(place.store), training.run, training.segment)).exists()


def test_there_is_one_follower(place: Place) -> None:
    """A second one ends at once; the first finds the runs that begin later, resumed ones too."""
    first = place.train()
    follower = place.follow(first.run)
    place.wait(lambda: place.captured(first.run))
    assert place.follow(first.run).wait(timeout=200) == 0
    assert follower.poll() is None
    second = place.train()
    place.wait(lambda: place.captured(second.run))
    second.end()
    first.end()
    assert follower.wait(timeout=200) == 0


def test_a_store_that_was_removed_is_left(place: Place) -> None:
    """A follower of a store that was deleted, and perhaps made anew under the same path, goes at once."""
    first = place.train()
    follower = place.follow(first.run, idle=600)
    place.wait(lambda: place.captured(first.run))
    first.end()
    place.store.rename(place.store.with_name("removed"))
    layout.ensure(str(place.store))
    assert follower.wait(timeout=200) == 0
    second = place.train()
    place.follow(second.run)
    place.wait(lambda: place.captured(second.run))
    second.end()


def test_no_run_falls_between_two_followers(place: Place) -> None:
    """Runs that begin while a follower is leaving are captured by it or by the next one."""
    for _ in range(6):
        training = place.train()
        if not layout.is_held(layout.follower_lock(str(place.store))):
            place.follow(training.run, idle=0.05)
        place.wait(lambda run=training.run: place.captured(run))  # type: ignore[misc]
        training.end()
        time.sleep(0.12)
    for follower in place.followers:
        assert follower.wait(timeout=200) == 0


def test_signals_of_the_terminal_do_not_reach_it(place: Place) -> None:
    """Ctrl-C, a closed terminal and a broken pipe leave it at work; SIGTERM ends it in order."""
    training = place.train()
    follower = place.follow(training.run)
    place.wait(lambda: place.captured(training.run))
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        follower.send_signal(number)
    time.sleep(0.2)
    assert follower.poll() is None
    follower.terminate()
    assert follower.wait(timeout=200) == 0
    assert len(list(place.folder(training.run).glob("*.lock"))) == 1
    training.end()


def test_damage_does_not_stop_it(place: Place) -> None:
    """A damaged segment, and rubbish among the runs, are named in the log; the other runs go on."""
    bad = place.train()
    path = Path(layout.segment_path(str(place.store), bad.run, bad.segment))
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    (place.store / "segments" / "zz").mkdir()
    (place.store / "segments" / "zz" / "no run").mkdir()
    (place.store / "segments" / "zz" / "no run" / "x.lock").touch()
    (place.store / "segments" / "file").touch()
    good = place.train()
    follower = place.follow(bad.run)
    place.wait(lambda: place.captured(good.run))
    bad.kill()
    good.end()
    assert follower.wait(timeout=200) == 0
    assert bad.segment in place.log()


def test_inputs_are_named(place: Place) -> None:
    """Opened files that are tracked data are inputs with their digests; other files are not."""
    madang = [sys.executable, "-c", "from madang.cli.main import run; import sys; run(sys.argv[1:])"]
    subprocess.run([*madang, "init"], cwd=place.root, check=True, capture_output=True)
    (place.root / "data").mkdir()
    (place.root / "data/가.csv").write_text("1\n")
    (place.root / "data/b.csv").write_text("2\n")
    subprocess.run([*madang, "add", "data"], cwd=place.root, check=True, capture_output=True)
    training = place.train()
    place.follow(training.run)
    training.tell("read data/가.csv|train.py|data/none.csv")
    place.wait(lambda: place.of_kind(training.run, events.Inputs))
    (place.root / "data/b.csv").write_text("changed\n")
    training.tell("read data/b.csv")
    training.end()
    place.followers[0].wait(timeout=200)
    inputs = place.state(training.run).inputs
    assert set(inputs) == {"data/가.csv", "data/b.csv"}
    first, second = (inputs[name][1] for name in ("data/가.csv", "data/b.csv"))
    assert first.digest == first.recorded == "md5:b026324c6904b2a9cb4b88d6d61c81d1"
    assert (first.size, first.tracked_by) == (2, "data.dvc")
    assert second.digest != second.recorded
    assert second.recorded == "md5:26ab0db90d72e28ad0ba1e22ee510510"


def test_a_file_changed_after_the_start_is_marked(place: Place) -> None:
    """Text that may differ from what the process runs is named; what the run wrote itself is not."""
    training = place.train()
    (place.root / "metrics.json").write_text("{}")
    (place.root / "train.py").write_text("print(3)\n")
    time.sleep(0.05)
    (place.root / "train.py").write_text("print(4)\n")
    (place.root / "metrics.json").write_text("{1}")
    training.tell("wrote metrics.json")
    place.follow(training.run)
    place.wait(lambda: place.captured(training.run))
    training.end()
    place.followers[0].wait(timeout=200)
    captured = place.state(training.run).captured
    assert captured is not None
    assert captured[1].changed == ["train.py"]


def test_a_full_disk_is_named_and_waited_out(place: Place) -> None:
    """When nothing can be written the follower says so once, goes on trying, and captures when it can."""
    training = place.train()
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (600, resource.RLIM_INFINITY));"
        "from madang.follower import process, run, __main__ as program;"
        "process.IDLE = 0.5; process.CALM = process.QUICK = 0.05; run.RETRY = 0.3; old = process.say; count = []\n"
        "def say(text):\n"
        "    count.append(text); open(sys.argv[2] + '/said', 'ab', 0).write(text.encode()[:200] + b'\\n')\n"
        "    len(count) == 1 and resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "process.say = say; sys.exit(program.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "--store", str(place.store), "--run", training.run]
    follower = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    place.followers.append(follower)  # type: ignore[arg-type]
    place.wait(lambda: place.captured(training.run))
    training.end()
    assert follower.wait(timeout=200) == 0
    said = (place.store / "said").read_text()
    assert "Cannot write" in said or "cannot be written" in said
    assert len(place.of_kind(training.run, events.Captured)) >= 1


def test_what_the_training_had_open_is_let_go(place: Place) -> None:
    """A pipe that the training leaked into the follower ends when the training does."""
    training = place.train()
    read, write = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "madang.follower", "--store", str(place.store), "--run", training.run],
        stdin=subprocess.DEVNULL,
        pass_fds=[write],
    ) as follower:
        os.close(write)
        place.wait(lambda: place.captured(training.run))
        assert os.read(read, 1) == b""
        os.close(read)
        training.end()
        follower.terminate()


def test_the_log_is_bounded(place: Place) -> None:
    """A log over its limit starts anew."""
    (place.store / "follower.log").write_text("x" * (2 << 20))
    script = (
        "import sys, os; sys.stderr = open(sys.argv[1], 'a'); os.dup2(sys.stderr.fileno(), 2);"
        "from madang.follower.process import say; say('hello')"
    )
    subprocess.run([sys.executable, "-c", script, str(place.store / "follower.log")], check=True)
    assert place.log().endswith("hello\n")
    assert len(place.log()) < 200


def test_a_wrong_command_line_is_explained() -> None:
    """Without a store there is nothing to follow."""
    done = subprocess.run([sys.executable, "-m", "madang.follower"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--store" in done.stderr


def test_what_has_ended_is_packed_before_the_follower_goes(place: Place) -> None:
    """The segments of a run that has ended are packed, those of one that lives are not; both read as before."""
    training = place.train()
    follower = place.follow(training.run)
    place.wait(lambda: place.captured(training.run))
    training.tell("log 3")
    training.tell("log 4")
    training.end()
    assert follower.wait(timeout=200) == 0
    names = sorted(path.name for path in place.folder(training.run).glob("*.seg*"))
    assert names
    assert all(name.endswith(".seg.zst") for name in names), place.log()
    assert len(place.rows(training.run, codec.METRICS)) == 2
    assert place.state(training.run).captured is not None
