"""What `madang.init` costs the training process, against one `git rev-parse HEAD` in a repository of 10,000 files."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import venvs
from harness import Bench, median, ratio
from report import Check, Table

SCRIPT = """
import json, os, time
cpu, began = time.process_time(), time.perf_counter()
import madang
run = madang.init(project="bench", config={"lr": 0.1})
ready, spent = time.perf_counter(), time.process_time() - cpu
run.log({"loss": 0.5}, step=1)
logged = time.perf_counter()
run.finish()
ended = time.perf_counter()
answer = {"init": ready - began, "cpu": spent, "log": logged - ready, "finish": ended - logged}
open(os.environ["BENCH_ANSWER"], "w").write(json.dumps(answer))
"""


def measure(bench: Bench) -> list[Table]:
    repeats = 7 if bench.quick else 15
    folder = _repository(bench, 10_000)
    script = folder.parent / "init.py"
    script.write_text(SCRIPT)
    subjects: dict[str, Callable[[], Any]] = {
        "git": functools.partial(_git, bench, folder),
        "python -c pass": functools.partial(_python, bench, folder),
        "first": functools.partial(_init, bench, folder, script, True),
        "later": functools.partial(_init, bench, folder, script, False),
    }
    taken = bench.interleave(subjects, repeats)
    git = median(taken["git"])
    table = Table(
        "madang.init in a repository of 10,000 files, ms (import included)",
        "| init | CPU of it | first log() | finish() | whole process | init × git rev-parse HEAD",
    )
    table.row("git rev-parse HEAD", "", "", "", "", git * 1000, 1)
    table.row("python -c pass", "", "", "", "", median(taken["python -c pass"]) * 1000, "")
    for name, what in (("first", "no follower yet (a new store)"), ("later", "same store as before")):
        runs: list[Any] = taken[name]
        if not runs:
            table.row(what, *["failed"] * 6)
            continue
        middle = {key: median(run[key] for run in runs) for key in runs[0]}
        share = ratio(middle["init"], git)
        cells = [middle[key] * 1000 for key in ("init", "cpu", "log", "finish", "whole")]
        table.row(what, *cells, share)
        table.checks.append(Check(f"madang.init, {what} / git rev-parse HEAD", share, 10))
    table.raw = taken
    return [table]


def _repository(bench: Bench, files: int) -> Path:
    folder = bench.folder("init") / "repository"
    for number in range(files):
        path = folder / f"src{number // 100:03}" / f"module{number:05}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"VALUE = {number}\n")
    for argv in (["git", "init", "-q"], ["git", "add", "-A"], ["git", "commit", "-q", "-m", "all"]):
        bench.run(argv, cwd=folder)
    return folder


def _git(bench: Bench, folder: Path) -> float:
    return bench.run(["git", "rev-parse", "HEAD"], cwd=folder).wall


def _python(bench: Bench, folder: Path) -> float:
    return bench.run([venvs.python("madang"), "-c", "pass"], cwd=folder).wall


def _init(bench: Bench, folder: Path, script: Path, fresh: bool) -> dict[str, float]:
    env = {"MADANG_DIR": str(bench.folder("init-store"))} if fresh else None
    child = bench.run([venvs.python("madang"), str(script)], cwd=folder, env=env)
    return {**child.result, "whole": child.wall}
