"""Experiments that run in a work tree of their own: at once, or as a task of the queue."""

from __future__ import annotations

import os
from collections.abc import Sequence

from madang.errors import MadangError, StorageError
from madang.ports.git import Git
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import running, work_trees
from madang.workspace.experiments.queue import FAILED, SUCCESS, Queue, Task, end_processes
from madang.workspace.experiments.running import Outcome, Request, RunContext
from madang.workspace.experiments.starting import Start
from madang.workspace.pipelines.repro import is_interrupted


def run_isolated(
    repository: Repository, git: Git, request: Request, start: Start, context: RunContext, copies: Sequence[str] = ()
) -> Outcome:
    """Run an experiment in a work tree that is made for it and removed afterwards. Raises as `running.execute`."""
    own = work_trees.temporary(repository, git)
    try:
        made = own.make(start.baseline)
    except OSError as error:
        raise StorageError(f"No work tree can be made: {error.strerror} ({error.filename}).") from error
    try:
        return _run_in(repository, made.root, request, start, context, copies, is_ready=False)
    finally:
        own.remove(made)


def run_task(repository: Repository, git: Git, queue: Queue, task: Task, context: RunContext) -> Outcome:
    """Run a task of the queue that this process has claimed, and note what became of it.

    Raises:
        KeyboardInterrupt: this process is to end; the task waits again, its work tree as it is.
        MadangError: the task cannot be run, or its results cannot be kept; that is noted.
    """
    request = Request(task.name, task.start.baseline, task.targets, task.options, task.message, task.force)
    try:
        outcome = _task_run(repository, git, queue, task, request, context)
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


def _task_run(
    repository: Repository, git: Git, queue: Queue, task: Task, request: Request, context: RunContext
) -> Outcome:
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
    return _run_in(repository, root, request, task.start, context, task.copies, is_ready=is_ready, ready=ready)


def _run_in(
    repository: Repository,
    root: str,
    request: Request,
    start: Start,
    context: RunContext,
    copies: Sequence[str],
    *,
    is_ready: bool,
    ready: str = "",
) -> Outcome:
    """Run in a work tree; one that is not ready is furnished first, which the file ``ready`` says then."""
    if is_ready:
        placed = work_trees.placed(repository, root)
    else:
        placed = work_trees.furnish(repository, start, root, request.targets, request.options)
        work_trees.copy_paths(repository, copies, root)
        if ready:
            with open(ready, "w", encoding="ascii"):
                pass
    try:
        with work_trees.standing(os.path.join(root, start.below)):
            return running.execute(placed, request, context)
    finally:
        context.settle()  # the work tree is going to be removed
        placed.close()
