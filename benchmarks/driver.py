"""What runs inside a peer's environment: `driver.py PEER TASK JSON`. The answer goes to the file $BENCH_ANSWER."""

from __future__ import annotations

import importlib
import json
import mmap
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from data import values


def log(peer: Any, store: str, name: str, calls: int, seconds: float, seed: int = 1) -> dict[str, float]:
    """Time each call of a loop in the calling thread, then the end of the run."""
    source = values(seed)
    planned = [next(source) for _ in range(calls)]
    took: list[int] = []
    tracker = peer.Tracker(store, name)
    clock, note = time.perf_counter_ns, took.append
    cpu, began = time.process_time(), clock()
    deadline = began + int(seconds * 1e9)
    for step, row in enumerate(planned):
        start = clock()
        tracker.log(row, step)
        end = clock()
        note(end - start)
        if end > deadline:
            break
    loop, spent = clock() - began, time.process_time() - cpu
    tracker.close()
    closed = clock() - began
    took.sort()
    return {
        "calls": len(took),
        "mean": sum(took) / len(took) / 1000,
        "p50": took[len(took) // 2] / 1000,
        "p99": took[len(took) * 99 // 100] / 1000,
        "max": took[-1] / 1000,
        "cpu": spent / len(took) * 1e6,
        "loop": loop / 1e9,
        "closed": closed / 1e9,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def forever(peer: Any, store: str, name: str, counter: str, seed: int = 1) -> None:
    """Log in a tight loop until killed; the number of calls that have returned stands in a shared memory map."""
    with open(counter, "r+b") as file:
        shared = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")
    tracker = peer.Tracker(store, name)
    for step, row in enumerate(values(seed)):
        tracker.log(row, step)
        shared[0] = step + 1


def together(peer: Any, store: str, name: str, calls: int, seed: int, gate: str) -> dict[str, float]:
    """One of several writers: be ready, wait for the gate, log, end the run."""
    source = values(seed)
    planned = [next(source) for _ in range(calls)]
    tracker = peer.Tracker(store, name)
    Path(gate, f"ready-{name}").touch()
    while not os.path.exists(f"{gate}/go"):
        time.sleep(0.001)
    began, cpu = time.monotonic(), time.process_time()
    for step, row in enumerate(planned):
        tracker.log(row, step)
    looped = time.monotonic()
    tracker.close()
    return {"began": began, "looped": looped, "closed": time.monotonic(), "cpu": time.process_time() - cpu}


def check(peer: Any, store: str, runs: dict[str, tuple[int, int]], single: bool = False) -> dict[str, Any]:
    """Read the store back, in a process of its own: how many of each run's calls are there, whole and right.

    ``runs`` is name → (seed, calls that had returned). A call counts as kept when all its ten values are there;
    ``single`` says that the peer keeps float32.
    """
    began, found = time.perf_counter(), peer.read(store)
    kept: dict[str, int] = {}
    for name, (seed, calls) in runs.items():
        points = found.get(name, {})
        kept[name] = 0
        for step, row in zip(range(calls), values(seed), strict=False):
            kept[name] += all(_same(points.get(key, {}).get(step), value, single) for key, value in row.items())
    return {"kept": kept, "seconds": time.perf_counter() - began}


def _same(found: float | None, wanted: float, single: bool) -> bool:
    return found is not None and (found == wanted or (single and abs(found - wanted) <= 1e-6 * abs(wanted) + 1e-9))


def main() -> None:
    name, task, arguments = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    peer = importlib.import_module(f"peers.{name}")
    run = globals().get(task) or getattr(peer, task)
    answer = run(peer, **arguments) if task in ("log", "forever", "together", "check") else run(**arguments)
    with open(os.environ["BENCH_ANSWER"], "w") as file:
        json.dump(answer, file)


if __name__ == "__main__":
    main()
