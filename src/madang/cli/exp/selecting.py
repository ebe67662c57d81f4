"""Options by which commands of `exp` choose commits and experiments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from madang.errors import InvalidInput

if TYPE_CHECKING:
    from madang.workspace.data.repo.repository import Repository
    from madang.workspace.experiments.refs import Experiment

F = TypeVar("F", bound=Callable[..., Any])


def selection_options(what: str) -> Callable[[F], F]:
    """``--rev``, ``--num`` and ``--all-commits``; ``what`` is done with the experiments of these commits."""
    options = (
        click.option("--rev", multiple=True, metavar="COMMIT", help=f"{what} experiments of these commits."),
        click.option("-n", "--num", type=int, default=1, metavar="N", help="So many commits back; negative: all."),
        click.option("-A", "--all-commits", is_flag=True, help=f"{what} experiments of all commits."),
    )

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def chosen_experiments(
    repo: Repository,
    names: Sequence[str],
    rev: Sequence[str],
    num: int,
    every: bool,
    remote: str = "",
) -> list[Experiment]:
    """The experiments that are named, or those of some commits (of the present one when nothing is said), here or in
    a git remote.

    Raises:
        NotFound: an unknown name, revision or remote.
    """
    from madang.workspace.experiments import refs, table

    if names and (rev or every):
        raise InvalidInput("Experiments are named, or chosen by --rev or --all-commits, not both.")
    if names:
        known = refs.remote_experiments(repo, remote) if remote else None
        return refs.named(repo, names, known)
    commits = None if every else table.Selection(tuple(rev), num).commits(repo)
    return refs.remote_experiments(repo, remote, commits) if remote else refs.experiments(repo, commits)
