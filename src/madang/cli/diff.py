"""`madang diff`: tracked data of two commits, or of a commit and the workspace, side by side."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output
from madang.cli.data_command import OTHER, PlainCommand, meter, remote_listings, repository
from madang.errors import NotFound

if TYPE_CHECKING:
    from madang.workspace.data.changes.differing import Entry
    from madang.workspace.data.changes.diffs import Diff

_STATES = ("added", "deleted", "renamed", "modified", "not in cache")
_COLOURS = {"added": "green", "modified": "yellow", "deleted": "red", "renamed": "green", "not in cache": "yellow"}


class _DiffCommand(PlainCommand):
    """Takes every word after ``--targets`` up to the next option as one more target, as dvc does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`."""
        spread: list[str] = []
        is_target = False
        for word in args:
            if word == "--targets":
                is_target = True
            elif word.startswith("-") and word != "-":
                is_target = False
                spread.append(word)
            else:
                spread.extend(["--targets", word] if is_target else [word])
        return super().parse_args(ctx, spread)


@click.command(cls=_DiffCommand)
@click.argument("a_rev", default="HEAD")
@click.argument("b_rev", required=False)
@click.option("--targets", multiple=True, metavar="PATH...", type=click.Path(), help="Only these paths.")
@click.option("--show-hash", is_flag=True, help="Show the hashes.")
@click.option("--hide-missing", is_flag=True, help="Do not tell what the cache lacks.")
@click.option("--md", "as_markdown", is_flag=True, help="Print a table in Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in dvc's form.")
def diff(
    a_rev: str,
    b_rev: str | None,
    targets: tuple[str, ...],
    show_hash: bool,
    hide_missing: bool,
    as_markdown: bool,
    as_json: bool,
) -> int:
    """Show which tracked data was added, deleted, modified or renamed between two commits, or since one.

    Of changed tables (CSV, JSON lines, Parquet) rows and columns are counted, when the old version is in the cache.

    \b
    Examples:
      madang diff
      madang diff v1 v2 --json
      madang diff HEAD~1 --targets data/train.csv images
    """
    from madang.workspace.data.changes.diffs import diff as compare

    with repository() as repo, remote_listings(repo) as elsewhere:
        found = compare(repo, a_rev, b_rev, targets, elsewhere=elsewhere, meter=meter(as_json))
        if found.unknown:
            output.error(NotFound(f"{found.unknown[0]!r} is tracked in neither state.", hint="Check the name."))
            return OTHER
        value = _value(found, show_hash=show_hash, hide_missing=hide_missing or b_rev is not None)
        if as_json:
            output.data(value)
        elif as_markdown:
            _print_markdown(value, show_hash)
        elif value:
            _print(value)
            _print_tables(found)
    return 0


def _value(found: Diff, *, show_hash: bool, hide_missing: bool) -> dict[str, list[dict[str, Any]]]:
    """In dvc's form: empty when nothing differs and nothing is missing."""
    all_of_it = found.differences

    def one(entry: Entry) -> dict[str, Any]:
        return {"path": entry.shown, "hash": entry.name}

    value: dict[str, list[dict[str, Any]]] = {
        "added": [one(entry) for entry in all_of_it.added],
        "deleted": [one(entry) for entry in all_of_it.deleted],
        "modified": [
            {"path": old.shown, "hash": {"old": old.name, "new": new.name}} for old, new in all_of_it.modified
        ],
        "renamed": [
            {"path": {"old": one.old.shown, "new": one.new.shown}, "hash": one.old.name} for one in all_of_it.renamed
        ],
        "not in cache": [one(entry) for entry in found.missing],
    }
    if not any(value.values()):
        return {}
    if hide_missing:
        del value["not in cache"]
    if not show_hash:
        for entries in value.values():
            for entry in entries:
                del entry["hash"]
    return value


def _rows(value: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str, str]]:
    """(state, short hash, path) of everything, in the order in which it is shown."""
    return [
        (state, _digest(entry.get("hash")), _path(entry["path"])) for state in _STATES for entry in value.get(state, ())
    ]


def _path(path: Any) -> str:
    return f"{path['old']} -> {path['new']}" if isinstance(path, dict) else str(path)


def _digest(found: Any) -> str:
    if isinstance(found, dict):
        return f"{(found['old'] or '')[:8]}..{(found['new'] or '')[:8]}"
    return str(found or "")[:8]


def _print(value: dict[str, list[dict[str, Any]]]) -> None:
    counts: dict[str, int] = {}
    colours = output.colours_wanted()
    before = ""
    for state, digest, path in _rows(value):
        if state != before:
            if before:
                click.echo()
            title = state.capitalize()
            click.echo((click.style(title, fg=_COLOURS[state]) if colours else title) + ":")
            before = state
        counts[state] = counts.get(state, 0) + (not path.endswith(os.sep))
        click.echo(f"    {digest}{'  ' if digest else ''}{path}")
    if before:
        click.echo()
    if any(counts.values()):
        click.echo("files summary: " + ", ".join(f"{count} {state}" for state, count in counts.items() if count))


def _print_markdown(value: dict[str, list[dict[str, Any]]], show_hash: bool) -> None:
    headers = ["Status", "Hash", "Path"] if show_hash else ["Status", "Path"]
    rows = [[state, digest, path] if show_hash else [state, path] for state, digest, path in _rows(value)]
    output.dvc_table(headers, rows, as_markdown=True)


def _print_tables(found: Diff) -> None:
    """How the rows and columns of changed tables differ."""
    from madang.workspace.data.changes.diffs import table_changes

    for path, sentence in table_changes(found):
        click.echo(output.printable(f"{path}: {sentence}"))
