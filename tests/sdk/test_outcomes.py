"""How a run ends: as its process ended, whoever noticed."""

from __future__ import annotations

import signal
import time

import pytest

import madang
from madang.domain import events
from madang.testing.programs import Place

_DEAD_THREAD = "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()"
CASES = {
    "the end of the script": ("", 0, "finished"),
    "finish": ("run.finish()", 0, "finished"),
    "finish with a code": ("run.finish(exit_code=3)", 0, "failed"),
    "an exception": ("raise ValueError('일부러')", 1, "failed"),
    "sys.exit(0)": ("sys.exit(0)", 0, "finished"),
    "sys.exit(4)": ("sys.exit(4)", 4, "failed"),
    "exit(3)": ("exit(3)", 3, "failed"),
    "quit()": ("quit()", 0, "finished"),
    "sys.exit with a text": ("sys.exit('no data')", 1, "failed"),
    "a caught sys.exit": ("try: sys.exit(2)\nexcept SystemExit: pass\nrun.log({'x': 2})", 0, "finished"),
    "sys.exit after logging in finally": ("try: sys.exit(5)\nfinally: run.log({'x': 2})", 5, "failed"),
    "raise SystemExit": ("raise SystemExit", 0, "finished"),
    "raise SystemExit(0)": ("raise SystemExit(0)", 0, "finished"),
    "raise SystemExit(None)": ("raise SystemExit(None)", 0, "finished"),
    "raise SystemExit(3)": ("raise SystemExit(3)", 3, "failed"),
    "raise SystemExit with a text": ("raise SystemExit('no data')", 1, "failed"),
    "raise SystemExit in a function": ("def main():\n  def f(): raise SystemExit(9)\n  f()\nmain()", 9, "failed"),
    "a kind of SystemExit": ("class E(SystemExit): pass\nraise E(6)", 6, "failed"),
    "a caught SystemExit that was read": (
        "try: raise SystemExit(2)\nexcept SystemExit as error: print(error.code)", 0, "finished"
    ),
    "a changed code": ("try: raise SystemExit(2)\nexcept SystemExit as error:\n  error.code = 0; raise", 0, "finished"),
    "SystemExit in a thread": (
        "t = threading.Thread(target=lambda: (_ for _ in ()).throw(SystemExit(3))); t.start(); t.join()", 0, "finished"
    ),
    "an exit beside a thread": ("threading.Thread(target=time.sleep, args=(0.3,)).start(); sys.exit(8)", 8, "failed"),
    "an exit handler of the user's": ("import atexit; atexit.register(run.log, {'y': 1}); sys.exit(3)", 3, "failed"),
    "argparse": ("import argparse; argparse.ArgumentParser().parse_args(['--no'])", 2, "failed"),
    "KeyboardInterrupt": ("os.kill(os.getpid(), 2); time.sleep(200)", -2, "killed"),
    "SIGTERM": ("os.kill(os.getpid(), 15); time.sleep(200)", -15, "killed"),
    "SIGHUP": ("os.kill(os.getpid(), 1); time.sleep(200)", -1, "killed"),
    "a handler of the user's that exits": (
        "signal.signal(15, lambda *_: sys.exit(7)); os.kill(os.getpid(), 15); time.sleep(200)", 7, "failed"
    ),
    "a dead thread": (_DEAD_THREAD, 0, "failed"),
    "a dead thread, then finish": (_DEAD_THREAD + "; run.finish()", 0, "finished"),
    "with and an exception": ("with run: raise RuntimeError('x')", 1, "failed"),
    "with and exit": ("with run: sys.exit(3)", 3, "failed"),
    "os._exit": ("os._exit(0)", 0, "running"),
    "SIGKILL": ("os.kill(os.getpid(), 9)", -9, "running"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_outcome_is_that_of_the_process(place: Place, case: str) -> None:
    """The run's status follows the process's end, whose exit code is what it would be without madang."""
    body, code, status = CASES[case]
    usual = "signal.signal(signal.SIGHUP, signal.SIG_DFL)"  # also below `nohup`
    start = f"import os, signal, sys, threading, time, madang\n{usual}\nrun = madang.init()\nrun.log({{'x': 1}})\n"
    process = place.start(start + body)
    process.communicate(timeout=200)
    assert process.returncode == code
    assert place.status() == status
    assert ("x", 0, 1) in place.points()


def test_an_uncaught_error_is_told_with_its_traceback(place: Place) -> None:
    """Type, message and traceback are recorded, secrets taken out; the error is printed as always."""
    process = place.start(
        """
import madang
run = madang.init()
def 학습(): raise ValueError("token=ghp_abcdefghijklmnopqrstuvwxyz0123456789AB")
학습()
"""
    )
    _, err = process.communicate(timeout=200)
    assert "ValueError" in err
    assert "ghp_" in err
    (end,) = place.events(events.Finished)
    assert end.error is not None
    assert (end.error.type, end.exit_code) == ("ValueError", 1)
    assert "학습" in end.error.traceback
    assert "ghp_" not in end.error.traceback + end.error.message
    assert any("ValueError" in line.text for line in place.events(events.Console))


def test_a_thread_that_dies_is_an_alert(place: Place) -> None:
    """The error of a thread is shown at once, whatever becomes of the run."""
    place.run("import threading, madang\nrun = madang.init()\n" + _DEAD_THREAD)
    (alert,) = place.events(events.Alert)
    assert "ZeroDivisionError" in alert.title
    assert "Traceback" in alert.text


def test_handlers_and_hooks_of_others_are_chained(place: Place) -> None:
    """Handlers and hooks that were there before are still called."""
    out = place.run(
        """
import os, signal, sys, madang
signal.signal(signal.SIGTERM, lambda number, frame: print("handler", number, flush=True))
sys.excepthook = lambda *args: print("hook", args[0].__name__, flush=True)
run = madang.init()
os.kill(os.getpid(), signal.SIGTERM)
raise KeyError
""",
        expect=1,
    )
    assert out.split() == ["handler", "15", "hook", "KeyError"]
    assert place.status() == "failed"


def test_several_runs_in_one_process_end_each_for_itself(place: Place) -> None:
    """Runs side by side and below one another keep their own points and outcomes."""
    first, second = madang.init(project="a"), madang.init(project="b")
    first.log({"x": 1})
    second.log({"x": 2})
    with madang.init(parent=second) as child:
        child.log({"x": 3})
    first.finish()
    with pytest.raises(RuntimeError), second:
        raise RuntimeError
    assert [place.points(run.id) for run in (first, second, child)] == [[("x", 0, 1)], [("x", 0, 2)], [("x", 0, 3)]]
    assert [place.status(run.id) for run in (first, second, child)] == ["finished", "failed", "finished"]
    assert [run.status for run in (first, second)] == ["finished", "failed"]
    assert place.events(events.Started, child.id)[0].parent == second.id


def test_a_worker_of_a_dying_parent_is_ended_at_once(place: Place) -> None:
    """A forked child has no handler of ours: SIGTERM ends it, however early it comes."""
    code = """
import os, signal, madang
run = madang.init()
child = os.fork()
if child == 0:
    for _ in iter(int, 1): pass
os.kill(child, signal.SIGTERM)
print(os.WTERMSIG(os.waitpid(child, 0)[1]))
"""
    assert place.run(code).split() == [str(int(signal.SIGTERM))]
    assert place.status() == "finished"


def test_the_lock_tells_whether_the_owner_lives(place: Place) -> None:
    """While the process lives its lock is held, from the moment it has a segment; killed, it is not."""
    from madang.formats import store as layout

    process = place.start("import madang, time\nrun = madang.init()\nprint(flush=True)\ntime.sleep(600)")
    assert process.stdout is not None
    process.stdout.readline()
    (segment,) = place.segments(place.only())
    lock = str(segment.with_suffix(".lock"))
    assert layout.is_held(lock)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 200
    while layout.is_held(lock):
        assert time.monotonic() < deadline
