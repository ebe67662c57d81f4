"""Data: one large file, through add, push and pull."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

from harness import Bench, Failed, median, ratio
from report import Check, Table

from workloads.tools import TOOLS, digest, dvc_like, git_lfs, timed, warm

STEPS = ["add", "add again", "checkout", "push", "pull"]


def measure(bench: Bench) -> list[Table]:
    size = (4096 if bench.full else 128 if bench.quick else 512) << 20
    source = bench.folder("large-source") / "data"
    source.mkdir()
    with (source / "large.bin").open("wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
    subjects = {"limits": functools.partial(_limits, bench, source)}
    subjects |= {tool: functools.partial(_tool, bench, tool, source) for tool in TOOLS}
    if shutil.which("git-lfs"):
        subjects["git lfs"] = functools.partial(git_lfs, bench, source)
    taken = bench.interleave(subjects, min(3, bench.repeats))
    middle = {
        name: {step: median(run[step] for run in runs) for step in runs[0]} for name, runs in taken.items() if runs
    }
    table = Table(
        f"Data: one file of {size >> 20:,} MiB, s", "| madang | dvc | dvc / madang | git lfs", raw=dict(taken)
    )
    limits, mine, dvc = (middle.get(name, {}) for name in ("limits", "madang", "dvc"))
    for step in STEPS:
        share = ratio(dvc[step], mine[step]) if step in dvc and step in mine else None
        table.row(step, mine.get(step), dvc.get(step), share, middle.get("git lfs", {}).get(step))
    for what, seconds in limits.items():
        table.row(f"limit: {what}", seconds, "", "", "")
    if mine:
        slower = max(limits["md5sum"], limits["cp + sync"])
        for step in ("add", "push", "pull"):
            table.checks.append(Check(f"{step} / slower of md5sum and cp + sync", ratio(mine[step], slower), 1.2))
    return [table]


def _limits(bench: Bench, source: Path) -> dict[str, float]:
    warm(source)
    target, path = bench.folder("copy"), source / "large.bin"
    took = {
        "md5sum": timed(bench, ["md5sum", str(path)], target),
        "cp": timed(bench, ["cp", str(path), f"{target}/a.bin"], target),
        "cp + sync": timed(bench, ["sh", "-c", f"cp '{path}' '{target}/b.bin' && sync '{target}/b.bin'"], target),
    }
    bench.drop(target)
    return took


def _tool(bench: Bench, tool: str, source: Path) -> dict[str, float]:
    run, folder, remote = dvc_like(bench, tool)
    path, wanted = folder / "large.bin", digest(source)
    shutil.copy(source / "large.bin", path)
    warm(source)
    took = {"add": run("add", "large.bin"), "add again": run("add", "large.bin")}
    path.unlink()
    took["checkout"] = run("checkout")
    took["push"] = run("push")
    path.unlink()
    shutil.rmtree(folder / ".dvc" / "cache")
    took["pull"] = run("pull")
    check = folder / "check"
    check.mkdir()
    path.rename(check / "large.bin")
    if digest(check) != wanted:
        raise Failed(f"{tool} pull left other data than was added")
    bench.drop(folder, remote)
    return took
