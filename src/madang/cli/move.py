"""`madang move`: rename tracked data."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, repository, tell_git


@click.command(cls=PlainCommand)
@click.argument("source", type=click.Path())
@click.argument("target", type=click.Path())
@output.quiet_option
def move(source: str, target: str, quiet: bool) -> None:
    """Rename tracked data or move it elsewhere in the repository, together with its .dvc file.

    \b
    Examples:
      madang move train.csv data/train.csv
      madang move images photos
    """
    from madang.workspace.data.files.moving import move as move_data

    with repository() as repo:
        done = move_data(repo, source, target)
        tell_git(repo, done.git_files, quiet)
