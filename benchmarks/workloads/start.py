"""How long commands take to start, against `python -c pass` of the same interpreter."""

from __future__ import annotations

import functools
from pathlib import Path

import venvs
from harness import Bench, Child, median, ratio
from report import Check, Table

FAST = {"import madang", "madang --version"}
FAST_BOUND, BOUND = 3, 8
DAILY = (
    "--help", "runs", "runs --project none", "runs show latest", "compare old latest", "models", "artifacts", "sync",
    "status", "add data.csv", "diff", "commit", "checkout", "push", "pull", "fetch", "repro", "repro --dry", "dag",
    "stage list", "params diff", "metrics show", "data status", "list .", "du .", "remote list", "config --list",
    "root",
)  # fmt: skip
"""What a user types many times a day, in a workspace where each finds something and has nothing to do."""
SELDOM = ("why loss latest --against old", "rollback old --dry", "gc -w --dry", "sync --check", "exp show")
"""Commands that are measured beside them, without a bound: they ask git many things, or read everything."""
SILENT_FAILURES = {"sync": (0, 2)}  # without a hub it says so


def measure(bench: Bench) -> list[Table]:
    repeats = 7 if bench.quick else 15
    folder = _workspace(bench)
    python, program = venvs.python("madang"), venvs.program("madang", "madang")
    ours = {
        "python -c pass": [python, "-c", "pass"],
        "import madang": [python, "-c", "import madang"],
        "madang --version": [program, "--version"],
    }
    ours |= {f"madang {command}": [program, *command.split()] for command in (*DAILY, *SELDOM)}
    theirs = {
        "import expman": [venvs.python("expman"), "-c", "import expman"],
        "import trackio": [venvs.python("trackio"), "-c", "import trackio"],
        "import wandb": [venvs.python("wandb"), "-c", "import wandb"],
        "import mlflow": [venvs.python("mlflow"), "-c", "import mlflow"],
        "mlflow --version": [venvs.program("mlflow", "mlflow"), "--version"],
        "dvc --version": [venvs.program("dvc", "dvc"), "--version"],
        "dvc status": [venvs.program("dvc", "dvc"), "status"],
    }
    taken = _taken(bench, ours, folder, repeats) | _taken(bench, theirs, folder, 3)
    table = Table("Start-up, ms", "| wall | min | CPU | × python -c pass")
    wall = {name: median(child.wall for child in children) for name, children in taken.items() if children}
    for name, children in taken.items():
        if not children:
            table.row(name, *["failed"] * 4)
            continue
        share = ratio(wall[name], wall["python -c pass"])
        least, cpu = min(child.wall for child in children), median(child.cpu for child in children)
        table.row(name, wall[name] * 1000, least * 1000, cpu * 1000, share)
        if name in FAST or name.removeprefix("madang ") in DAILY:
            table.checks.append(Check(f"{name} / python -c pass", share, FAST_BOUND if name in FAST else BOUND))
    table.raw = {name: [child.wall for child in children] for name, children in taken.items()}
    return [table]


def _taken(bench: Bench, subjects: dict[str, list[str]], folder: Path, repeats: int) -> dict[str, list[Child]]:
    return bench.interleave(
        {name: functools.partial(_once, bench, argv, folder) for name, argv in subjects.items()}, repeats
    )


def _once(bench: Bench, argv: list[str], folder: Path) -> Child:
    return bench.run(argv, cwd=folder, accept=SILENT_FAILURES.get(argv[-1], (0,)))


def _workspace(bench: Bench) -> Path:
    """A repository with a tracked file, a stage, a remote and two runs, for both tools."""
    folder = bench.folder("start")
    madang, dvc = venvs.program("madang", "madang"), venvs.program("dvc", "dvc")
    (folder / "data.csv").write_text("a,b\n1,2\n")
    (folder / "params.yaml").write_text("lr: 0.1\n")
    (folder / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: cp data.csv out.csv\n    deps: [data.csv]\n    params: [lr]\n    outs: [out.csv]\n"
    )
    for argv in (
        ["git", "init", "-q"],
        [dvc, "init", "-q"],
        [dvc, "add", "-q", "data.csv"],
        [madang, "remote", "add", "-d", "there", str(bench.folder("start-remote"))],
        [madang, "repro"],
        ["git", "add", "-A"],
        ["git", "commit", "-q", "-m", "start"],
        [madang, "push"],
        *([venvs.python("madang"), "-c", _SCRIPT, name] for name in ("old", "latest")),
        [madang, "runs"],
    ):
        bench.run(argv, cwd=folder)
    return folder


_SCRIPT = """
import sys, madang
with madang.init(project="start", name=sys.argv[1]) as run:
    run.log({"loss": 0.5 if sys.argv[1] == "old" else 0.4}, step=1)
"""
