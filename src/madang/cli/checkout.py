"""`madang checkout`: bring the workspace to what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, files, meter, relative, repository, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from madang.workspace.data.files.checkout import Report


@click.command(cls=DataCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("-f", "--force", is_flag=True, help="Replace changed files too; madang undo brings them back.")
@click.option("-d", "--with-deps", is_flag=True, help="Also what the stages before the named ones make.")
@click.option("-R", "--recursive", is_flag=True, help="A folder means all tracked data in it.")
@click.option("--relink", is_flag=True, help="Link unchanged files anew too, as cache.type says now.")
@click.option("--allow-missing", is_flag=True, help="Data that is not in the cache is no error.")
@click.option("--summary", is_flag=True, help="Print how many, not which.")
@output.quiet_option
@click.option("--json", "as_json", is_flag=True, help="Print what changed as JSON.")
def checkout(
    targets: tuple[str, ...],
    force: bool,
    with_deps: bool,
    recursive: bool,
    relink: bool,
    allow_missing: bool,
    summary: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Restore data from the cache, as the .dvc files record it.

    Files with changes that are saved nowhere are never replaced without --force. Without targets, data that is not
    tracked any more is removed, when the cache has all of it.

    \b
    Examples:
      git checkout v1 && madang checkout
      madang checkout data/train.csv
      madang checkout images/cat.png        one file of a tracked folder
      madang config cache.type hardlink && madang checkout --relink
    """
    from madang.workspace.data.files import leftovers
    from madang.workspace.data.files.checkout import checkout as restore
    from madang.workspace.data.files.checkout import raise_if_incomplete
    from madang.workspace.data.files.relinking import relink as link_anew

    with repository() as repo:
        chosen = resolved(repo, targets, recursive, with_deps)
        report = restore(repo, chosen, force=force, meter=meter(quiet or as_json))
        if targets:
            leftovers.note(repo, [one.out.path for one in chosen if one.out.entry.cache])
        else:
            leftovers.clear(repo, report, meter(quiet or as_json))
        if relink:
            link_anew(repo, chosen, meter(quiet or as_json))
        show(report, quiet=quiet, as_json=as_json, is_short=summary)
        if not allow_missing:
            raise_if_incomplete(report, repo.root)


def show(report: Report, *, quiet: bool, as_json: bool, is_short: bool = False) -> None:
    """Print what a checkout did."""
    groups = {"added": report.added, "modified": report.modified, "deleted": report.deleted}
    if as_json:
        output.data({name: [relative(path) for path in paths] for name, paths in groups.items()})
    elif is_short:
        click.echo(counted(report.files) or "No changes.")
    elif not quiet:
        for name, paths in groups.items():
            for path in paths:
                click.echo(f"{name[0].upper()}\t{relative(path)}")
    if report.kept and not quiet:
        output.note(f"What was replaced is kept in {relative(report.kept)}; madang undo brings it back.")


def counted(counts: Mapping[str, int]) -> str:
    """How many files of each kind, in words; empty when there are none."""
    parts = [f"{files(count)} {name}" for name, count in counts.items() if count]
    return " and ".join([", ".join(parts[:-1]), *parts[-1:]] if parts[1:] else parts)
