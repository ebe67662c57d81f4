"""A loop that logs as fast as it can keeps its calls as a slow one does, though it makes no system call for each."""

from __future__ import annotations

import os
from pathlib import Path

import madang
from madang.formats import recent
from madang.testing.programs import Place, points_of

HASTE = "import madang, os, signal, sys\nfrom madang.sdk import writer\nwriter._HASTE, writer._SLOW = 5, 1e9\n"


def test_calls_before_a_sigkill_are_read_by_everybody(place: Place) -> None:
    """What stands in the memory alone when the process dies is in the history, and can be put into the file."""
    place.run(
        HASTE
        + """
run = madang.init(project="p")
for n in range(300): run.log({"n": n, "half": n / 2})
os.kill(os.getpid(), signal.SIGKILL)
""",
        expect=-9,
    )
    run = place.only()
    (path,) = place.segments(run)
    assert os.stat(path).st_size < recent.size(str(path))
    assert [value for key, _, value in place.points() if key == "n"] == list(range(300))
    assert list(madang.get_run(run).history(["n"])["n"]) == list(range(300))
    assert recent.settle(str(path))
    assert [value for key, _, value in points_of(path) if key == "n"] == list(range(300))


def test_a_reader_finds_every_call_that_had_returned(place: Place) -> None:
    """Read again and again beside the writer, a segment is never damaged, and never behind the calls that returned."""
    told = place.root / "told"
    process = place.start(
        HASTE
        + """
run = madang.init(project="p")
told = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
for n in range(20_000):
    run.log({"x": n / 2})
    if n % 50 == 0: os.pwrite(told, b"%d" % n, 0)
""",
        str(told),
    )
    while process.poll() is None:
        returned = int(told.read_bytes() or b"-1") if told.exists() else -1
        if returned >= 0:
            steps = [step for key, step, _ in place.points() if key == "x"]
            assert steps == list(range(len(steps)))
            assert len(steps) > returned
    assert process.returncode == 0, process.communicate()[1]
    assert len(place.points()) == 20_000
    assert not list(Path(place.store).rglob("*" + recent.ENDING))


def test_forks_leave_the_memory_to_their_parent(place: Place) -> None:
    """A child neither empties nor ends the memory that it inherits, and may have one of its own."""
    place.run(
        HASTE
        + """
run = madang.init()
for n in range(20): run.log({"parent": n})
child = os.fork()
if child == 0:
    for n in range(300): run.log({"child": n}, step=n)
    run.finish()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
for n in range(20, 300): run.log({"parent": n})
child = os.fork()
if child == 0: os._exit(0)
assert os.waitpid(child, 0)[1] == 0
run.log({"parent": 300})
run.finish()
"""
    )
    found = place.points()
    assert [value for key, _, value in found if key == "parent"] == list(range(301))
    assert [value for key, _, value in found if key == "child"] == list(range(300))
    assert not list(Path(place.store).rglob("*" + recent.ENDING))


def test_a_full_disk_takes_back_nothing_that_had_returned(place: Place) -> None:
    """The memory has its space from the start: what is in it stays while the segment's file cannot grow."""
    out = place.run(
        HASTE
        + """
import resource
run = madang.init()
for n in range(10): run.log({"n": n}, step=n)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
kept, refused = list(range(10)), 0
for n in range(10, 1000):
    try:
        run.log({"n": n}, step=n)
        kept.append(n)
    except madang.StorageError:
        refused += 1
assert refused
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
run.log({"n": 5000}, step=5000)
run.finish()
print(*kept)
"""
    )
    kept = list(map(int, out.splitlines()[-1].split()))
    assert [value for key, _, value in place.points() if key == "n"] == [*kept, 5000]
    assert place.status() == "finished"
