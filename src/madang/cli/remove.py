"""`madang remove`: stop tracking data or take a stage out of a pipeline."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, relative, repository


@click.command(cls=PlainCommand)
@click.argument("targets", nargs=-1, required=True, type=click.Path())
@click.option("--outs", is_flag=True, help="Delete the data in the workspace as well.")
@output.quiet_option
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON.")
def remove(targets: tuple[str, ...], outs: bool, quiet: bool, as_json: bool) -> None:
    """Stop tracking data (.dvc files), or take stages out of a dvc.yaml. The data stays, unless --outs is given.

    Objects stay in the cache; `madang gc` removes those that nothing needs.

    \b
    Examples:
      madang remove data/train.csv.dvc
      madang remove --outs old.dvc older.dvc
      madang remove train
      madang remove sub/dvc.yaml:train
    """
    from madang.workspace.data.files.removing import remove as remove_targets

    with repository() as repo:
        done = remove_targets(repo, targets, outs=outs)
        if done.kept and not quiet:
            output.note(f"Data that was saved nowhere is kept in {relative(done.kept)}; madang undo brings it back.")
        if as_json:
            output.data({"files": [relative(path) for path in done.files], "data": [relative(p) for p in done.data]})
