"""Where the commands of stages run: on this machine one by one or side by side; later elsewhere. Plain values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Protocol

from madang.domain.events import Pipeline
from madang.domain.values import value


@value
class Read:
    """A file or folder that a stage reads, or data elsewhere, as it is when the stage starts."""

    path: str  # absolute, or an address
    digest: str  # ``md5:…`` (``.dir`` at its end for a folder); of data elsewhere ``etag:…``, ``checksum:…``, …
    size: int
    recorded: str = ""  # digest in the record of whoever makes it
    tracked_by: str = ""  # absolute path of that record


@value
class Write:
    """A file or folder that a stage makes."""

    path: str  # absolute
    cache: bool  # whether its bytes belong into the cache


@value
class Task:
    """One execution of one stage."""

    name: str  # the stage's address
    root: str  # of the data repository
    folder: str  # where the commands run
    commands: tuple[str, ...]  # for a shell, one after the other, up to the first that fails
    variables: Mapping[str, str]  # beside those of the caller
    params: Mapping[str, Any]
    metrics: tuple[str, ...]  # paths relative to ``folder``
    reads: tuple[Read, ...]
    writes: tuple[Write, ...]
    group: str = ""  # of runs
    commit: bool = True  # False: outputs are only hashed
    alone: bool = False  # other tasks run meanwhile: nobody answers on standard input
    tags: Mapping[str, str] = field(default_factory=dict)  # of the run
    news: Pipeline | None = None  # what else is known of the reproduction by now; the task's run records it


@value
class Made:
    """What an output holds."""

    md5: str
    size: int
    nfiles: int | None = None
    isexec: bool = False


@value
class Result:
    """How a task ended. It succeeded when the exit code is 0 and there is no error."""

    name: str
    code: int = 0
    run: str = ""  # the run that recorded it
    made: Mapping[str, Made] = field(default_factory=dict)  # by path
    error: str = ""  # what was wrong beside the exit code
    hint: str = ""


class Executor(Protocol):
    """Runs tasks."""

    @property
    def jobs(self) -> int:
        """How many tasks run side by side."""
        ...

    def submit(self, task: Task) -> None:
        """Start a task. No more than ``jobs`` may be under way."""
        ...

    def wait(self) -> Result:
        """Stay until a task that was submitted has ended."""
        ...

    def close(self) -> None:
        """End what is under way."""
        ...
