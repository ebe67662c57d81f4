"""The conformance suite of the executor port: every executor passes it, whether it runs one task at a time or many.

Subclass `ExecutorConformance` in a test module and give it a fixture ``executor`` that yields an executor at work in
the data repository ``root``.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from madang.ports.executor import Executor, Result, Task, Write

_LONG = 30.0  # seconds after which something is taken for stuck
_MEET = """\
touch {name}.here; n=0
until [ -e {other}.here ] || [ $n -ge 600 ]; do sleep 0.05; n=$((n+1)); done
[ $n -lt 600 ]
"""


class ExecutorConformance:
    """What every `Executor` must do. Commands are those of a POSIX shell."""

    def task(self, root: Path, name: str, *commands: str, writes: tuple[str, ...] = (), **more: Any) -> Task:
        """A task in the repository's root."""
        facts: dict[str, Any] = {
            "name": name, "root": str(root), "folder": str(root), "commands": commands, "variables": {}, "params": {},
            "metrics": (), "reads": (), "writes": tuple(Write(str(root / path), cache=True) for path in writes),
        }  # fmt: skip
        return Task(**{**facts, **more})

    def done(self, executor: Executor, *tasks: Task) -> dict[str, Result]:
        """Results by name of tasks that are submitted as places get free."""
        found: dict[str, Result] = {}
        waiting = list(tasks)
        under_way = 0
        while waiting or under_way:
            while waiting and under_way < executor.jobs:
                executor.submit(waiting.pop(0))
                under_way += 1
            result = executor.wait()
            assert result.name not in found
            found[result.name] = result
            under_way -= 1
        return found

    def test_a_result_names_what_was_made(self, executor: Executor, root: Path) -> None:
        """Outputs are in the result with their MD5 and size, and in the cache; the run that recorded it is named."""
        task = self.task(
            root, "만들기 @1", "mkdir 'd 폴더'; printf abc > 'd 폴더/x'", "printf 한 > f", writes=("d 폴더", "f")
        )
        result = self.done(executor, task)["만들기 @1"]
        assert (result.code, result.error) == (0, "")
        assert result.run
        body = "한".encode()
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        made = result.made[str(root / "f")]
        assert (made.md5, made.size, made.nfiles) == (md5, len(body), None)
        folder = result.made[str(root / "d 폴더")]
        assert (folder.md5[-4:], folder.size, folder.nfiles) == (".dir", 3, 1)
        assert (root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]).read_bytes() == body

    def test_outputs_may_be_left_out_of_the_cache(self, executor: Executor, root: Path) -> None:
        """Without ``commit`` outputs are only hashed."""
        result = self.done(executor, self.task(root, "t", "printf abc > f", writes=("f",), commit=False))["t"]
        assert result.made[str(root / "f")].size == 3
        assert not list((root / ".dvc").glob("cache/files/md5/*/*"))

    def test_the_first_command_that_fails_is_the_last(self, executor: Executor, root: Path) -> None:
        """Its exit code is the task's; what it made is not taken for made."""
        result = self.done(executor, self.task(root, "t", "echo > a", "echo > b; exit 3", "echo > c", writes=("a",)))[
            "t"
        ]
        assert (result.code, result.made) == (3, {})
        assert (root / "b").exists()
        assert not (root / "c").exists()

    def test_an_output_that_is_not_there_is_an_error(self, executor: Executor, root: Path) -> None:
        """Though the command says that all is well."""
        result = self.done(executor, self.task(root, "t", "true", writes=("none",)))["t"]
        assert result.code == 0
        assert "none" in result.error

    def test_where_and_with_what_commands_run(self, executor: Executor, root: Path) -> None:
        """Folder and variables are the task's; values travel unchanged."""
        (root / "sub").mkdir()
        variables: Mapping[str, str] = {"ODD": "a b\n'\"$x 한"}
        task = self.task(
            root, "t", 'printf %s "$ODD" > odd; pwd > here', folder=str(root / "sub"), variables=variables,
            params={"nested": {"a": [1, None, float("inf")]}, "한": "값"}, writes=("sub/odd",),
        )  # fmt: skip
        assert self.done(executor, task)["t"].code == 0
        assert (root / "sub" / "odd").read_text() == variables["ODD"]
        assert os.path.samefile((root / "sub" / "here").read_text().strip(), root / "sub")

    def test_every_task_has_one_result(self, executor: Executor, root: Path) -> None:
        """However many there are, and however they end."""
        tasks = [self.task(root, f"t{number}", f"exit {number % 3}") for number in range(executor.jobs * 2 + 1)]
        found = self.done(executor, *tasks)
        assert {name: result.code for name, result in found.items()} == {f"t{n}": n % 3 for n in range(len(tasks))}

    def test_tasks_are_under_way_at_the_same_time(self, executor: Executor, root: Path) -> None:
        """As many as there are jobs: each waits for another one. With one job they come one after the other."""
        names = [f"t{number}" for number in range(executor.jobs)]
        tasks = [
            self.task(root, name, _MEET.format(name=name, other=other), alone=True)
            for name, other in zip(names, [*names[1:], names[0]], strict=True)
        ]
        assert {result.code for result in self.done(executor, *tasks).values()} == {0}

    def test_the_first_that_ends_comes_first(self, executor: Executor, root: Path) -> None:
        """A long task does not hold up the result of a short one."""
        if executor.jobs == 1:
            found = list(self.done(executor, self.task(root, "a", "true"), self.task(root, "b", "true")))
            assert found == ["a", "b"]
            return
        executor.submit(self.task(root, "long", "until [ -e go ]; do sleep 0.05; done", alone=True))
        executor.submit(self.task(root, "short", "true", alone=True))
        assert executor.wait().name == "short"
        (root / "go").touch()
        assert executor.wait().name == "long"

    def test_output_of_any_kind_is_no_obstacle(self, executor: Executor, root: Path) -> None:
        """Megabytes without a line's end, and bytes that are no text."""
        noise = "head -c 3000000 /dev/zero | tr '\\0' x; printf '\\377\\376\\n'; echo to standard error >&2"
        assert self.done(executor, self.task(root, "t", noise))["t"].code == 0

    def test_nobody_answers_a_task_that_is_alone(self, executor: Executor, root: Path) -> None:
        """It reads the end of its input."""
        assert self.done(executor, self.task(root, "t", "! read line", alone=True))["t"].code == 0

    def test_what_a_task_leaves_behind_is_not_waited_for(self, executor: Executor, root: Path) -> None:
        """A process in the background does not hold up the result."""
        began = time.monotonic()
        task = self.task(root, "t", "sleep 60 > /dev/null 2>&1 & echo $! > pid", alone=True)
        assert self.done(executor, task)["t"].code == 0
        assert time.monotonic() - began < _LONG
        os.kill(int((root / "pid").read_text()), 9)

    def test_closing_ends_what_is_under_way(self, executor: Executor, root: Path) -> None:
        """The commands and what they have started, too; closing twice is no mistake."""
        if executor.jobs > 1:
            for number in range(executor.jobs):
                command = (
                    f"sh -c 'echo $$ > pid{number}.new; mv pid{number}.new pid{number}; exec sleep 600'; echo never"
                )
                executor.submit(self.task(root, f"t{number}", command, alone=True))
            pids = [_told(root / f"pid{number}") for number in range(executor.jobs)]
            executor.close()
            for pid in pids:
                assert not _runs(pid)
        executor.close()


def _runs(pid: int) -> bool:
    """Whether a process is at work; one that has ended and that nobody has collected is not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def _told(path: Path) -> int:
    end = time.monotonic() + _LONG
    while not path.exists():
        assert time.monotonic() < end, "the task did not start"
        time.sleep(0.02)
    return int(path.read_text())
