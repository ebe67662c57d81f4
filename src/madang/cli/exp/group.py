"""`madang exp`: experiments."""

from __future__ import annotations

import click

from madang.cli.data_command import DvcUsage
from madang.cli.main import LazyGroup

# name → (module:attribute, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("madang.cli.exp.run:run", "Run an experiment, or queue it."),
    "save": ("madang.cli.exp.save:save", "Keep the work tree as an experiment."),
    "show": ("madang.cli.exp.show:show", "Print a table of experiments."),
    "diff": ("madang.cli.exp.diff:diff", "Compare two experiments, or one with the workspace."),
    "list": ("madang.cli.exp.names:list_", "List experiments, also of a git remote."),
    "apply": ("madang.cli.exp.apply:apply", "Bring the workspace to an experiment."),
    "branch": ("madang.cli.exp.apply:branch", "Make a branch of an experiment."),
    "rename": ("madang.cli.exp.names:rename", "Give an experiment another name."),
    "remove": ("madang.cli.exp.names:remove", "Remove experiments."),
    "push": ("madang.cli.exp.share:push", "Send experiments to a git remote, their data to a remote of data."),
    "pull": ("madang.cli.exp.share:pull", "Bring experiments of a git remote, and their data."),
    "clean": ("madang.cli.exp.names:clean", "Clear up what killed experiments left."),
}


_ALIASES = {"ls": "list", "rm": "remove"}


class _ExpGroup(DvcUsage, LazyGroup):
    """Knows dvc's other names, too."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """See `LazyGroup.get_command`."""
        return super().get_command(ctx, _ALIASES.get(name, name))


@click.group(cls=_ExpGroup, table=COMMANDS)
def exp() -> None:
    """Run, compare and share experiments: variants of a commit, kept in git where dvc keeps them.

    \b
    Examples:
      madang exp run -S lr=0.1
      madang exp show
    """
