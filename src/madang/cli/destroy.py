"""`madang destroy`: remove the data repository; the files of the workspace stay."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, files, relative, repository
from madang.errors import Refused


@click.command(cls=PlainCommand)
@click.option("-f", "--force", "-y", "--yes", "force", is_flag=True, help="Do not ask.")
@output.quiet_option
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON; it needs --force.")
def destroy(force: bool, quiet: bool, as_json: bool) -> None:
    """Remove .dvc files, dvc.yaml, dvc.lock, .dvcignore and .dvc with the cache in it. Files of the workspace stay.

    The data of other commits goes with the cache: push it before. What was recorded of runs stays.

    \b
    Examples:
      madang push --all-commits && madang destroy
      madang destroy --force
    """
    from madang.workspace.data.keeping import destroying

    with repository() as repo:
        if not force:
            planned = destroying.plan(repo)
            output.note(
                f"This removes {files(len(planned.records))} of records and the cache in {relative(planned.folder)}: "
                f"{files(planned.objects)}, {planned.size} bytes."
            )
            if as_json or not _agreed():
                raise Refused("Nothing was removed: nobody agreed.", hint="--force does it without a question.")
        done = destroying.destroy(repo)
    if as_json:
        output.data({"records": [relative(path) for path in done.records], "objects": done.objects, "bytes": done.size})
    elif not quiet:
        click.echo(f"Removed {files(len(done.records))} of records and {files(done.objects)} of the cache.")


def _agreed() -> bool:
    try:
        return click.confirm("Go on?", err=True)
    except click.Abort:  # nobody is there to answer
        return False
