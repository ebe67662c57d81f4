"""The queue of experiments: files beside the repository's runs, one folder a task.

A task is never lost and never run twice at once. Its folder holds ``task.json`` (what is to be run), ``lock`` (held by
the process that runs it), ``log``, and in the end ``result.json``. A task without a result whose lock nobody holds
waits: also one whose process was killed, and then ``tree``, its work tree, is gone on with. The ref
``refs/madang/queue/<id>`` keeps the commit that it starts from.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, field
from typing import Any

from madang.domain.values import value
from madang.durable import write_file
from madang.errors import InvalidInput, NotFound, Refused, StorageError
from madang.formats import store as layout
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import commits, refs, work_trees
from madang.workspace.experiments.starting import Start
from madang.workspace.pipelines.selecting import Options
from madang.workspace.processes import end_left

QUEUED, RUNNING, FAILED, SUCCESS = "queued", "running", "failed", "success"
_REFS = "refs/madang/queue"
_YOUNG = 3600 * 1_000_000  # µs
_TASK, _RESULT, _LOCK, _LOG, _KILLED, _STOP = "task.json", "result.json", "lock", "log", "killed", "stop"


@value
class Task:
    """An experiment that waits, runs or ran."""

    id: str
    name: str
    start: Start
    at: int  # when it was put into the queue, µs UTC
    targets: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)
    message: str = ""
    force: bool = False
    copies: tuple[str, ...] = ()  # paths of the user's work tree that come along


@value
class Known:
    """A task and how far it is."""

    task: Task
    state: str
    result: str = ""  # the experiment's commit, or why it failed
    pid: int = 0  # of the process that runs it


class Queue:
    """The tasks of one repository."""

    def __init__(self, repository: Repository) -> None:
        self.root = refs.root_of(repository)
        self.area = os.path.join(work_trees.area_of(repository), "queue")

    def folder(self, task: Task) -> str:
        """Where a task has its files."""
        return os.path.join(self.area, task.id)

    def log(self, task: Task) -> str:
        """The file that holds what a task printed."""
        return os.path.join(self.folder(task), _LOG)

    # -- tasks ------------------------------------------------------------------------------------------------------

    def put(self, name: str, start: Start, **more: Any) -> Task:
        """Add a task; ``more`` are its other fields. Raises `StorageError`."""
        now = time.time_ns() // 1000
        task = Task(f"{now:016x}{os.urandom(2).hex()}", name, start, now, **more)
        commits.set_ref(self.root, f"{_REFS}/{task.id}", start.commit)  # first: a task without its commit is lost
        os.makedirs(self.folder(task))
        self._write(task, _TASK, asdict(task))
        return task

    def tasks(self) -> list[Known]:
        """All tasks, in the order in which they were put."""
        names = sorted(os.listdir(self.area)) if os.path.isdir(self.area) else []
        found = (self._known(name) for name in names)
        return [one for one in found if one is not None]

    def named(self, names: Sequence[str]) -> list[Known]:
        """The tasks of these names, ids or beginnings of the commits that they start from; of several the newest.

        Raises:
            NotFound: there is none.
        """
        every = self.tasks()
        found = []
        for name in dict.fromkeys(names):
            fitting = [one for one in every if name in (one.task.name, one.task.id)]
            fitting += [one for one in every if len(name) >= 7 and one.task.start.commit.startswith(name)]
            if not fitting:
                raise NotFound(f"There is no task {name!r} in the queue.", hint="madang queue status lists them.")
            found.append(fitting[-1])
        return found

    def _known(self, name: str) -> Known | None:
        folder = os.path.join(self.area, name)
        written = _read(os.path.join(folder, _TASK))
        if written is None:
            return None
        try:
            task = _task(written, name)
        except (KeyError, TypeError, ValueError):
            unknown = Task(name, name, Start("", "", "", ""), int(name[:16], 16) if _is_old(name) else 0)
            return Known(unknown, FAILED, "Another release of madang wrote it, and this one cannot read it.")
        result = _read(os.path.join(folder, _RESULT))
        if result is not None:
            return Known(task, str(result["state"]), str(result.get("result", "")))
        if not layout.is_held(os.path.join(folder, _LOCK)):
            return Known(task, QUEUED)
        running = _read(os.path.join(folder, "running.json")) or {}
        return Known(task, RUNNING, pid=int(running.get("pid", 0)))

    def remove(self, chosen: Sequence[Known]) -> None:
        """Take tasks out. Raises `Refused` for one that runs."""
        for one in chosen:
            folder = self.folder(one.task)
            if one.state == RUNNING or not layout.hold(os.path.join(folder, _LOCK)):
                raise Refused(f"{one.task.name!r} is running.", hint=f"madang queue kill {one.task.name}")
            os.unlink(os.path.join(folder, _TASK))  # from here on it is no task
            commits.remove_ref(self.root, f"{_REFS}/{one.task.id}")
            layout.release(os.path.join(folder, _LOCK), remove=False)
            self.drop_tree(one.task)
            shutil.rmtree(folder, ignore_errors=True)

    def clean(self) -> None:
        """Remove what killed processes left: refs and folders without a task, work trees of tasks that are over."""
        tasks = {one.task.id: one for one in self.tasks()}
        for ref in commits.refs(self.root, _REFS):
            name = ref.name.rpartition("/")[2]
            if name not in tasks and _is_old(name):
                commits.remove_ref(self.root, ref.name, ref.commit)
        for name in os.listdir(self.area) if os.path.isdir(self.area) else ():
            if name not in tasks and _is_old(name):
                shutil.rmtree(os.path.join(self.area, name), ignore_errors=True)
        for one in tasks.values():
            if one.state in (SUCCESS, FAILED):
                self.drop_tree(one.task)

    # -- work -------------------------------------------------------------------------------------------------------

    def claim(self) -> Task | None:
        """Take the next task that waits, for this process alone; None when there is none, or all are to stop."""
        for one in self.tasks():
            if self.is_stopping:
                return None
            folder = self.folder(one.task)
            if one.state != QUEUED or not _held(os.path.join(folder, _LOCK)):
                continue
            if os.path.exists(os.path.join(folder, _TASK)) and not os.path.exists(os.path.join(folder, _RESULT)):
                self._write(one.task, "running.json", {"pid": os.getpid(), "at": time.time_ns() // 1000})
                return one.task
            self.give_back(one.task)  # somebody else was faster
        return None

    def finish(self, task: Task, state: str, result: str) -> None:
        """Note what became of a task that this process holds. What it started from is kept of one that failed."""
        self._write(task, _RESULT, {"state": state, "result": result, "at": time.time_ns() // 1000})
        if state == SUCCESS:
            commits.remove_ref(self.root, f"{_REFS}/{task.id}")
        self.give_back(task)
        self.drop_tree(task)

    def give_back(self, task: Task) -> None:
        """Let go of a task: without a result it waits again."""
        layout.release(os.path.join(self.folder(task), _LOCK), remove=False)

    def drop_tree(self, task: Task) -> None:
        """Remove the work tree of a task."""
        with suppress(FileNotFoundError):
            os.unlink(self.ready(task))
        above = os.path.dirname(self.tree(task))
        if os.path.isdir(above):
            shutil.rmtree(above, ignore_errors=True)
            commits.forget_worktrees(self.root)

    def tree(self, task: Task) -> str:
        """Where a task has its work tree."""
        return os.path.join(self.folder(task), "tree", os.path.basename(task.start.home) or "root")

    def ready(self, task: Task) -> str:
        """The file that says that the work tree is complete."""
        return os.path.join(self.folder(task), "ready")

    # -- orders -----------------------------------------------------------------------------------------------------

    def kill(self, chosen: Sequence[Known], *, force: bool = False) -> None:
        """End running tasks; they count as failed. ``force``: at once, without time to clear up.

        Raises:
            InvalidInput: one does not run.
        """
        idle = [one.task.name for one in chosen if one.state != RUNNING or not one.pid]
        if idle:
            raise InvalidInput(f"Not running: {', '.join(idle)}.", hint="madang queue status")
        for one in chosen:
            write_file(os.path.join(self.folder(one.task), _KILLED), b"")
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL if force else signal.SIGINT)
            if force:
                end_processes(self.tree(one.task))
                if _held(os.path.join(self.folder(one.task), _LOCK)):
                    self.finish(one.task, FAILED, "It was killed.")

    def is_killed(self, task: Task) -> bool:
        """Whether somebody wanted a task to end."""
        return os.path.exists(os.path.join(self.folder(task), _KILLED))

    @property
    def is_stopping(self) -> bool:
        """Whether no task is to be begun."""
        return os.path.exists(os.path.join(self.area, _STOP))

    def stop(self, wanted: bool) -> None:
        """Let workers begin no task any more, or let them again."""
        os.makedirs(self.area, exist_ok=True)
        path = os.path.join(self.area, _STOP)
        if wanted:
            write_file(path, b"")
        else:
            with suppress(FileNotFoundError):
                os.unlink(path)

    def _write(self, task: Task, name: str, content: dict[str, Any]) -> None:
        body = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "surrogateescape")
        try:
            write_file(os.path.join(self.folder(task), name), body)
        except OSError as error:
            raise StorageError(f"The queue cannot be written: {error.strerror} ({error.filename}).") from error


def end_processes(folder: str) -> None:
    """End what still runs in a work tree: the command of a task outlives a worker that was killed."""
    end_left(lambda process: (process.cwd() + os.sep).startswith(folder + os.sep))


def _is_old(name: str) -> bool:
    """Whether a task of this id was not put just now: such may not be complete yet."""
    digits = name[:16]
    return all(sign in "0123456789abcdef" for sign in digits) and int(digits, 16) < time.time_ns() // 1000 - _YOUNG


def _held(path: str) -> bool:
    """Take a lock; False when another process has it, or its folder is gone."""
    try:
        return layout.hold(path)
    except StorageError:
        if os.path.isdir(os.path.dirname(path)):
            raise
        return False


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            found = json.load(file)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _task(written: dict[str, Any], name: str) -> Task:
    if written["id"] != name:  # it names folders that are going to be removed
        raise ValueError(name)
    given = {**written, "start": Start(**written["start"]), "options": Options(**written["options"])}
    return Task(**{**given, "targets": tuple(given["targets"]), "copies": tuple(given["copies"])})
