"""`madang git-hook`: what the hooks of `madang install` call."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from madang.cli.data_command import PlainCommand, repository

_REBASES = ("rebase-merge", "rebase-apply")


@click.group("git-hook")
def git_hook() -> None:
    """Do what Git's hooks ask for; `madang install` makes them.

    \b
    Examples:
      madang git-hook pre-commit
      madang git-hook post-checkout OLD NEW 1
    """


def _hook(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("args", nargs=-1, type=click.UNPROCESSED)(function)


def _run(*line: str) -> int:
    """Another command of ours, unless this is no data repository."""
    from madang.cli.main import run
    from madang.workspace.data.repo.repository import find_root

    return run(line) if find_root(".") is not None else 0


@git_hook.command("pre-commit", cls=PlainCommand)
@_hook
def pre_commit(args: tuple[str, ...]) -> int:
    """Show which data differs from its record.

    \b
    Examples:
      madang git-hook pre-commit
    """
    return _run("status")


@git_hook.command("post-checkout", cls=PlainCommand, short_help="Check data out after another commit was.")
@_hook
def post_checkout(args: tuple[str, ...]) -> int:
    """Check data out after another commit was checked out (not after single files, nor while Git rebases).

    \b
    Examples:
      madang git-hook post-checkout OLD NEW 1
    """
    flag = os.environ.get("PRE_COMMIT_CHECKOUT_TYPE") or (args[2] if len(args) >= 3 else None)
    return 0 if flag != "1" or _is_in_the_middle() else _run("checkout")


def _is_in_the_middle() -> bool:
    from madang.workspace.data.repo import git

    return any(os.path.isdir(git.path_of(os.getcwd(), name)) for name in _REBASES)


@git_hook.command("pre-push", cls=PlainCommand)
@_hook
def pre_push(args: tuple[str, ...]) -> int:
    """Push data to its remote.

    \b
    Examples:
      madang git-hook pre-push
    """
    from madang.workspace.data.records.outs import tracked
    from madang.workspace.data.repo.repository import find_root

    if find_root(".") is None:
        return 0
    with repository() as repo:
        if not tracked(repo):
            return 0  # without data no remote is needed
    return _run("push")


@git_hook.command("merge-driver", cls=PlainCommand, short_help="Merge two .dvc files of one folder.")
@click.option("--ancestor", required=True, type=click.Path(), help="The file as both sides began (%O).")
@click.option("--our", required=True, type=click.Path(), help="The file on this side (%A); gets the result.")
@click.option("--their", required=True, type=click.Path(), help="The file on the other side (%B).")
def merge_driver(ancestor: str, our: str, their: str) -> None:
    """Merge two .dvc files of one folder; exits 1 and leaves OUR as it is when both sides changed one file.

    \b
    Examples:
      git config merge.dvc.driver 'madang git-hook merge-driver --ancestor %O --our %A --their %B'
    """
    from madang.workspace.data.repo.merging import merge_files

    with repository() as repo:
        merge_files(repo, ancestor, our, their)
