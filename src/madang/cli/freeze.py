"""`madang freeze` and `madang unfreeze`: keep stages from being reproduced."""

from __future__ import annotations

import click

from madang.cli.data_command import PlainCommand, repository, tell_git


@click.command(cls=PlainCommand)
@click.argument("targets", nargs=-1, required=True, type=click.Path())
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def freeze(targets: tuple[str, ...], quiet: bool) -> None:
    """Treat stages or .dvc files as up to date, whatever becomes of what they read.

    \b
    Examples:
      madang freeze prepare
      madang freeze pipe/dvc.yaml:prepare data.csv.dvc
    """
    _set(targets, quiet, frozen=True)


@click.command(cls=PlainCommand)
@click.argument("targets", nargs=-1, required=True, type=click.Path())
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def unfreeze(targets: tuple[str, ...], quiet: bool) -> None:
    """Let stages or .dvc files be reproduced again.

    \b
    Examples:
      madang unfreeze prepare
    """
    _set(targets, quiet, frozen=False)


def _set(targets: tuple[str, ...], quiet: bool, *, frozen: bool) -> None:
    from madang.workspace.pipelines.editing import set_frozen

    with repository() as repo:
        tell_git(repo, set_frozen(repo, targets, frozen=frozen), quiet)
