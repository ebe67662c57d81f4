"""The data tools, which share DVC's commands, and what their workloads have in common."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import venvs
from harness import Bench

TOOLS = ["madang", "dvc"]


def timed(bench: Bench, argv: Sequence[str], cwd: Path) -> float:
    """Seconds of a command that begins with nothing left to be written to the disk."""
    os.sync()
    return bench.run(argv, cwd=cwd).wall


def sync_after() -> float:
    """Seconds until the disk has what a tool has left to be written later."""
    began = time.perf_counter()
    os.sync()
    return time.perf_counter() - began


def warm(folder: Path) -> None:
    """Everything in the page cache: what is measured is the tool, not the first read of the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


def digest(folder: Path) -> str:
    """One digest over the names and bytes below a folder."""
    total = hashlib.blake2b()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as file:
                while part := file.read(1 << 20):
                    total.update(part)
    return total.hexdigest()


def dvc_like(
    bench: Bench, tool: str, *, peer: str = "", url: str = "", env: Mapping[str, str] | None = None
) -> tuple[Callable[..., float], Path, Path]:
    """A new repository with a remote (a folder unless ``url``); (how to run the tool in it, repository, remote).

    ``peer`` names the environment that the tool is taken from, when it is not the tool's own.
    """
    folder, remote = bench.folder(f"{tool}-repo"), bench.folder(f"{tool}-remote")
    program = venvs.program(peer or tool, tool)
    add_remote = [program, "remote", "add", "-d", "store", url or str(remote)]
    for argv in (["git", "init", "-q"], [program, "init"], add_remote):
        bench.run(argv, cwd=folder)

    def run(*arguments: str) -> float:
        os.sync()
        return bench.run([program, *arguments], cwd=folder, env=env).wall

    return run, folder, remote


def away(bench: Bench, *paths: Path) -> None:
    """Take what the tool shall bring back out of its sight."""
    for path in paths:
        path.rename(bench.folder("away") / path.name)


def git_lfs(bench: Bench, source: Path) -> dict[str, float]:
    """Git LFS over the same files: `git add`, `git status`, checkout, push and pull with a file:// remote."""
    folder, remote, clone = bench.folder("lfs-repo"), bench.folder("lfs-remote"), bench.folder("lfs-clone")
    for argv in (["git", "init", "-q"], ["git", "lfs", "install", "--local"], ["git", "lfs", "track", "*.bin"]):
        bench.run(argv, cwd=folder)
    bench.run(["git", "init", "-q", "--bare"], cwd=remote)
    bench.run(["git", "remote", "add", "origin", f"file://{remote}"], cwd=folder)
    shutil.copytree(source, folder / "data")
    warm(folder / "data")
    took = {"add": timed(bench, ["git", "add", "data", ".gitattributes"], folder)}
    took["add again"] = timed(bench, ["git", "add", "data"], folder)
    took["status"] = timed(bench, ["git", "status", "--short"], folder)
    bench.run(["git", "commit", "-q", "-m", "data"], cwd=folder)
    away(bench, folder / "data")
    took["checkout"] = timed(bench, ["git", "checkout", "--", "data"], folder)
    took["push"] = timed(bench, ["git", "push", "-q", "origin", "main"], folder)
    skip = {"GIT_LFS_SKIP_SMUDGE": "1"}
    bench.run(["git", "clone", "-q", f"file://{remote}", str(clone / "r")], cwd=clone, env=skip)
    bench.run(["git", "lfs", "install", "--local"], cwd=clone / "r")
    took["pull"] = timed(bench, ["git", "lfs", "pull"], clone / "r")
    bench.drop_later(folder, remote, clone)
    return took
