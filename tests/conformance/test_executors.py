"""The executor port's suite over the local executors."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from madang.cli import stage_runs
from madang.errors import Refused
from madang.ports.executor import Executor, Result, Task
from madang.testing.executors import ExecutorConformance
from madang.workspace.data.repo.initializing import initialize
from madang.workspace.pipelines.executing import InPlace, SideBySide


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data repository whose path has Korean letters and a blank; nothing follows its runs."""
    folder = tmp_path / "저장소 one"
    folder.mkdir()
    monkeypatch.setenv("MADANG_FOLLOWER", "0")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "-q", "--template=", str(folder)], check=True)
    initialize(str(folder))
    return folder


class TestInPlace(ExecutorConformance):
    """One task at a time, in the process itself."""

    @pytest.fixture
    def executor(self, root: Path) -> Executor:
        """An executor."""
        return InPlace(lambda task: stage_runs.execute(task, quiet=True))


class TestSideBySide(ExecutorConformance):
    """Each task in a process of its own."""

    @pytest.fixture
    def executor(self, root: Path) -> Iterator[Executor]:
        """An executor for three tasks."""
        executor = SideBySide(stage_runs.execute, 3, lambda name, line: None)
        yield executor
        executor.close()


def test_a_process_that_dies_or_refuses_has_a_result() -> None:
    """A task whose process is killed, or raises what the user is told, has failed and says why."""

    def execute(task: Task) -> Result:
        if task.name == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise Refused("No place for it.", hint="Make some.")

    def task(name: str) -> Task:
        return Task(name, "/", "/", (), {}, {}, (), (), ())

    shown: list[tuple[str, bytes]] = []
    executor = SideBySide(execute, 2, lambda name, line: shown.append((name, line)))
    executor.submit(task("killed"))
    executor.submit(task("refused"))
    found = {result.name: result for result in (executor.wait(), executor.wait())}
    executor.close()
    assert (found["killed"].code, found["killed"].made) == (1, {})
    assert found["killed"].error
    assert (found["refused"].error, found["refused"].hint) == ("No place for it.", "Make some.")
