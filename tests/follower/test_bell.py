"""The signal that wakes the follower."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from madang.formats.store import BELL

SLEEPER = """
import sys, time
from madang.follower.bell import Bell
bell = Bell()
print("up", flush=True)
for seconds in map(float, sys.stdin):
    began = time.monotonic()
    bell.sleep(seconds)
    print(time.monotonic() - began, flush=True)
"""


def test_it_cuts_a_sleep_short() -> None:
    """A ring ends the sleep, also one that came before, or several; then it sleeps as long as it is told."""
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as it:
        assert it.stdin is not None
        assert it.stdout is not None

        def sleep(seconds: float) -> float:
            assert it.stdin is not None
            assert it.stdout is not None
            print(seconds, file=it.stdin, flush=True)
            return float(it.stdout.readline())

        assert it.stdout.readline() == "up\n"
        for _ in range(2):
            os.kill(it.pid, BELL)
            os.kill(it.pid, BELL)
            time.sleep(0.1)  # both have come
            assert sleep(3600) < 3000
            assert sleep(0.05) >= 0.05
            caller = threading.Timer(0.3, os.kill, (it.pid, BELL))
            caller.start()
            assert sleep(3600) < 3000
            caller.join()


def test_it_does_no_harm_to_others() -> None:
    """A process that took the number of a follower which has ended is not touched."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        os.kill(other.pid, BELL)
        other.communicate(b"\n")
        assert other.returncode == 0
