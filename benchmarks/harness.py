"""Running things and measuring them: fresh processes, interleaved repeats, medians, servers on loopback.

Only the standard library, so that it runs from any interpreter.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import venvs

HERE = Path(__file__).resolve().parent
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
T = TypeVar("T")
_SETTLING = 420.0  # seconds: ext4 without a journal waits for five minutes
_SETTLED = 80e-6  # CPU seconds of the kernel a file made: 20 to 50 µs at rest, up to 900 after files were removed

# No network and nothing sent to anyone, and no capture that a peer could do without being asked for here.
QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "DVC_NO_ANALYTICS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GIT_CONFIG_NOSYSTEM": "1",
    "NO_COLOR": "1",
}


class Failed(Exception):
    """A measured process did not do what it was told."""


@dataclass(frozen=True)
class Child:
    """How a process went. ``cpu`` is user + system of it and of the descendants it waited for."""

    wall: float
    cpu: float
    rss: int
    output: str
    result: Any


class Bench:
    """Settings, the scratch folder and the ways to run things."""

    def __init__(self, *, quick: bool, full: bool, repeats: int, scratch: Path) -> None:
        self.quick, self.full, self.repeats = quick, full, repeats
        self.scratch = scratch
        self.home = scratch / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / ".gitconfig").write_text(
            "[user]\n\tname = bench\n\temail = bench@example.org\n[init]\n\tdefaultBranch = main\n"
        )
        self._folders = 0
        self._later: list[Path] = []

    def say(self, text: str) -> None:
        print(f"    {text}", flush=True)

    def folder(self, name: str) -> Path:
        """A new empty folder."""
        self._folders += 1
        made = self.scratch / f"{self._folders:04}-{name}"
        made.mkdir()
        return made

    def drop(self, *folders: Path) -> None:
        """Take folders away that are no longer needed: the disk is not endless."""
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def drop_later(self, *folders: Path) -> None:
        """The same at the end of the workload, for folders of many files.

        ext4 without a journal gives no inode out again for minutes after its file was removed, and looks at each of
        these first: after 50,000 files were removed, making others is many times slower for whoever comes next.
        """
        self._later.extend(folders)

    def settle(self) -> str:
        """Wait, for minutes if need be, until making files costs what it should: see `drop_later`.

        Returns a note for the table when it still does not.
        """
        until = time.monotonic() + _SETTLING
        while (cost := _making(self.folder("settling"))) > _SETTLED:
            if time.monotonic() > until:
                return f"making a file cost the kernel {cost * 1e6:.0f} µs when this began: this disk was not at rest"
            self.say(f"making a file costs the kernel {cost * 1e6:.0f} µs: waiting for this disk to come to rest")
            time.sleep(30)
        return ""

    def drop_all(self) -> None:
        """What was to be dropped later."""
        self.drop(*self._later)
        self._later.clear()

    def env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The same small environment for everybody."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
        return {**kept, "HOME": str(self.home), **QUIET, **(extra or {})}

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 900,
        accept: Iterable[int] = (0,),
    ) -> Child:
        """Run one process to its end."""
        with tempfile.TemporaryFile("w+") as output, tempfile.NamedTemporaryFile("r+") as answer:
            environment = self.env(env) | {"BENCH_ANSWER": answer.name}
            began = time.perf_counter()
            process = subprocess.Popen(
                argv, cwd=cwd or self.scratch, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            code, usage = _wait(process, timeout)
            wall = time.perf_counter() - began
            output.seek(0)
            text = output.read()
            if code not in accept:
                raise Failed(f"{' '.join(map(str, argv))[:300]} ended with {code}:\n{text[-3000:]}")
            answered = answer.read()
        spent = usage.ru_utime + usage.ru_stime
        return Child(wall, spent, usage.ru_maxrss * 1024, text, json.loads(answered) if answered else None)

    def drive(self, peer: str, task: str, *, timeout: float = 900, **arguments: Any) -> Child:
        """Run a task of driver.py in the peer's environment, in a process of its own."""
        return self.run(self.driver(peer, task, **arguments), timeout=timeout, env=self.peer_env(arguments))

    def driver(self, peer: str, task: str, **arguments: Any) -> list[str]:
        return [venvs.python(peer), str(HERE / "driver.py"), peer, task, json.dumps(arguments, default=str)]

    def peer_env(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Where peers put their files if told by the environment only."""
        store = str(arguments.get("store", self.scratch))
        return {"TRACKIO_DIR": store, "WANDB_DIR": store, "MADANG_DIR": store}

    def interleave(self, subjects: Mapping[str, Callable[[], T]], repeats: int | None = None) -> dict[str, list[T]]:
        """A B C A B C …, so that a slow minute of the machine falls on all alike."""
        taken: dict[str, list[T]] = {name: [] for name in subjects}
        for turn in range(repeats or self.repeats):
            for name, measure in subjects.items():
                try:
                    taken[name].append(measure())
                except Failed as error:
                    self.say(f"{name} failed in turn {turn + 1}: {error}")
        return taken


def _making(folder: Path) -> float:
    """CPU seconds that making one small file takes the kernel; over several folders, which lie apart on the disk."""
    before = os.times().system
    for number in range(16):
        part = folder / str(number)
        part.mkdir()
        for each in range(128):
            (part / str(each)).write_bytes(bytes(10_000))
    return (os.times().system - before) / (16 * 128)


def _wait(process: subprocess.Popen[str] | subprocess.Popen[bytes], timeout: float) -> tuple[int, Any]:
    """Wait, with the resource usage. The exit code is negative for a signal."""
    descriptor = os.pidfd_open(process.pid)
    try:
        if not select.select([descriptor], [], [], timeout)[0]:
            process.kill()
            raise Failed(f"no end after {timeout:.0f} s")
    finally:
        os.close(descriptor)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage


def median(values: Iterable[float]) -> float:
    found = list(values)
    return statistics.median(found) if found else float("nan")


def ratio(value: float, base: float) -> float:
    return value / base if base else float("inf")


def disk(folder: Path, skip: Callable[[Path], bool] = lambda path: False) -> tuple[int, int, int]:
    """(apparent bytes, allocated bytes, files) below a folder or of one file."""
    apparent = allocated = files = 0
    paths = [folder] if folder.is_file() else folder.rglob("*")
    for path in paths:
        if path.is_file() and not path.is_symlink() and not skip(path):
            facts = path.stat()
            apparent, allocated, files = apparent + facts.st_size, allocated + facts.st_blocks * 512, files + 1
    return apparent, allocated, files
