"""`madang commit`: record changed data and outputs of stages."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, external_dependencies, meter, remote_listings, repository, tell_git

if TYPE_CHECKING:
    from madang.workspace.data.files.committing import Committed
    from madang.workspace.data.repo.repository import Repository


@click.command(cls=PlainCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("-f", "--force", is_flag=True, help="Do not ask whether changes are meant.")
@click.option("-d", "--with-deps", is_flag=True, help="Also the stages that make what the targets read.")
@click.option("-R", "--recursive", is_flag=True, help="A folder means all tracked data in it.")
@click.option("--no-relink", is_flag=True, help="Leave the files alone: no links to the cache in their place.")
@output.quiet_option
@click.option("--json", "as_json", is_flag=True, help="Print what was committed as JSON.")
def commit(
    targets: tuple[str, ...],
    force: bool,
    with_deps: bool,
    recursive: bool,
    no_relink: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Record what tracked data, outputs and dependencies hold now, and keep the data in the cache.

    Nothing is run. Changes are asked for first; without a terminal they are refused, unless --force is given.

    \b
    Examples:
      madang commit
      madang commit train data/train.csv.dvc
      madang commit --force
    """
    from madang.workspace.data.files.committing import commit as record
    from madang.workspace.data.records.outs import chosen

    with repository() as repo, remote_listings(repo) as elsewhere:
        meant = chosen(repo, targets, recursive=recursive, with_deps=with_deps)
        shown = meter(quiet or as_json)
        done = record(
            repo,
            meant,
            force=force,
            relink=not no_relink,
            ask=_confirm,
            external=external_dependencies(repo),
            elsewhere=elsewhere,
            meter=shown,
        )
        if done.entries:
            _remember(repo, done)
        tell_git(repo, done.git_files, quiet or as_json)
    if as_json:
        output.data({"committed": done.stages})


def _remember(repo: Repository, done: Committed) -> None:
    """What was committed can be found by what it was made of, as after a run."""
    from madang.workspace.data.repo.locks import hold
    from madang.workspace.pipelines import recording, run_cache

    with hold(repo):
        for stage, entry in done.entries:
            if run_cache.is_kept(repo, stage) and run_cache.saves(stage):
                recording.keep_reports(repo, stage, meter(True))
                run_cache.save(repo, entry)


def _confirm(question: str) -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and click.confirm(question, err=True)
