"""`madang import wandb`: bring the runs that W&B's client has kept in a folder."""

from __future__ import annotations

from typing import Any

import click

from madang.cli.moving_target import Target, carry, target_options


@click.command("wandb")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True))
@click.option("-p", "--project", metavar="NAME", default="", help="Into this project, whatever the runs say of theirs.")
@click.option(
    "--artifacts", "folders", multiple=True, metavar="DIR", type=click.Path(exists=True, file_okay=False),
    help="A folder in which saved files lie. None outside of where the program ran is read but these. Repeatable.",
)  # fmt: skip
@target_options
def wandb(folder: str, project: str, folders: tuple[str, ...], **options: Any) -> int:
    """Bring the runs in a folder `wandb`: offline runs, and what online runs have kept.

    DIR is such a folder, one with it, or one run of it (offline-run-…, run-…). Everything comes that the transaction
    logs hold: config, history, summary, media, files, artifacts, console, system metrics, alerts. The client need not
    be installed, nothing is sent to W&B, and nothing is written to DIR. Of a run that was killed all comes that can be
    read, and the report says what is missing.

    A run has the same id here as `wandb sync` to a hub of madang gives it: both lead to one run. Run it again at any
    time: only what is new comes. The exit code is 1 if anything could not be carried.

    \b
    Examples:
      madang import wandb ./wandb
      madang import wandb ./wandb/offline-run-20260112_101530-a1b2c3d4 --dry
      madang import wandb ./wandb --project vision --artifacts /data/checkpoints
      madang import wandb ./wandb --to https://hub.example.org
    """
    from madang.workspace.moving.importing import Wanted
    from madang.workspace.moving.wandb_folders import RunFolders

    target = Target(**options)
    wanted = Wanted(dry=target.dry, files=not target.no_files, freely=True)
    return carry(RunFolders(folder, folders, project), wanted, target)
