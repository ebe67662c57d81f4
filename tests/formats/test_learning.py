"""Classes that msgspec decodes into."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys, threading
from madang.domain.run_state import RunState
from madang.formats import state

data = state.encode_state(RunState("a" * 32, "p"))
gate = threading.Barrier(8)
read = []

def decode():
    gate.wait()
    for _ in range(20):
        read.append(state.decode_state(*data))

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=decode) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(read))
"""


def test_threads_may_decode_first_at_the_same_time() -> None:
    """The first things that a process decodes may be decoded by many threads at once: nothing crashes or lacks."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "160\n"), done.stderr
