"""`madang params`: parameters of pipelines."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import repository
from madang.cli.main import LazyGroup
from madang.cli.side_by_side import (
    TargetsCommand,
    change_options,
    from_here,
    print_changes,
    tell_errors,
    unchanged_option,
)

# name → (module:attribute, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "diff": ("madang.cli.params:diff", "Compare the parameters of two commits, or of a commit and the workspace."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def params() -> None:
    """Show parameters of pipelines.

    \b
    Examples:
      madang params diff
    """


@click.command(cls=TargetsCommand)
@click.argument("a_rev", default="HEAD")
@click.argument("b_rev", default="workspace")
@click.option("--targets", multiple=True, metavar="PATH...", type=click.Path(), help="Only these files.")
@unchanged_option
@click.option("--deps", is_flag=True, help="Only parameters that stages depend on.")
@change_options
def diff(
    a_rev: str,
    b_rev: str,
    targets: tuple[str, ...],
    unchanged: bool,
    deps: bool,
    as_json: bool,
    as_markdown: bool,
    no_path: bool,
) -> None:
    """Show which parameters differ between two commits, or since one; values that only templates name included.

    \b
    Examples:
      madang params diff
      madang params diff v1 v2 --json
      madang params diff HEAD~1 --targets params.yaml conf/model.toml --all
    """
    from madang.workspace.pipelines.params import diff as compare

    with repository(must_be_made=False) as repo:
        changes, read = compare(repo, a_rev, b_rev, targets, unchanged=unchanged, deps_only=deps)
        tell_errors(read)
        changes = {from_here(repo, path): entries for path, entries in changes.items()}
    if as_json:
        output.data(changes)
    else:
        print_changes(changes, "Param", (a_rev, b_rev), as_markdown=as_markdown, no_path=no_path)
