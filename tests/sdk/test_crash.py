"""No call that returned is lost: under SIGKILL, threads, processes, forks, signals, interrupts and full disks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

import madang
from madang.domain import events
from madang.formats import store as layout
from madang.testing.programs import Place, points_of

LOOP = """
import os, sys, madang
run = madang.init(project="p")
told = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
number = 0
while True:
    run.log({"x": float(number), "y": number})
    os.pwrite(told, b"%d" % number, 0)
    number += 1
"""


def looping(place: Place, told: Path) -> subprocess.Popen[str]:
    """A process that logs in a loop, and has said in a file that it does."""
    process = place.start(LOOP, str(told))
    while not told.exists() or not told.read_bytes():
        time.sleep(0.002)
        assert process.poll() is None, process.stderr and process.stderr.read()
    return process


@pytest.mark.parametrize("seed", range(6))
def test_sigkill_at_any_time_loses_no_call_that_returned(place: Place, seed: int) -> None:
    """Killed at a random time in a tight loop, the segment is whole and holds every call whose return was noted."""
    told = place.root / "told"
    process = looping(place, told)
    time.sleep(random.Random(seed).uniform(0, 0.06))
    process.kill()
    process.communicate()
    steps = [step for key, step, _ in place.points() if key == "x"]
    assert steps == list(range(len(steps)))
    assert len(steps) > int(told.read_bytes())
    (segment,) = place.segments(place.only())
    assert not layout.is_held(str(segment.with_suffix(".lock")))
    assert segment.with_suffix(".lock").exists()


def test_eight_processes_at_once_lose_nothing(place: Place) -> None:
    """Eight processes write eight runs of one store at the same time; each finds all of its points."""
    code = "import madang\nwith madang.init() as run:\n    for n in range(1000): run.log({'n': n, 'half': n / 2})\n"
    processes = [place.start(code) for _ in range(8)]
    for process in processes:
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
    assert len(place.runs()) == 8
    for run in place.runs():
        assert [step for key, step, _ in place.points(run) if key == "n"] == list(range(1000))
        assert place.status(run) == "finished"


def test_threads_lose_nothing(place: Place) -> None:
    """Eight threads log into one run, some print meanwhile; every call is there once."""
    place.run(
        """
import threading, madang
with madang.init() as run:
    def work(which):
        for n in range(1000):
            run.log({f"t{which}": n}, step=n)
            if n % 100 == 0: print("thread", which, n)
    threads = [threading.Thread(target=work, args=(which,)) for which in range(8)]
    [t.start() for t in threads]; [t.join() for t in threads]
"""
    )
    found = place.points()
    for which in range(8):
        assert [value for key, _, value in found if key == f"t{which}"] == list(range(1000))


def test_forked_children_add_segments_of_their_own(place: Place) -> None:
    """Children log at the same time as the parent; the child's end does not end the run, and the lock stays held."""
    place.run(
        """
import os, madang
from madang.formats import store
run = madang.init()
run.log({"parent": 0})
children = []
for which in range(3):
    child = os.fork()
    if child == 0:
        for n in range(200): run.log({f"child{which}": n}, step=n)
        run.finish()
        os._exit(0)
    children.append(child)
for n in range(1, 200): run.log({"parent": n})
for child in children: assert os.waitpid(child, 0)[1] == 0
lock = store.lock_path(run.places.store, run.id, run.segment)
probe = os.fork()
if probe == 0:
    store._held.clear()
    os._exit(0 if store.is_held(lock) else 1)
assert os.waitpid(probe, 0)[1] == 0, "the parent's lock was lost"
run.finish()
"""
    )
    found = place.points()
    for key in ("parent", "child0", "child1", "child2"):
        assert [value for name, _, value in found if name == key] == list(range(200))
    assert len(place.segments(place.only())) == 4
    assert place.status() == "finished"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_multiprocessing_log_into_the_run(place: Place, method: str) -> None:
    """The run travels to worker processes, forked or spawned, and they add to it."""
    place.run(
        """
import multiprocessing, sys, madang
def work(run, which):
    for n in range(50): run.log({f"w{which}": n}, step=n)
if __name__ == "__main__":
    with madang.init() as run:
        context = multiprocessing.get_context(sys.argv[1])
        workers = [context.Process(target=work, args=(run, which)) for which in range(2)]
        [w.start() for w in workers]; [w.join() for w in workers]
        assert all(w.exitcode == 0 for w in workers)
""",
        method,
    )
    found = place.points()
    for which in range(2):
        assert [value for key, _, value in found if key == f"w{which}"] == list(range(50))
    assert place.status() == "finished"


