"""`madang push`: send data to a remote."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import TransferCommand, files, meter, repository, resolved


@click.command(cls=TransferCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("-r", "--remote", help="The remote; otherwise the default one.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Objects sent at once.")
@click.option("-R", "--recursive", is_flag=True, help="A folder means all tracked data in it.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was sent as JSON.")
def push(
    targets: tuple[str, ...], remote: str | None, jobs: int | None, recursive: bool, quiet: bool, as_json: bool
) -> None:
    """Send tracked data from the cache to a remote; only what it lacks.

    \b
    Examples:
      madang push
      madang push data/train.csv -r backup
    """
    from madang.wiring_data import open_remote
    from madang.workspace.data.transfer import push as send
    from madang.workspace.data.transfer import raise_if_incomplete

    with repository() as repo:
        chosen = resolved(repo, targets, recursive)
        moved = send(repo, chosen, open_remote, remote=remote, jobs=jobs, meter=meter(quiet or as_json))
        if as_json:
            output.data(
                {"pushed": moved.files, "bytes": moved.size, "missing": moved.missing, "damaged": moved.damaged}
            )
        elif not quiet and (moved.files or not (moved.missing or moved.damaged)):
            click.echo(f"{files(moved.files)} pushed" if moved.files else "Everything is up to date.")
        raise_if_incomplete(moved, "push")
