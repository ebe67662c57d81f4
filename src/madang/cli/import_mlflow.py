"""`madang import mlflow`: bring everything that an MLflow store or server holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from madang.wiring import Engine


@click.command("mlflow")
@click.argument("source")
@click.option("-e", "--experiment", "experiments", multiple=True, metavar="NAME", help="Only this one. Repeatable.")
@click.option("--dry", is_flag=True, help="Read everything, say what would come, write nothing.")
@click.option(
    "--artifacts", "folders", multiple=True, metavar="DIR", type=click.Path(exists=True, file_okay=False),
    help="A folder in which files of runs lie. None outside of the source is read but these. Repeatable.",
)  # fmt: skip
@click.option("--no-files", is_flag=True, help="Leave the files of runs and models where they are.")
@click.option("--store", metavar="DIR", default="", help="Into the store of a hub (`madang hub --store DIR`).")
@click.option("--database", metavar="URL", default="", help="The hub's database, if it is PostgreSQL; with --store.")
@click.option("--blobs", metavar="URL", default="", help="Where the hub keeps files, if not in DIR; with --store.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def mlflow(
    source: str, experiments: tuple[str, ...], dry: bool, folders: tuple[str, ...], no_files: bool, store: str,
    database: str, blobs: str, as_json: bool,
) -> int:  # fmt: skip
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
      madang import mlflow http://old-server:5000 --store /srv/madang
    """
    import os

    from madang.cli.moving_report import show
    from madang.cli.progress import progress, quiet
    from madang.wiring import local_user, open_foreign
    from madang.workspace.moving.importing import Wanted, bring, chosen
    from madang.workspace.moving.sources import open_mlflow
    from madang.workspace.moving.store import OwnStore

    opened, is_near = open_mlflow(source, folders, os.environ, open_foreign)
    try:
        wanted = Wanted(experiments, dry, not no_files, is_near)
        total = sum(opened.count(item) for item in chosen(opened, wanted))
        opened.problems.clear()
        engine = opened_store(store, database, blobs, make=not dry)
        try:
            with (quiet if as_json else progress)(total, "runs", "import") as tell:
                report = bring(opened, OwnStore(engine, local_user()), wanted, tell)
        finally:
            engine.close()
    finally:
        opened.close()
    return show(report, as_json)


def opened_store(store: str, database: str, blobs: str, *, make: bool) -> Engine:
    """The store that is meant: that of a hub when it is named, else the workspace's.

    Without ``make`` a workspace's store that is not there stays so: an empty one elsewhere stands for it.
    """
    import os

    from madang.config import HubConfig
    from madang.errors import UsageError
    from madang.formats.store import find_store
    from madang.wiring import open_hub, open_store

    if store:
        return open_hub(HubConfig(store=store, database=database, blobs=blobs))
    if database or blobs:
        raise UsageError("--database and --blobs are of a hub.", hint="Name its folder, too: --store DIR.")
    place = find_store().store
    if make or os.path.exists(f"{place}/format"):
        return open_store()
    import shutil
    import tempfile

    aside = tempfile.mkdtemp(prefix="madang-")
    engine = open_store(store=aside)
    engine.store.store = place
    engine.at_close = lambda: shutil.rmtree(aside, ignore_errors=True)
    return engine
