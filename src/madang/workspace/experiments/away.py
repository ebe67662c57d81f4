"""Experiments that run in a work tree of their own: at once, or as a task of the queue."""

from __future__ import annotations

import os
from collections.abc import Sequence

from madang.errors import MadangError, StorageError
from madang.ports.git import Git
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import places, running
from madang.workspace.experiments.places import Start, standing
from madang.workspace.experiments.queue import FAILED, SUCCESS, Queue, Task, end_processes
from madang.workspace.experiments.running import Means, Outcome, Request
from madang.workspace.pipelines.repro import is_interrupted
from madang.workspace.worktrees import Worktrees


def trees(repository: Repository, git: Git) -> Worktrees:
    """The work trees of experiments that run at once."""
    return Worktrees(git, os.path.join(places.area_of(repository), "trees"))


def run_away(
    repository: Repository, git: Git, request: Request, start: Start, means: Means, copies: Sequence[str] = ()
) -> Outcome:
    """Run an experiment in a work tree that is made for it and removed afterwards. Raises as `running.execute`."""
    own = trees(repository, git)
    try:
        made = own.make(start.baseline)
    except OSError as error:
        raise StorageError(f"No work tree can be made: {error.strerror} ({error.filename}).") from error
    try:
        return _run_in(repository, made.root, request, start, means, copies, is_ready=False)
    finally:
        own.remove(made)


def run_task(repository: Repository, git: Git, queue: Queue, task: Task, means: Means) -> Outcome:
    """Run a task of the queue that this process has claimed, and note what became of it.

    Raises:
        KeyboardInterrupt: this process is to end; the task waits again, its work tree as it is.
        MadangError: the task cannot be run, or its results cannot be kept; that is noted.
    """
    request = Request(task.name, task.start.baseline, task.targets, task.options, task.message, task.force)
    try:
        outcome = _task_run(repository, git, queue, task, request, means)
    except MadangError as error:
        queue.finish(task, FAILED, error.message)
        raise
    except OSError as error:
        failure = StorageError(f"The system refused: {error.strerror} ({error.filename}).")
        queue.finish(task, FAILED, failure.message)
        raise failure from error
    except KeyboardInterrupt:
        _interrupted(queue, task)
        return Outcome([])
    if any(is_interrupted(result) for result in outcome.results):
        _interrupted(queue, task)
    elif outcome.experiment is None:
        queue.finish(task, FAILED, " ".join(str(failure) for failure in outcome.failures) or "Nothing was run.")
    else:
        queue.finish(task, SUCCESS, outcome.experiment.commit)
    return outcome


def _interrupted(queue: Queue, task: Task) -> None:
    """Tell an order to end this task from one to end this process."""
    if not queue.is_killed(task):
        queue.give_back(task)
        raise KeyboardInterrupt
    queue.finish(task, FAILED, "It was killed.")


def _task_run(repository: Repository, git: Git, queue: Queue, task: Task, request: Request, means: Means) -> Outcome:
    root, ready = queue.tree(task), queue.ready(task)
    if os.path.isdir(task.start.home):
        repository = Repository(task.start.home)  # it may have been put from another work tree than ours
    is_ready = os.path.exists(ready) and os.path.isdir(root)
    if os.path.isdir(root):
        end_processes(root)
    if not is_ready:
        queue.drop_tree(task)
        os.makedirs(os.path.dirname(root))
        git.add_worktree(root, task.start.baseline)
    return _run_in(repository, root, request, task.start, means, task.copies, is_ready=is_ready, ready=ready)


def _run_in(
    repository: Repository,
    root: str,
    request: Request,
    start: Start,
    means: Means,
    copies: Sequence[str],
    *,
    is_ready: bool,
    ready: str = "",
) -> Outcome:
    """Run in a work tree; one that is not ready is furnished first, which the file ``ready`` says then."""
    if is_ready:
        placed = places.placed(repository, root)
    else:
        placed = places.furnish(repository, start, root, request.targets, request.options)
        places.copy_paths(repository, copies, root)
        if ready:
            with open(ready, "w", encoding="ascii"):
                pass
    try:
        with standing(os.path.join(root, start.below)):
            return running.execute(placed, request, means)
    finally:
        means.settle()  # the work tree is going to be removed
        placed.close()
