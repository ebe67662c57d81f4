"""`madang undo`: bring back files that a command replaced or removed though they were saved nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, files, relative, repository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from madang.workspace.data.files.undoing import Kept


@click.command(cls=PlainCommand)
@click.argument("number", type=click.IntRange(1), default=1)
@click.option("--list", "is_list", is_flag=True, help="Show what is kept, newest first, and change nothing.")
@output.quiet_option
@output.json_option
def undo(number: int, is_list: bool, quiet: bool, as_json: bool) -> None:
    """Bring back the files that the last forced command replaced or removed.

    Only files whose bytes are in no object of the cache are kept; the others `madang checkout` restores. What is there
    now is kept in its turn: a second `madang undo` takes the first one back. NUMBER counts from the newest entry.
    Entries are removed by `madang gc` only, when they are older than 30 days.

    \b
    Examples:
      madang checkout --force && madang undo
      madang undo --list
      madang undo 2
    """
    from madang.workspace.data.files import undoing

    with repository() as repo:
        if is_list:
            _show(undoing.kept(repo), as_json)
            return
        done = undoing.undo(repo, number)
        if as_json:
            output.data(
                {
                    "entry": done.entry.name,
                    "command": done.entry.command,
                    "restored": [relative(path) for path in done.restored],
                    "removed": [relative(path) for path in done.removed],
                }
            )
        elif not quiet:
            for path in done.restored:
                click.echo(f"M\t{relative(path)}")
            for path in done.removed:
                click.echo(f"D\t{relative(path)}")
            output.note("What was there is kept: madang undo takes this back.")


def _show(entries: Sequence[Kept], as_json: bool) -> None:
    from madang.cli.records import ago, size

    if as_json:
        output.data([_as_json(number, entry) for number, entry in enumerate(entries, start=1)])
    elif not entries:
        output.note("Nothing is kept.")
    else:
        rows = [
            [str(number), ago(entry.at), entry.command, files(entry.files), size(entry.size), _named(entry)]
            for number, entry in enumerate(entries, start=1)
        ]
        output.table(["#", "when", "replaced by", "files", "size", "paths"], rows, right=frozenset({0, 4}))


def _as_json(number: int, entry: Kept) -> dict[str, object]:
    return {
        "number": number,
        "entry": entry.name,
        "command": entry.command,
        "at": entry.at,
        "files": entry.files,
        "size": entry.size,
        "paths": list(entry.paths),
        "absent": list(entry.absent),
    }


def _named(entry: Kept) -> str:
    names = [*entry.paths, *entry.absent]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
