"""`madang get`: copy something out of a repository."""

from __future__ import annotations

import posixpath
from typing import Any

import click

from madang.cli import output
from madang.cli.data_command import files, meter
from madang.cli.sources import SourceCommand, access, access_options


@click.command(cls=SourceCommand)
@click.argument("url")
@click.argument("path")
@click.option("-o", "--out", type=click.Path(), help="Where to put it: a name, or a folder to put it into.")
@click.option("--rev", help="The commit, branch or tag to take it from.")
@click.option("-f", "--force", is_flag=True, help="Replace what is there.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Objects fetched at once.")
@click.option("--show-url", is_flag=True, help="Print where the data lies, and get nothing.")
@output.quiet_option
@access_options
def get(
    url: str, path: str, out: str | None, rev: str | None, force: bool, jobs: int | None, show_url: bool,
    quiet: bool, **how: Any,
) -> None:  # fmt: skip
    """Copy a file or folder that a repository tracks, by data or by Git, without tracking it here.

    \b
    Examples:
      madang get https://github.com/treeverse/example-get-started data/data.xml
      madang get ../other model.pt --rev v1.0 -o base.pt
    """
    from madang.wiring_data import open_remote
    from madang.workspace.data.imports import getting
    from madang.workspace.data.records import placing

    reach = access(**how)
    if show_url:
        from madang.cli.sources import opened

        with opened(url, rev, reach) as source:
            click.echo(getting.storage_url(source, path))
        return
    target = placing.destination(out, posixpath.basename(posixpath.normpath(path)))
    count = getting.get(url, rev, path, target, open_remote, access=reach, force=force, jobs=jobs, meter=meter(quiet))
    if not quiet:
        click.echo(f"{files(count)} got: {target}")
