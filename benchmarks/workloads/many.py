"""Data: a million small files, one of them changed since they were added."""

from __future__ import annotations

import os
from pathlib import Path

import venvs
from harness import Bench
from report import Check, Table

from workloads.small import WALK
from workloads.tools import dvc_like

FOLDER = 1000  # files in each


def measure(bench: Bench) -> list[Table]:
    files = 1_000_000 if bench.full else 20_000 if bench.quick else 200_000
    _, folder, _ = dvc_like(bench, "madang")
    program = venvs.program("madang", "madang")
    make(folder / "data", files)
    steps = {"add": bench.run([program, "add", "data"], cwd=folder, timeout=3600)}
    walk = [venvs.python("madang"), "-c", WALK, str(folder / "data")]
    for number in range(3):
        _write(folder / "data", number, "changed")
        for name, argv in (("status, 1 changed", [program, "status"]), ("stat walk", walk)):
            child = bench.run(argv, cwd=folder)
            if name not in steps or child.wall < steps[name].wall:
                steps[name] = child
    steps["add, 3 changed"] = bench.run([program, "add", "data"], cwd=folder)
    steps["status"] = bench.run([program, "status"], cwd=folder)
    table = Table(f"Data: {files:,} files", "| s | CPU, s | memory, MB")
    for name, child in steps.items():
        table.row(name, child.wall, child.cpu, child.rss / 1e6)
    scale = 1_000_000 / files
    if not bench.quick:
        table.checks.append(Check("status, 1 changed", steps["status, 1 changed"].wall * scale, 10, unit=" s"))
        for name in ("status, 1 changed", "add"):
            table.checks.append(Check(f"memory of {name}", steps[name].rss / 1e6 * scale, 1000, unit=" MB"))
    if files < 1_000_000:
        table.notes.append(f"checks are of the figures × {scale:g}, start-up too: too high; the bounds are for --full")
    bench.drop_later(folder)
    return [table]


def make(folder: Path, files: int) -> None:
    """Files of a few bytes, all different, in folders of 1,000."""
    for number in range(files):
        if number % FOLDER == 0:
            (folder / f"part{number // FOLDER:04}").mkdir(parents=True)
        _write(folder, number, "file")


def _write(folder: Path, number: int, what: str) -> None:
    path = f"{folder}/part{number // FOLDER:04}/image_{number:07}.png"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(descriptor, f"{what} {number}\n".encode())
    os.close(descriptor)
