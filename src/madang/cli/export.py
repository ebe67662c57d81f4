"""`madang export`: everything of a store, in the form of another tracker."""

from __future__ import annotations

import click


@click.group("export")
def export() -> None:
    """Write runs, files and models in the form of another tracker: nothing keeps you here.

    \b
    Examples:
      madang export mlflow /tmp/out
    """


@export.command("mlflow", short_help="Write a database and files that MLflow 3 reads.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option("-e", "--experiment", "experiments", multiple=True, metavar="NAME", help="Only this one. Repeatable.")
@click.option("--no-files", is_flag=True, help="Leave the files of runs and models out.")
@click.option(
    "--artifact-uri", metavar="URI", default="",
    help="Where the records say that files are, such as mlflow-artifacts:/ [default: DIR/mlartifacts on this machine]",
)  # fmt: skip
@click.option("--store", metavar="DIR", default="", help="From the store of a hub (`madang hub --store DIR`).")
@click.option("--database", metavar="URL", default="", help="The hub's database, if it is PostgreSQL; with --store.")
@click.option("--blobs", metavar="URL", default="", help="Where the hub keeps files, if not in DIR; with --store.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def mlflow(
    folder: str, experiments: tuple[str, ...], no_files: bool, artifact_uri: str, store: str, database: str,
    blobs: str, as_json: bool,
) -> int:  # fmt: skip
    """Write DIR/mlflow.db and DIR/mlartifacts, which MLflow 3 reads: all experiments, runs, metrics, files, models.

    What MLflow has no place for (code, environment, console, inputs, versions) is kept as artifacts of its run below
    madang/, and the report names it. The report counts and hashes both sides; the exit code is 1 if anything is
    missing.

    \b
    Examples:
      madang export mlflow /tmp/out
      mlflow server --backend-store-uri sqlite:////tmp/out/mlflow.db
      madang export mlflow /srv/mlflow --artifact-uri mlflow-artifacts:/
      madang export mlflow /tmp/out --store /srv/madang --experiment iris --json
    """
    from madang.cli.moving_report import show
    from madang.cli.moving_target import opened_store
    from madang.cli.progress import progress, quiet
    from madang.formats.store import check_there
    from madang.wiring import local_user
    from madang.workspace.moving.exporting import send
    from madang.workspace.moving.importing import Wanted
    from madang.workspace.moving.mlflow_writing import DatabaseWriter
    from madang.workspace.moving.sources import reread
    from madang.workspace.moving.store import OwnStore

    if store and not database:
        check_there(store)
    engine = opened_store(store, database, blobs, make=False)
    try:
        own, wanted = OwnStore(engine, local_user()), Wanted(experiments, files=not no_files)
        target = DatabaseWriter(folder, artifact_uri)
        total = sum(map(own.count, own.experiments()))
        with (quiet if as_json else progress)(total, "runs", "export") as tell:
            report = send(own, target, wanted, reread, tell)
    finally:
        engine.close()
    return show(report, as_json)
