"""`madang exp`: experiments."""

from __future__ import annotations

import click

from madang.cli.main import LazyGroup

# name → (module:attribute, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("madang.cli.exp.run:run", "Run an experiment, or queue it."),
    "show": ("madang.cli.exp.show:show", "Print a table of experiments."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def exp() -> None:
    """Run, compare and share experiments: variants of a commit, kept in git where dvc keeps them.

    \b
    Examples:
      madang exp run -S lr=0.1
      madang exp show
    """
