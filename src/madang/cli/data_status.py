"""`madang data status`: the last commit, the records and the files, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, meter, remote_listings, repository

if TYPE_CHECKING:
    from madang.workspace.data.changes.data_status import DataStatus
    from madang.workspace.data.changes.differing import Differences

_LABELS = {
    "not_in_cache": ("Not in cache", ['use "madang fetch <file>..." to download files']),
    "not_in_remote": ("Not in remote", ['use "madang push <file>..." to upload files']),
    "committed": ("DVC committed changes", ["git commit the corresponding dvc files to update the repo"]),
    "uncommitted": (
        "DVC uncommitted changes",
        [
            'use "madang commit <file>..." to track changes',
            'use "madang checkout <file>..." to discard changes',
        ],
    ),
    "untracked": (
        "Untracked files",
        ['use "git add <file> ..." or "madang add <file>..." to commit to git or as data'],
    ),
    "unchanged": ("DVC unchanged files", []),
}
_COLOURS = {
    "not_in_cache": "red",
    "not_in_remote": "red",
    "committed": "green",
    "uncommitted": "yellow",
    "untracked": "cyan",
}


@click.command(cls=DataCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("--granular", is_flag=True, help="Also single files of tracked folders.")
@click.option("--unchanged", is_flag=True, help="Also what did not change.")
@click.option(
    "--untracked-files",
    type=click.Choice(["no", "all"]),
    default="no",
    is_flag=False,
    flag_value="all",
    help="Also files that neither git nor madang tracks.",
)
@click.option("--not-in-remote", is_flag=True, help="Also what the remote lacks.")
@click.option("-r", "--remote", help="The remote for --not-in-remote.")
@click.option("--no-remote-refresh", is_flag=True, help="Accepted as by dvc; the remote is asked all the same.")
@output.quiet_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in dvc's form.")
def status(
    targets: tuple[str, ...],
    granular: bool,
    unchanged: bool,
    untracked_files: str,
    not_in_remote: bool,
    remote: str | None,
    no_remote_refresh: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show what changed between the last git commit, the .dvc files and the workspace.

    \b
    Examples:
      madang data status
      madang data status --granular --json
      madang data status --untracked-files --not-in-remote data
    """
    from madang.workspace.data.changes.data_status import data_status
    from madang.workspace.data.changes.data_status import not_in_remote as lacking

    untracked = untracked_files == "all"
    with repository() as repo, remote_listings(repo) as elsewhere:
        found = data_status(
            repo,
            targets,
            granular=granular,
            unchanged=unchanged,
            untracked=untracked,
            elsewhere=elsewhere,
            meter=meter(quiet or as_json),
        )
        if not_in_remote:
            from madang.wiring_data import open_remote

            found.not_in_remote = lacking(repo, targets, open_remote, remote=remote, granular=granular)
    value = _value(found, unchanged=unchanged, untracked=untracked)
    if as_json:
        output.data(value)
    elif not quiet:
        _print(found, value)


def _value(found: DataStatus, *, unchanged: bool, untracked: bool) -> dict[str, Any]:
    """In dvc's form; what is empty is left out."""
    value: dict[str, Any] = {
        "not_in_cache": [entry.shown for entry in found.not_in_cache],
        "not_in_remote": found.not_in_remote,
        "committed": _differences(found.committed),
        "uncommitted": _differences(found.uncommitted),
        "untracked": found.untracked if untracked else [],
        "unchanged": [entry.shown for entry in found.unchanged] if unchanged else [],
    }
    return {name: part for name, part in value.items() if part}


def _differences(found: Differences) -> dict[str, Any]:
    value: dict[str, Any] = {
        "modified": [new.shown for _, new in found.modified],
        "added": [entry.shown for entry in found.added],
        "deleted": [entry.shown for entry in found.deleted],
        "renamed": [{"old": one.old.shown, "new": one.new.shown} for one in found.renamed],
        "unknown": [entry.shown for entry in found.unknown],
    }
    return {name: part for name, part in value.items() if part}


def _print(found: DataStatus, value: dict[str, Any]) -> None:
    if not value:
        click.echo(f"No changes{' in an empty git repo' if found.is_empty else ''}.")
    colours = output.colours_wanted()
    for index, (name, part) in enumerate(value.items()):
        label, hints = _LABELS[name]
        click.echo(f"{chr(10) if index else ''}{label}:")
        for hint in hints:
            click.echo(f"  ({hint})")
        for line in _lines(part):
            text = " " * 8 + line
            click.echo(click.style(text, fg=_COLOURS.get(name)) if colours else text)
    if found.is_dirty:
        click.echo(f'(there are {"other " if value else ""}changes not tracked by dvc, use "git status" to see)')


def _lines(part: Any) -> list[str]:
    if isinstance(part, list):
        return part
    return [f"{state}: {_named(one)}" for state, entries in part.items() for one in entries]


def _named(one: Any) -> str:
    return f"{one['old']} -> {one['new']}" if isinstance(one, dict) else str(one)
