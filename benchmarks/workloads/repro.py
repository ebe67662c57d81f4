"""Pipelines: a chain with nothing to do, what a stage costs beside its command, and a long templated dvc.yaml."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import venvs
from harness import Bench, Child, Failed, median, ratio
from report import Check, Table

PARSE = """
import sys
from madang.formats.dvc.pipeline import Pipeline
def read(name):
    try:
        return open(name, "rb").read()
    except FileNotFoundError:
        return None
if len(sys.argv) > 1:
    pipeline = Pipeline(read("dvc.yaml").decode(), "dvc.yaml", read)
    assert len([pipeline.stage(name) for name in pipeline.names()]) == 2000
"""
MEMO = ".dvc/tmp/madang/unchanged.json"


def measure(bench: Bench) -> list[Table]:
    return [_nothing_to_do(bench), _executed(bench), _templates(bench)]


def _program(tool: str) -> str:
    return venvs.program(tool, tool)


def _chain(bench: Bench, stages: int) -> Path:
    """A repository with a chain of ``cp``, as a dvc.yaml and as a Makefile; everything is made already."""
    folder = bench.folder("chain")
    parts = [
        f"  s{at}:\n    cmd: cp f{at} f{at + 1}\n    deps:\n    - f{at}\n    outs:\n    - f{at + 1}\n"
        for at in range(stages)
    ]
    rules = [f"f{at + 1}: f{at}\n\tcp f{at} f{at + 1}\n" for at in range(stages)]
    (folder / "dvc.yaml").write_text("stages:\n" + "".join(parts))
    (folder / "Makefile").write_text(f"all: f{stages}\n" + "".join(rules))
    (folder / "f0").write_text("x\n")
    for argv in (["git", "init", "-q"], [_program("dvc"), "init", "-q"], [_program("madang"), "repro", "-q"]):
        bench.run(argv, cwd=folder)
    return folder


def _once(bench: Bench, argv: list[str], folder: Path, say: str = "", without: str = "") -> Child:
    if without:
        (folder / without).unlink(missing_ok=True)
    child = bench.run(argv, cwd=folder)
    if say not in child.output:
        raise Failed(f"{' '.join(argv)} did something:\n{child.output[-2000:]}")
    return child


def _nothing_to_do(bench: Bench) -> Table:
    stages = 50 if bench.quick else 200
    folder = _chain(bench, stages)
    other = bench.folder("chain-dvc")
    shutil.copytree(folder, other, dirs_exist_ok=True, ignore=shutil.ignore_patterns("madang"))
    done = "up to date"
    once = functools.partial(_once, bench)
    for _ in range(2):  # the first look of each tool hashes what was copied
        once([_program("madang"), "repro"], folder)
        once([_program("dvc"), "repro"], other)
    taken = bench.interleave(
        {
            "python -c pass": lambda: once([venvs.python("madang"), "-c", "pass"], folder),
            "madang repro": lambda: once([_program("madang"), "repro"], folder, done),
            "madang repro, cold": lambda: once([_program("madang"), "repro"], folder, done, MEMO),
            "make": lambda: once(["make"], folder),
            "dvc repro": lambda: once([_program("dvc"), "repro"], other, done),
        }
    )
    cpu = {name: median(child.cpu for child in children) for name, children in taken.items() if children}
    table = Table(f"A chain of {stages} stages with nothing to do, ms", "| CPU | wall | × python -c pass")
    for name in cpu:
        wall = median(child.wall for child in taken[name])
        table.row(name, cpu[name] * 1000, wall * 1000, ratio(cpu[name], cpu["python -c pass"]))
    base = cpu["python -c pass"]
    table.checks.append(Check("madang repro / python -c pass, CPU", ratio(cpu["madang repro"], base), 8))
    table.checks.append(Check("cold / python -c pass, CPU", ratio(cpu["madang repro, cold"], base), 25))
    if "dvc repro" in cpu:
        share = ratio(cpu["dvc repro"], cpu["madang repro"])
        table.checks.append(Check("dvc repro / madang repro, CPU", share, 20, at_most=False))
    table.raw = {name: [child.cpu for child in children] for name, children in taken.items()}
    bench.drop_later(folder, other)
    return table


def _executed(bench: Bench) -> Table:
    """What is spent around 20 commands that do next to nothing; madang records each as a run meanwhile."""
    stages = 20
    plain = "; ".join(f"sh -c 'cp f{at} f{at + 1}'" for at in range(stages))
    folders = {tool: _chain(bench, stages) for tool in ("shell", "madang", "dvc", "make")}
    commands = {
        "shell": ["sh", "-c", plain],
        "make": ["make"],
        "madang": [_program("madang"), "repro", "-q", "--no-run-cache"],
        "dvc": [_program("dvc"), "repro", "-q", "--no-run-cache"],
    }
    turns = iter(range(1_000_000))

    def run(tool: str) -> Child:
        (folders[tool] / "f0").write_text(f"{next(turns)}\n")
        return bench.run(commands[tool], cwd=folders[tool])

    taken = bench.interleave({tool: functools.partial(run, tool) for tool in commands}, min(3, bench.repeats))
    table = Table(f"{stages} stages of cp, ms a stage beside the command", "| CPU | wall")
    cpu = {tool: median(child.cpu for child in children) for tool, children in taken.items() if children}
    wall = {tool: median(child.wall for child in children) for tool, children in taken.items() if children}
    for tool in cpu:
        spent = (cpu[tool] - cpu["shell"], wall[tool] - wall["shell"])
        table.row(tool, *(seconds / stages * 1000 for seconds in spent))
    if "madang" in cpu:
        table.checks.append(
            Check("CPU ms a stage, recording included", (cpu["madang"] - cpu["shell"]) / stages * 1000, 50)
        )
        table.checks.append(
            Check("wall ms a stage, recording included", (wall["madang"] - wall["shell"]) / stages * 1000, 50)
        )
    table.raw = {tool: [child.cpu for child in children] for tool, children in taken.items()}
    bench.drop_later(*folders.values())
    return table


def _templates(bench: Bench) -> Table:
    """2,000 stages, each with expressions in its command, dependency and output."""
    folder = bench.folder("templates")
    values = "".join(f"  k{at}: {{lr: {at}, name: m{at}}}\n" for at in range(1000))
    stage = "  s{0}:\n    cmd: train ${{n.k{0}.lr}} ${{root}}/f{0}\n    deps: ['${{root}}/f{0}']\n"
    stage += "    outs: ['${{n.k{0}.name}}']\n"
    group = "  g:\n    foreach: ${n}\n    do:\n      cmd: cp ${root}/${key} o-${item.name}\n"
    group += "      outs: ['o-${item.name}']\n"
    text = "vars:\n- root: data\nstages:\n" + "".join(stage.format(at) for at in range(1000)) + group
    (folder / "dvc.yaml").write_text(text)
    (folder / "params.yaml").write_text(f"n:\n{values}")
    python = venvs.python("madang")
    taken = bench.interleave(
        {
            "imports": lambda: bench.run([python, "-c", PARSE], cwd=folder),
            "all": lambda: bench.run([python, "-c", PARSE, "parse"], cwd=folder),
        }
    )
    cpu = {name: median(child.cpu for child in children) for name, children in taken.items()}
    table = Table("A templated dvc.yaml of 2,000 stages, CPU s", "| s")
    table.row("parsed and resolved", cpu["all"] - cpu["imports"])
    table.checks.append(Check("s", cpu["all"] - cpu["imports"], 1))
    table.raw = {name: [child.cpu for child in children] for name, children in taken.items()}
    bench.drop_later(folder)
    return table
