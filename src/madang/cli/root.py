"""`madang root`: where the data repository begins."""

from __future__ import annotations

import os

import click

from madang.cli.data_command import DataCommand


@click.command(cls=DataCommand)
def root() -> None:
    """Print the path from here to the top of the data repository.

    \b
    Examples:
      madang root
      cd "$(madang root)"
    """
    from madang.workspace.data.repo.repository import open_repository

    click.echo(os.path.relpath(open_repository(".").root))
