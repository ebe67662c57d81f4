"""`madang pull`: fetch and check out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output
from madang.cli.checkout import show
from madang.cli.data_command import TransferCommand, files, meter, relative, repository, resolved

if TYPE_CHECKING:
    from madang.workspace.data.checkout import Report


@click.command(cls=TransferCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("-r", "--remote", help="The remote; otherwise the default one.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Objects fetched at once.")
@click.option("-f", "--force", is_flag=True, help="Replace changed files too; madang undo brings them back.")
@click.option("-R", "--recursive", is_flag=True, help="A folder means all tracked data in it.")
@click.option("--allow-missing", is_flag=True, help="Data that is nowhere is no error.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def pull(
    targets: tuple[str, ...],
    remote: str | None,
    jobs: int | None,
    force: bool,
    recursive: bool,
    allow_missing: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Bring tracked data from a remote into the cache and the workspace.

    \b
    Examples:
      git clone … && madang pull
      madang pull images -r backup
    """
    from madang.wiring_data import open_remote
    from madang.workspace.data import transfer
    from madang.workspace.data.checkout import checkout, raise_if_incomplete

    with repository() as repo:
        chosen = resolved(repo, targets, recursive)
        moved = transfer.fetch(repo, chosen, open_remote, remote=remote, jobs=jobs, meter=meter(quiet or as_json))
        report = checkout(repo, chosen, force=force, command="pull --force", meter=meter(quiet or as_json))
        if as_json:
            groups = {"added": report.added, "modified": report.modified, "deleted": report.deleted}
            shown = {name: [relative(path) for path in paths] for name, paths in groups.items()}
            output.data({"fetched": moved.files, "bytes": moved.size, **shown})
        else:
            show(report, quiet=quiet, as_json=False)
            if not quiet:
                click.echo(_summary(moved.files, report))
        if not allow_missing:
            transfer.raise_if_incomplete(moved, "pull")
            raise_if_incomplete(report, repo.root)


def _summary(fetched: int, report: Report) -> str:
    parts = [f"{files(fetched)} fetched"] if fetched else []
    for count, word in ((report.added, "added"), (report.modified, "modified"), (report.deleted, "deleted")):
        if count:
            parts.append(f"{files(len(count))} {word}")
    return " and ".join(parts) or "Everything is up to date."
