"""Data: a folder of many small files, through add, status, checkout, push and pull."""

from __future__ import annotations

import functools
import random
import shutil
from pathlib import Path

import venvs
from harness import Bench, Failed, median, ratio
from report import Check, Table

from workloads.tools import TOOLS, away, digest, dvc_like, git_lfs, sync_after, timed, warm

WALK = """
import os, sys
def walk(folder):
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                count += walk(entry.path)
            else:
                entry.stat(follow_symlinks=False)
                count += 1
    return count
walk(sys.argv[1])
"""
STEPS = ["add", "add again", "status", "status, 1 changed", "add, 1 changed", "checkout", "checkout again", "push",
         "push again", "pull"]  # fmt: skip
MAKING = ["add", "checkout", "push", "pull"]
THEN_SYNC = ", then sync"
TWICE = "two cp -r at once + sync"  # a pull makes each file in the cache and in the workspace


def measure(bench: Bench) -> list[Table]:
    files = 50_000 if bench.full else 1_000 if bench.quick else 5_000
    unsettled = bench.settle()
    source = make(bench.folder("small-source") / "data", files)
    subjects = {"limits": functools.partial(_limits, bench, source)}
    subjects |= {tool: functools.partial(_tool, bench, tool, source) for tool in TOOLS}
    if shutil.which("git-lfs"):
        subjects["git lfs"] = functools.partial(git_lfs, bench, source)
    taken = bench.interleave(subjects, min(3, bench.repeats))
    middle = {
        name: {step: median(run[step] for run in runs) for step in runs[0]} for name, runs in taken.items() if runs
    }
    table = _table(files, middle, dict(taken))
    table.notes.extend(filter(None, [unsettled]))
    return [table]


def _table(files: int, middle: dict[str, dict[str, float]], raw: dict[str, object]) -> Table:
    table = Table(f"Data: {files:,} files of 10 kB, s", "| madang | dvc | dvc / madang | git lfs", raw=raw)
    limits, mine, dvc = (middle.get(name, {}) for name in ("limits", "madang", "dvc"))
    for step in STEPS:
        share = ratio(dvc[step], mine[step]) if step in dvc and step in mine else None
        table.row(step, mine.get(step), dvc.get(step), share, middle.get("git lfs", {}).get(step))
    for step in (f"{step}{THEN_SYNC}" for step in MAKING):
        share = ratio(dvc[step], mine[step]) if step in dvc and step in mine else None
        table.row(step, mine.get(step), dvc.get(step), share, "")
    for what, seconds in limits.items():
        table.row(f"limit: {what}", seconds, "", "", "")
    if not mine:
        return table
    copying = limits["cp -r + sync"]
    table.checks.append(Check("add / (cp -r + sync)", ratio(mine["add"], copying), 2))
    for step in ("checkout", "push", "pull"):
        table.checks.append(Check(f"{step} / (cp -r + sync)", ratio(mine[step], copying), 1.5))
    table.checks.append(Check("pull / (two cp -r at once + sync)", ratio(mine["pull"], limits[TWICE]), 1.5))
    table.checks.append(Check("add again, no change / stat walk", ratio(mine["add again"], limits["stat walk"]), 3))
    table.checks.append(Check("status, no change / stat walk", ratio(mine["status"], limits["stat walk"]), 3))
    for step in STEPS:
        if step in dvc and step in mine:
            table.checks.append(Check(f"dvc / madang: {step}", ratio(dvc[step], mine[step]), 5, at_most=False))
    if files < 50_000:
        table.notes.append("at this size start-up is much of the shorter figures; the bounds are meant for --full")
    return table


def make(folder: Path, files: int) -> Path:
    """Random files of 10,000 bytes in folders of 1,000."""
    chance = random.Random(5)
    for number in range(files):
        path = folder / f"part{number // 1000:02}" / f"{number:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(10_000))
    return folder


def _limits(bench: Bench, source: Path) -> dict[str, float]:
    warm(source)
    target, twice = bench.folder("copy"), bench.folder("two-copies")
    copies = f"cp -r '{source}' '{twice}/cache' & cp -r '{source}' '{twice}/data' & wait; sync -f '{twice}'"
    walk = [venvs.python("madang"), "-c", WALK, str(source)]
    took = {
        "cp -r + sync": timed(bench, ["sh", "-c", f"cp -r '{source}' '{target}/data' && sync -f '{target}'"], target),
        TWICE: timed(bench, ["sh", "-c", copies], twice),
        "md5sum": timed(bench, ["sh", "-c", f"find '{source}' -type f -print0 | xargs -0 md5sum > /dev/null"], target),
        "stat walk": median(timed(bench, walk, target) for _ in range(3)),
    }
    bench.drop_later(target, twice)
    return took


def _tool(bench: Bench, tool: str, source: Path) -> dict[str, float]:
    run, folder, remote = dvc_like(bench, tool)
    data, wanted = folder / "data", digest(source)
    shutil.copytree(source, data)
    warm(data)
    changed = next(path for path in sorted(data.rglob("*.bin")))
    took: dict[str, float] = {}

    def measured(step: str, *arguments: str) -> None:
        took[step] = run(*arguments)
        took[step + THEN_SYNC] = took[step] + sync_after()

    measured("add", "add", "data")
    took |= {"add again": run("add", "data"), "status": run("status")}
    before = changed.read_bytes()
    _replace(changed, before[::-1])
    took["status, 1 changed"] = run("status")
    took["add, 1 changed"] = run("add", "data")
    _replace(changed, before)
    run("add", "data")
    away(bench, data)
    warm(folder / ".dvc" / "cache")
    measured("checkout", "checkout")
    took["checkout again"] = run("checkout")
    _same(tool, "checkout", data, wanted)
    measured("push", "push")
    took["push again"] = run("push")
    away(bench, data, folder / ".dvc" / "cache")
    warm(remote)
    measured("pull", "pull")
    _same(tool, "pull", data, wanted)
    bench.drop_later(folder, remote)
    return took


def _replace(path: Path, content: bytes) -> None:
    """The cache may be linked to: a new file in place of the old one, never a write into it."""
    path.unlink()
    path.write_bytes(content)


def _same(tool: str, step: str, data: Path, wanted: str) -> None:
    if digest(data) != wanted:
        raise Failed(f"{tool} {step} left other data than was added")
