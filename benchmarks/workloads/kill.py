"""SIGKILL at random times in a tight loop: which calls that had returned are gone?"""

from __future__ import annotations

import mmap
import os
import random
import signal
import subprocess
import time
from pathlib import Path

from harness import Bench, Failed
from report import Check, Table

PEERS = ["madang", "floor", "expman", "wandb", "trackio", "tensorboardx", "aim", "mlflow"]
LONGEST = 0.06  # s of logging before the kill, at most; more for those who need it to log anything


def measure(bench: Bench) -> list[Table]:
    ours = 20 if bench.quick else 100
    theirs = 3 if bench.quick else 10
    table = Table(
        "SIGKILL at a random time in a tight loop of log(): calls lost that had returned",
        "| kills | returned | lost | lost % | worst kill | kills with loss | read back, s",
    )
    for peer in PEERS:
        try:
            _one(bench, table, peer, ours if peer == "madang" else theirs)
        except Failed as error:
            bench.say(f"{peer} failed: {error}")
            table.row(peer, *["failed"] * 7)
    return [table]


def _one(bench: Bench, table: Table, peer: str, kills: int) -> None:
    store = bench.folder(f"kill-{peer}")
    chance = random.Random(20)
    longest = LONGEST if peer in ("madang", "floor", "expman", "trackio") else 0.5
    runs = {f"r{number:03}": (number, 0) for number in range(kills)}
    if peer in ("trackio", "mlflow"):  # make the store first: what is lost should be calls, not the creation
        bench.drive(peer, "log", store=store, name="first", calls=1, seconds=1)
    for name, (seed, _) in runs.items():
        runs[name] = seed, _kill(bench, peer, store, name, seed, chance.uniform(0, longest))
    time.sleep(2)  # grace for helpers that outlive the process
    found = bench.drive(peer, "check", store=store, runs=runs, single=peer == "tensorboardx", timeout=899).result
    lost = [calls - found["kept"][name] for name, (_, calls) in runs.items()]
    returned = sum(calls for _, calls in runs.values())
    table.row(
        peer,
        kills,
        returned,
        sum(lost),
        100 * sum(lost) / max(1, returned),
        max(lost),
        sum(1 for item in lost if item),
        found["seconds"],
    )
    table.raw[peer] = {"lost": lost, "returned": [calls for _, calls in runs.values()]}
    if peer == "madang":
        table.checks.append(Check(f"madang: calls lost over {kills} kills", sum(lost), 0, unit=""))
        table.checks.append(Check("madang: calls that had returned, in all", returned, kills, at_most=False, unit=""))
    bench.drop(store)


def _kill(bench: Bench, peer: str, store: Path, name: str, seed: int, after: float) -> int:
    """Start one, kill it ``after`` seconds of logging; how many calls had returned."""
    counter = bench.scratch / "counter"
    counter.write_bytes(bytes(8))
    with counter.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        arguments = {"store": store, "name": name, "counter": counter, "seed": seed}
        with (bench.scratch / "killed.log").open("w") as output:
            process = subprocess.Popen(
                bench.driver(peer, "forever", **arguments),
                env=bench.env(bench.peer_env(arguments)),
                cwd=bench.scratch,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + 120
        while int.from_bytes(shared[:8], "little") == 0:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise Failed(f"{peer} logged nothing: {(bench.scratch / 'killed.log').read_text()[-2000:]}")
            time.sleep(0.0005)
        time.sleep(after)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return int.from_bytes(shared[:8], "little")
