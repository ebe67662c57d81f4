"""Experiments that are not made yet: tasks of the queue, and those that wait in dvc's own.

Source of dvc's queue: dvc 3.67. Each entry of the reflog of ``refs/exps/celery/stash`` is an experiment that waits,
each of ``refs/exps/celery/failed`` one that failed; its message is ``dvc-exp:<head>:<baseline>:<name>[:<branch>]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from madang.domain.values import value
from madang.workspace.data.repo.repository import Repository
from madang.workspace.experiments import commits, refs
from madang.workspace.experiments.queue import FAILED, QUEUED, RUNNING, SUCCESS, Queue
from madang.workspace.experiments.refs import Experiment

_ENTRY = re.compile(r"commit: dvc-exp:[0-9a-f]+:(?P<baseline>[0-9a-f]+):(?P<name>[^:]*)")


@value
class Pending:
    """What an experiment starts from, under the name that it is going to have."""

    experiment: Experiment
    state: str
    tree: str = ""  # the work tree in which it runs


def pending(repository: Repository) -> list[Pending]:
    """All of them; those that failed are among them."""
    return [*_ours(Queue(repository)), *_of_dvc(repository)]


def _ours(queue: Queue) -> Iterator[Pending]:
    for one in queue.tasks():
        if one.state != SUCCESS:
            task = one.task
            made = Experiment(task.name, task.start.baseline, task.start.commit, task.at // 1_000_000)
            yield Pending(made, one.state, queue.tree(task) if one.state == RUNNING else "")


def _of_dvc(repository: Repository) -> Iterator[Pending]:
    root = refs.root_of(repository)
    for name, state in (("stash", QUEUED), ("failed", FAILED)):
        for commit, at, message in commits.reflog(root, f"{refs.SPACE}/celery/{name}"):
            found = _ENTRY.match(message)
            if found is not None:
                yield Pending(Experiment(found["name"] or commit[:7], found["baseline"], commit, at), state)
