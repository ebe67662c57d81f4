"""`madang models`: the registry of models."""

from __future__ import annotations

import click

from madang.cli.main import LazyGroup
from madang.cli.records import DefaultGroup

# name → (module:attribute, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("madang.cli.models.listing:list_models", "List models with their versions and stages."),
    "show": ("madang.cli.models.listing:show", "Show the versions of a model, or one with its files."),
    "register": ("madang.cli.models.listing:register", "Make a version of what a run has kept."),
    "promote": ("madang.cli.models.moving:promote", "Bring a version to a stage."),
    "alias": ("madang.cli.models.moving:alias", "Point an alias of your own at a version."),
    "rollback": ("madang.cli.models.moving:rollback", "Point a stage or alias back at the version before."),
    "compare": ("madang.cli.models.history:compare", "Set versions side by side, by metric."),
    "history": ("madang.cli.models.history:history", "Show who changed what, when and why."),
    "protect": ("madang.cli.models.reviewing:protect", "Have a stage or alias ask for approvals and gates."),
    "request": ("madang.cli.models.reviewing:request", "Ask for a move of a protected stage or alias."),
    "approve": ("madang.cli.models.reviewing:approve", "Approve a request."),
    "reject": ("madang.cli.models.reviewing:reject", "Turn a request down, or take your own back."),
    "reviews": ("madang.cli.models.reviewing:reviews", "Show what is protected, and the requests."),
    "rules": ("madang.cli.models.rules:rules", "Show or set the rules by which the best model is promoted."),
    "serve": ("madang.cli.serve:serve", "Answer predictions over HTTP, by MLflow's scoring protocol."),
    "probe": ("madang.cli.serve:probe", "Ask a scoring server whether it answers."),
}


class _ModelsGroup(DefaultGroup, LazyGroup):
    """`madang models` alone lists them."""


@click.group(cls=_ModelsGroup, table=COMMANDS)
def models() -> None:
    """Register, list, promote and serve models. `madang models` alone lists them.

    \b
    Examples:
      madang models
      madang models register 1f3a model.skops --name wine-logreg
      madang models promote wine-logreg:v2 production --reason "lower log loss"
      madang models rollback wine-logreg
    """
