"""How long commands take to start, against `python -c pass` of the same interpreter."""

from __future__ import annotations

import functools
from pathlib import Path

import venvs
from harness import Bench, Child, median, ratio
from report import Check, Table

BOUNDS = {
    "import madang": 3,
    "madang --version": 3,
    "madang --help": 8,
    "madang runs": 8,
    "madang status": 8,
    "madang runs, a project without one": 8,
}


def measure(bench: Bench) -> list[Table]:
    repeats = 7 if bench.quick else 15
    folder = _workspace(bench)
    python, program = venvs.python("madang"), venvs.program("madang", "madang")
    ours = {
        "python -c pass": [python, "-c", "pass"],
        "import madang": [python, "-c", "import madang"],
        "madang --version": [program, "--version"],
        "madang --help": [program, "--help"],
        "madang runs": [program, "runs"],
        "madang runs, a project without one": [program, "runs", "--project", "none"],
        "madang status": [program, "status"],
    }
    theirs = {
        "import expman": [venvs.python("expman"), "-c", "import expman"],
        "import trackio": [venvs.python("trackio"), "-c", "import trackio"],
        "import wandb": [venvs.python("wandb"), "-c", "import wandb"],
        "import mlflow": [venvs.python("mlflow"), "-c", "import mlflow"],
        "mlflow --version": [venvs.program("mlflow", "mlflow"), "--version"],
        "dvc --version": [venvs.program("dvc", "dvc"), "--version"],
        "dvc status": [venvs.program("dvc", "dvc"), "status"],
    }
    taken = bench.interleave(
        {name: functools.partial(_once, bench, argv, folder) for name, argv in ours.items()}, repeats
    )
    taken |= bench.interleave({name: functools.partial(_once, bench, argv, folder) for name, argv in theirs.items()}, 3)
    table = Table("Start-up, ms", "| wall | min | CPU | × python -c pass")
    wall = {name: median(child.wall for child in children) for name, children in taken.items() if children}
    for name, children in taken.items():
        if not children:
            table.row(name, *["failed"] * 4)
            continue
        share = ratio(wall[name], wall["python -c pass"])
        least, cpu = min(child.wall for child in children), median(child.cpu for child in children)
        table.row(name, wall[name] * 1000, least * 1000, cpu * 1000, share)
        if name in BOUNDS:
            table.checks.append(Check(f"{name} / python -c pass", share, BOUNDS[name]))
    table.raw = {name: [child.wall for child in children] for name, children in taken.items()}
    return [table]


def _workspace(bench: Bench) -> Path:
    """A repository with one run and one tracked file, for both tools."""
    folder = bench.folder("start")
    (folder / "data.csv").write_text("a,b\n1,2\n")
    script = "import madang\nwith madang.init(project='start') as run:\n    run.log({'loss': 0.5}, step=1)\n"
    commands = [
        ["git", "init", "-q"],
        [venvs.program("dvc", "dvc"), "init", "-q"],
        [venvs.program("dvc", "dvc"), "add", "-q", "data.csv"],
        [venvs.python("madang"), "-c", script],
        [venvs.program("madang", "madang"), "runs"],
    ]
    for argv in commands:
        bench.run(argv, cwd=folder)
    return folder


def _once(bench: Bench, argv: list[str], folder: Path) -> Child:
    return bench.run(argv, cwd=folder)
