"""`madang init`: make a data repository."""

from __future__ import annotations

import os

import click

from madang.cli import output
from madang.cli.data_command import OTHER, DataCommand
from madang.errors import InvalidInput


class _InitCommand(DataCommand):
    failure_code = 1

    def _code(self, error: Exception) -> int:
        return OTHER if isinstance(error, InvalidInput) else 1


@click.command(cls=_InitCommand)
@click.argument("directory", default=".", type=click.Path())
@click.option("--no-scm", is_flag=True, help="Do without git.")
@click.option("--subdir", is_flag=True, help="Make it in a folder inside a git repository.")
@click.option("-f", "--force", is_flag=True, help="Begin again with new settings; the cache stays.")
@output.quiet_option
def init(directory: str, no_scm: bool, subdir: bool, force: bool, quiet: bool) -> None:
    """Make a folder (the present one) a data repository, in DVC's own format.

    Where dvc was set up already, nothing has to be done: madang works with it as it is.

    \b
    Examples:
      git init && madang init
      madang init --no-scm
      madang init --subdir sub/project
    """
    from madang.workspace.data.repo.initializing import initialize

    if os.path.isdir(os.path.join(directory, ".dvc")) and not force:
        if not quiet:
            output.note("This folder is a data repository already; madang works with it as it is.")
        return
    made = initialize(directory, no_scm=no_scm, subdir=subdir, force=force)
    if not quiet:
        output.note(f"Made a data repository in {made.root}.")
        if made.git_root is not None:
            output.note("Its files are staged: git commit -m 'Track data'")
