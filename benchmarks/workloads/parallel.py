"""Eight processes logging at once into one store, against one process."""

from __future__ import annotations

import functools
import json
import subprocess
import tempfile
import time
from typing import Any

from harness import CORES, Bench, Failed, median, ratio
from report import Check, Table

PEERS = ["madang", "floor", "expman"]


def measure(bench: Bench) -> list[Table]:
    calls = 10_000 if bench.quick else 50_000
    repeats = min(3, bench.repeats)
    table = Table(
        f"Writers at once: {calls:,} calls of 10 scalars each, {CORES} cores",
        "| writers | loops, s | until ended, s | calls/s | returned | lost | ÷ one × writers/cores",
    )
    subjects = {
        f"{peer} {count}": functools.partial(_writers, bench, peer, count, calls) for peer in PEERS for count in (1, 8)
    }
    taken = bench.interleave(subjects, repeats)
    table.raw = taken
    middle = {
        name: {key: median(item[key] for item in items) for key in items[0]} for name, items in taken.items() if items
    }
    for peer in PEERS:
        for count in (1, 8):
            found, one = middle.get(f"{peer} {count}"), middle.get(f"{peer} 1")
            if not found or not one:
                table.row(peer, count, *["failed"] * 6)
                continue
            share = ratio(found["ended"], one["ended"] * count / min(count, CORES))
            table.row(
                peer,
                count,
                found["loops"],
                found["ended"],
                count * calls / found["ended"],
                count * calls,
                int(found["lost"]),
                share,
            )
            if peer == "madang" and count == 8:
                table.checks.append(
                    Check(
                        "madang: 8 writers / (one × 8/cores), loops only",
                        ratio(found["loops"], one["loops"] * 8 / CORES),
                        1.5,
                    )
                )
                table.checks.append(Check("madang: 8 writers / (one × 8/cores), until ended", share, 1.5))
                lost = sum(item["lost"] for item in taken["madang 8"] + taken["madang 1"])
                table.checks.append(Check("madang: calls lost", lost, 0, unit=""))
    return [table]


def _writers(bench: Bench, peer: str, count: int, calls: int) -> dict[str, Any]:
    store, gate = bench.folder(f"together-{peer}"), bench.folder("gate")
    if peer == "madang":  # one run first, so that the store and what is started with it are there for one and for eight
        bench.drive(peer, "log", store=store, name="first", calls=1, seconds=1)
    answers = [tempfile.NamedTemporaryFile("r+") for _ in range(count)]  # noqa: SIM115 - closed with the processes
    logs = [tempfile.TemporaryFile("w+") for _ in range(count)]  # noqa: SIM115 - closed with the processes
    processes = []
    for number, (answer, log) in enumerate(zip(answers, logs, strict=True)):
        arguments = {"store": store, "name": f"w{number}", "calls": calls, "seed": number, "gate": gate}
        environment = bench.env(bench.peer_env(arguments)) | {"BENCH_ANSWER": answer.name}
        command = bench.driver(peer, "together", **arguments)
        processes.append(
            subprocess.Popen(
                command, env=environment, cwd=bench.scratch, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        )
    deadline = time.monotonic() + 120
    while len(list(gate.glob("ready-*"))) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    (gate / "go").touch()
    for process, log in zip(processes, logs, strict=True):
        if process.wait(300):
            log.seek(0)
            raise Failed(f"a writer of {peer} ended with {process.returncode}: {log.read()[-2000:]}")
    took = [json.loads(answer.read()) for answer in answers]
    began = min(item["began"] for item in took)
    runs = {f"w{number}": (number, calls) for number in range(count)}
    found = bench.drive(peer, "check", store=store, runs=runs, timeout=899).result
    bench.drop(store, gate)
    return {
        "loops": max(item["looped"] for item in took) - began,
        "ended": max(item["closed"] for item in took) - began,
        "lost": count * calls - sum(found["kept"].values()),
    }
