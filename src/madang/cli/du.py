"""`madang du`: how large the data of a repository is."""

from __future__ import annotations

from typing import Any

import click

from madang.cli import output
from madang.cli.data_command import DataCommand
from madang.cli.sources import access, access_options, human, opened


@click.command(cls=DataCommand)
@click.argument("url")
@click.argument("path", required=False, default="")
@click.option("--rev", help="The commit, branch or tag to look at.")
@click.option("-s", "--summarize", is_flag=True, help="Show the sum only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with exact bytes.")
@access_options
def du(url: str, path: str, rev: str | None, summarize: bool, as_json: bool, **how: Any) -> None:
    """Show the size of what a repository holds, tracked data included; the sum comes last.

    \b
    Examples:
      madang du .
      madang du https://github.com/treeverse/example-get-started data --rev main
    """
    from madang.workspace.data.imports.getting import usage

    with opened(url, rev, access(**how)) as source:
        found = usage(source, path, summarize=summarize)
    if as_json:
        output.data([{"path": name, "size": size} for name, size in found])
        return
    width = max(len(human(size)) for _, size in found)
    for name, size in found:
        click.echo(f"{human(size):<{width}}  {output.printable(name)}".rstrip())
