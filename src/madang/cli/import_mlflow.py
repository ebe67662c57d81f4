"""`madang import mlflow`: bring everything that an MLflow store or server holds."""

from __future__ import annotations

from typing import Any

import click

from madang.cli.moving_target import Target, carry, target_options


@click.command("mlflow")
@click.argument("source")
@click.option("-e", "--experiment", "experiments", multiple=True, metavar="NAME", help="Only this one. Repeatable.")
@click.option(
    "--artifacts", "folders", multiple=True, metavar="DIR", type=click.Path(exists=True, file_okay=False),
    help="A folder in which files of runs lie. None outside of the source is read but these. Repeatable.",
)  # fmt: skip
@target_options
def mlflow(source: str, experiments: tuple[str, ...], folders: tuple[str, ...], **options: Any) -> int:
    """Bring experiments, runs, metrics, files and the model registry of MLflow here.

    SOURCE is a file store (./mlruns), a database (sqlite:///mlflow.db, the path of one, postgresql://…) or the address
    of a server (http://…; with MLFLOW_TRACKING_USERNAME and …_PASSWORD, or MLFLOW_TRACKING_TOKEN). MLflow need not be
    installed, and nothing is written to SOURCE.

    Runs keep their ids, so that links, runs:/ID and MLflow's client find them here; experiments keep theirs where they
    are free. Run it again at any time: only what is new comes. The report counts and hashes both sides and lists what
    could not be carried; the exit code is 1 if there is anything of that kind.

    \b
    Examples:
      madang import mlflow ./mlruns
      madang import mlflow sqlite:///mlflow.db --artifacts /srv/mlartifacts
      madang import mlflow http://old-server:5000 --experiment iris --dry
      madang import mlflow http://old-server:5000 --to https://hub.example.org
    """
    import os

    from madang.wiring import open_foreign
    from madang.workspace.moving.importing import Wanted
    from madang.workspace.moving.sources import open_mlflow

    target = Target(**options)
    opened, is_near = open_mlflow(source, folders, os.environ, open_foreign)
    return carry(opened, Wanted(experiments, target.dry, not target.no_files, is_near), target, exact=False)
