"""`madang exp apply` and `madang exp branch`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, files, meter, repository

if TYPE_CHECKING:
    from madang.workspace.experiments.applying import Applied


@click.command(cls=DataCommand)
@click.argument("experiment")
@click.option("--no-force", is_flag=True, help="Refuse when files with changes would be replaced.")
@output.quiet_option
def apply(experiment: str, no_force: bool, quiet: bool) -> None:
    """Bring code, parameters and data of the workspace to an experiment. No branch moves, nothing is staged.

    What is replaced is kept: madang undo brings it back, and then madang checkout the data.

    \b
    Examples:
      madang exp apply amber-otter
      madang exp apply amber-otter && madang undo && madang checkout
    """
    from madang.workspace.data.files.checkout import raise_if_incomplete
    from madang.workspace.experiments import applying

    with repository() as repo:
        commit = applying.commit_named(repo, experiment)
        applied = applying.apply(repo, commit, force=not no_force, meter=meter(quiet))
        if not quiet:
            _tell(experiment, applied)
        raise_if_incomplete(applied.data, repo.root)


def _tell(name: str, applied: Applied) -> None:
    click.echo(f"Changes for experiment '{name}' have been applied to your current workspace.")
    if applied.data.kept:
        output.note("Data that was saved nowhere was replaced: madang undo brings it back, the next one the files.")
    elif applied.kept:
        output.note(f"{files(len(applied.written) + len(applied.removed))} changed; madang undo brings them back.")


@click.command(cls=DataCommand)
@click.argument("experiment")
@click.argument("branch", required=False)
def branch(experiment: str, branch: str | None) -> None:
    """Make a branch of git that ends in an experiment's commit. The workspace stays as it is.

    \b
    Examples:
      madang exp branch amber-otter
      madang exp branch amber-otter better-model
    """
    from madang.workspace.experiments import applying, refs

    with repository() as repo:
        (one,) = refs.named(repo, [experiment])
        name = branch or f"{one.name}-branch"
        applying.branch(repo, one, name)
    click.echo(
        f"Git branch '{name}' has been created from experiment '{one.name}'.\n"
        f"To switch to the new branch run:\n\n\tgit checkout {shlex.quote(name)}"
    )
