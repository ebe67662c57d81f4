"""`madang sweep`: searches for hyperparameters."""

from __future__ import annotations

import click

from madang.cli.main import LazyGroup

# name → (module:attribute, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("madang.cli.sweep.running:run", "Begin a sweep and carry it out here."),
    "create": ("madang.cli.sweep.running:create", "Begin a sweep that agents carry out."),
    "list": ("madang.cli.sweep.listing:list_sweeps", "List sweeps."),
    "status": ("madang.cli.sweep.listing:status", "Show a sweep with its best trials."),
    "pause": ("madang.cli.sweep.changing:pause", "Begin no further trial for now."),
    "resume": ("madang.cli.sweep.changing:resume", "Go on with a sweep that was paused or stopped."),
    "stop": ("madang.cli.sweep.changing:stop", "Let running trials end and begin no more."),
    "cancel": ("madang.cli.sweep.changing:cancel", "End a sweep and its running trials."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def sweep() -> None:
    """Search for the best hyperparameters, by W&B's configuration of sweeps.

    Sweeps are kept on the hub in MADANG_HUB, else in this repository. SWEEP is the id that `create` prints, or
    PROJECT/ID.

    \b
    Examples:
      madang sweep run sweep.yaml --agents 4
      madang sweep create sweep.yaml
      madang agent k3v9x0qa
      madang sweep status k3v9x0qa
    """
