"""The queue at work: its workers are started here, and what they print is shown."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.errors import MadangError

if TYPE_CHECKING:
    from madang.workspace.data.repo.repository import Repository
    from madang.workspace.experiments.queue import Known, Queue, Task

_LOOK = 0.1  # seconds between two looks


def start_workers(repo: Repository, jobs: int) -> list[int]:
    """Start workers, so many that ``jobs`` are at work, but no more than experiments wait. Returns their ids."""
    from madang.workspace.experiments.queue import QUEUED, Queue
    from madang.workspace.experiments.workers import live_workers

    queue = Queue(repo)
    queue.stop(False)
    waiting = sum(one.state == QUEUED for one in queue.tasks())
    count = min(jobs - len(live_workers(queue)), waiting)
    return [_start(repo, queue) for _ in range(count)]


def _start(repo: Repository, queue: Queue) -> int:
    """Start a worker that goes on when this process ends and the terminal is closed."""
    log, flags = os.path.join(queue.area, "workers.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", "madang", "--cd", repo.root, "queue", "worker"],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _has_ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] == child
    except ChildProcessError:
        return True  # seen before


def work() -> None:
    """Be a worker: run tasks until none waits."""
    from madang.cli.data_command import repository
    from madang.cli.exp.context import run_context
    from madang.cli.exp.share import push_unasked
    from madang.wiring import git as open_git
    from madang.workspace.experiments import workers
    from madang.workspace.experiments.isolated import run_task
    from madang.workspace.experiments.queue import Queue

    with repository() as repo:
        queue = Queue(repo)
        git = open_git(queue.root)

        def run(task: Task) -> None:
            with run_context(quiet=False, isolated=True) as given:
                outcome = run_task(repo, git, queue, task, given)
            for failure in outcome.failures:
                output.error(failure)
            if outcome.experiment is not None:
                push_unasked(repo, outcome.experiment, quiet=False)

        workers.work(queue, run)


def run_queue(repo: Repository, jobs: int, *, quiet: bool) -> None:
    """Run all that waits, show what it prints, and say what became of it.

    Raises:
        MadangError: an experiment failed.
    """
    from madang.workspace.experiments.queue import QUEUED, RUNNING, Queue

    queue = Queue(repo)
    queue.clean()
    wanted = {one.task.id for one in queue.tasks() if one.state in (QUEUED, RUNNING)}
    if not wanted:
        click.echo("No experiments in the queue.")
        return
    started = start_workers(repo, jobs)
    if not quiet:
        click.echo("Following the output of all queued experiments. Ctrl+C stops following; they go on.\n")
    try:
        _follow(queue, wanted, started, quiet)
    except KeyboardInterrupt:
        output.note("The experiments go on. To end them: madang queue kill, or madang queue stop --kill.")
        return
    _tell([one for one in queue.tasks() if one.task.id in wanted], quiet)


def _follow(queue: Queue, wanted: set[str], started: Sequence[int], quiet: bool) -> None:
    """Print the logs of tasks until all are done or no worker lives."""
    from madang.workspace.experiments.queue import QUEUED, RUNNING
    from madang.workspace.experiments.workers import live_workers

    shown: dict[str, int] = {}
    while True:
        tasks = [one for one in queue.tasks() if one.task.id in wanted]
        is_over = all(one.state not in (QUEUED, RUNNING) for one in tasks)
        is_over = is_over or (all(map(_has_ended, started)) and not live_workers(queue))
        for one in tasks if not quiet else ():
            shown[one.task.id] = _print_from(queue.log(one.task), shown.get(one.task.id, 0), one.task.name)
        if is_over:
            return
        time.sleep(_LOOK)


def _print_from(path: str, start: int, name: str) -> int:
    """Print the whole lines of a log behind a place; returns the place behind them."""
    body = read_from(path, start)
    whole = body[: body.rfind(b"\n") + 1]
    for line in whole.splitlines():
        click.echo(f"{name} | ".encode() + line)
    return start + len(whole)


def read_from(path: str, start: int) -> bytes:
    """What stands in a log behind a place; nothing while there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return b""


def _tell(tasks: Sequence[Known], quiet: bool) -> None:
    from madang.workspace.experiments.queue import FAILED, SUCCESS

    done = [one.task.name for one in tasks if one.state == SUCCESS]
    failed = [one for one in tasks if one.state == FAILED]
    waiting = [one.task.name for one in tasks if one.state not in (SUCCESS, FAILED)]
    if done and not quiet:
        click.echo(f"\nRan experiment(s): {', '.join(done)}")
        click.echo("To apply the results of one to your workspace run:\n\n\tmadang exp apply <exp>")
    if waiting:
        output.note(f"Not run: {', '.join(waiting)}. They wait in the queue.")
    if failed:
        first = failed[0]
        raise MadangError(
            f"{len(failed)} experiment(s) failed: {', '.join(one.task.name for one in failed)}. {first.result}",
            hint=f"madang queue logs {first.task.name}",
        )
