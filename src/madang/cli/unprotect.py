"""`madang unprotect`: make linked data writable."""

from __future__ import annotations

import os

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, meter, repository


@click.command(cls=DataCommand)
@click.argument("targets", nargs=-1, required=True, type=click.Path())
@output.quiet_option
def unprotect(targets: tuple[str, ...], quiet: bool) -> None:
    """Replace links to the cache by copies that may be changed (with cache.type hardlink or symlink).

    \b
    Examples:
      madang unprotect data/train.csv
      madang unprotect images
    """
    from madang.workspace.data.files.unprotecting import unprotect as make_independent
    from madang.workspace.data.repo.locks import hold

    if "" in targets:
        raise click.UsageError("An empty name is the name of nothing.")
    with repository() as repo:
        paths = [os.path.abspath(target) for target in targets]
        with hold(repo, paths):
            for path in paths:
                make_independent(repo, path, meter(quiet))
