"""`madang import tensorboard`: bring the runs of a folder of event files."""

from __future__ import annotations

from typing import Any

import click

from madang.cli.moving_target import Target, carry, target_options


@click.command("tensorboard")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True))
@click.option("-p", "--project", metavar="NAME", default="", help="Into this project [default: that of the workspace].")
@target_options
def tensorboard(folder: str, project: str, **options: Any) -> int:
    """Bring scalars, images, histograms, texts, audio, curves and hyperparameters of TensorBoard here.

    DIR is what `tensorboard --logdir DIR` shows: each folder with event files is a run, under the name that TensorBoard
    shows. Neither TensorFlow nor TensorBoard need be installed, and nothing is written to DIR.

    Run it again at any time: only what is new comes. The report counts and hashes both sides and lists what could not
    be carried, such as graphs and damaged events; the exit code is 1 if there is anything of that kind.

    \b
    Examples:
      madang import tensorboard ./runs
      madang import tensorboard ./logs --project vision --dry
      madang import tensorboard ./logs --to https://hub.example.org --project vision
    """
    from madang.workspace.moving.importing import Wanted
    from madang.workspace.moving.tensorboard import EventFolders

    target = Target(**options)
    source = EventFolders(folder, project or _default_project(folder, target.store or target.to))
    return carry(source, Wanted(dry=target.dry, files=not target.no_files, freely=True), target)


def _default_project(folder: str, store: str) -> str:
    """The workspace's project; on a hub, which has many, the name of the folder."""
    import os

    from madang.formats.store import find_store, present_folder
    from madang.sdk.init import project_name

    here = os.path.abspath(folder) if store else find_store().root or present_folder()
    return project_name(os.environ.get("MADANG_PROJECT", ""), here)