def test_signal_handlers_may_log_in_the_middle_of_log(place: Place) -> None:
    """A handler that logs, prints and opens files while the same thread is inside log(): no deadlock, nothing lost."""
    place.run(
        """
import itertools, signal, madang
run = madang.init()
seen = 0
def handler(number, frame):
    global seen
    run.log({"handler": seen}, step=seen)
    print("tick", seen)
    open(__file__).close()
    seen += 1
    signal.setitimer(signal.ITIMER_REAL, next(pauses))
pauses = itertools.cycle([0.00005, 0.00011, 0.00017, 0.0003])
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0002)
n = 0
while n < 5000 or seen <= 100:
    run.log({"main": n}, step=n)
    n += 1
signal.signal(signal.SIGALRM, signal.SIG_IGN)
run.log({"seen": seen, "logged": n})
run.finish()
"""
    )
    found = place.points()
    (seen,) = [value for key, _, value in found if key == "seen"]
    (logged,) = [value for key, _, value in found if key == "logged"]
    assert sorted(value for key, _, value in found if key == "handler") == list(range(seen))
    assert sorted(value for key, _, value in found if key == "main") == list(range(logged))


def test_interrupts_at_any_point_leave_whole_segments(place: Place) -> None:
    """An exception out of a handler may stop log() anywhere; calls that returned are kept, and logging goes on."""
    out = place.run(
        """
import signal, madang
run = madang.init()
class Stop(Exception): pass
def handler(number, frame):
    global fired
    fired = True  # CPython swallows an exception raised in one of its own callbacks
    raise Stop
signal.signal(signal.SIGALRM, handler)
done = []
n = 0
for stop in range(400):
    fired = False
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0001 + stop * 0.0000013)
        while not fired:
            run.log({"n": n, f"key{n % 70}": 1.5}, step=n)
            done.append(n)
            n += 1
    except Stop:
        n += 1
run.finish()
print(*done)
"""
    )
    done = set(map(int, out.split()))
    found = [value for key, _, value in place.points() if key == "n"]
    assert done <= set(found)
    assert len(found) == len(set(found))


def test_a_full_disk_is_an_error_and_what_was_kept_stays(place: Place) -> None:
    """When the file system refuses, log() says so with the next step; earlier calls stay, and later ones work again."""
    (place.root / "read.csv").write_text("")
    out = place.run(
        """
import resource, madang
run = madang.init()
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
kept, refused = [], 0
for n in range(1000):
    try:
        run.log({"n": n}, step=n)
        kept.append(n)
    except madang.StorageError as error:
        refused += 1
        assert "Free space" in str(error) and run.id in str(error), error
assert refused
print("still printing while the disk is full")
open("read.csv").close()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
run.log({"n": 5000}, step=5000)
run.finish()
print(*kept)
"""
    )
    kept = list(map(int, out.splitlines()[-1].split()))
    assert [value for key, _, value in place.points() if key == "n"] == [*kept, 5000]
    assert place.status() == "finished"
    assert place.state().opened["read.csv"] == "r"
    assert "still printing while the disk is full" in [line.text for line in place.events(events.Console)]


@pytest.mark.parametrize("folder", ["/proc/madang", "/dev/null/madang"])
def test_a_store_that_cannot_be_written_is_named(place: Place, folder: str) -> None:
    """A folder that cannot be written is an error with the path and the way out, before anything runs."""
    with pytest.raises(madang.StorageError, match=rf"{folder}.*MADANG_DIR"):
        madang.init(dir=folder)


def test_a_run_that_cannot_begin_leaves_no_lock(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """If not even the first record can be written, init() says so, and nothing looks like a living writer."""

    def refuse(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("madang.formats.segment.os.write", refuse)
    with pytest.raises(madang.StorageError, match="No space left"):
        madang.init()
    monkeypatch.undo()
    assert not list(Path(place.store).glob("segments/*/*/*.lock"))


def test_a_program_on_a_full_disk_ends_without_a_stack_trace(place: Place) -> None:
    """At the exit of a program whose disk is full there is one message, and no trace of ours."""
    process = place.start(
        """
import resource, madang
run = madang.init()
resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
"""
    )
    _, err = process.communicate(timeout=200)
    assert "Traceback" not in err
    assert "madang:" in err


def test_media_are_durable_before_they_are_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the blob cannot be written, no event names it."""
    run = madang.init()

    def refuse(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("madang.sdk.blobs.os.rename", refuse)
    with pytest.raises(madang.StorageError):
        run.log_text("note", "text")
    monkeypatch.undo()
    assert place.points(run.id) == []
    assert not os.listdir(Path(place.store, "tmp"))


def test_sigterm_in_the_middle_of_logging_is_recorded(place: Place) -> None:
    """A terminated loop ends by that signal, keeps all its points, and its run is killed."""
    told = place.root / "told"
    process = looping(place, told)
    process.terminate()
    process.communicate(timeout=200)
    assert process.returncode == -signal.SIGTERM
    state = place.state()
    assert place.status() == "killed"
    (claim,) = [claim for claims in state.claims.values() for claim in claims]
    assert claim[2].signal == signal.SIGTERM
    longest = max(place.segments(place.only()), key=lambda path: path.stat().st_size)
    steps = [step for key, step, _ in points_of(longest) if key == "x"]
    assert steps == list(range(len(steps)))
    assert len(steps) > int(told.read_bytes())
