"""`madang status`: what differs from its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, meter, relative, repository, resolved

if TYPE_CHECKING:
    from madang.workspace.data.outs import Target
    from madang.workspace.data.repository import Repository


@click.command(cls=PlainCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("-c", "--cloud", is_flag=True, help="Compare the cache with the remote.")
@click.option("-r", "--remote", help="The remote to compare with (implies --cloud).")
@click.option("-R", "--recursive", is_flag=True, help="A folder means all tracked data in it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in dvc's form.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing; exit 1 when something differs.")
def status(
    targets: tuple[str, ...], cloud: bool, remote: str | None, recursive: bool, as_json: bool, quiet: bool
) -> int:
    """Show which tracked data was modified or deleted, or is not in the cache.

    \b
    Examples:
      madang status
      madang status data/train.csv --json
      madang status --cloud
    """
    with repository() as repo:
        chosen = resolved(repo, targets, recursive)
        if cloud or remote:
            differs = _show_cloud(repo, chosen, remote, as_json, quiet)
        else:
            differs = _show_local(repo, chosen, as_json, quiet)
    return 1 if quiet and differs else 0


def _show_local(repo: Repository, chosen: list[Target], as_json: bool, quiet: bool) -> bool:
    from madang.workspace.data.comparing import changes

    found = changes(repo, chosen, meter(quiet or as_json))
    by_file: dict[str, dict[str, str]] = {}
    for change in found:
        by_file.setdefault(relative(change.out.dvc_file), {})[relative(change.out.path)] = change.state
    if as_json:
        output.data({name: [{"changed outs": states}] for name, states in by_file.items()})
    elif not quiet:
        for name, states in by_file.items():
            click.echo(f"{name}:\n\tchanged outs:")
            for path, state in states.items():
                click.echo(f"\t\t{state + ':':<20}{path}")
        if not by_file:
            click.echo("Data is up to date." if chosen else "No data is tracked here yet (madang add).")
    return bool(by_file)


def _show_cloud(repo: Repository, chosen: list[Target], remote: str | None, as_json: bool, quiet: bool) -> bool:
    from madang.wiring_data import open_remote
    from madang.workspace.data.transfer import cloud_changes

    found = cloud_changes(repo, chosen, open_remote, remote)
    if as_json:
        output.data(found)
    elif not quiet:
        for path, state in found.items():
            click.echo(f"\t{state + ':':<20}{path}")
        if not found:
            name = repo.settings.remote(remote).name
            click.echo(f"Cache and remote '{name}' are in sync.")
    return bool(found)
