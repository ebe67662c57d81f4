"""`madang exp diff`: what makes two experiments different."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, repository
from madang.cli.side_by_side import (
    PRECISION,
    change_options,
    from_here,
    precision_option,
    print_changes,
    tell_errors,
    unchanged_option,
)


@click.command(cls=PlainCommand)
@click.argument("a_rev", default="HEAD")
@click.argument("b_rev", default="workspace")
@unchanged_option
@click.option("--param-deps", is_flag=True, help="Only parameters that stages depend on.")
@change_options
@precision_option
def diff(
    a_rev: str,
    b_rev: str,
    unchanged: bool,
    param_deps: bool,
    as_json: bool,
    as_markdown: bool,
    no_path: bool,
    precision: int | None,
) -> None:
    """Compare the metrics and parameters of two experiments or commits, or of one and the workspace.

    \b
    Examples:
      madang exp diff
      madang exp diff lr-0.1 lr-0.2
      madang exp diff amber-otter --json
    """
    from madang.workspace.experiments.applying import commit_named
    from madang.workspace.experiments.table import row_of
    from madang.workspace.pipelines.states import WORKSPACE
    from madang.workspace.pipelines.values import differences

    with repository() as repo:
        names = [one if one == WORKSPACE else commit_named(repo, one) for one in (a_rev, b_rev)]
        old, new = (row_of(repo, name, deps_only=param_deps) for name in names)
        tell_errors({a_rev: old.metrics, b_rev: new.metrics})
        found = {
            "metrics": differences(old.metrics, new.metrics, unchanged=unchanged),
            "params": differences(old.params, new.params, unchanged=unchanged),
        }
        if as_json:
            output.data(found)
            return
        for title, changes in (("Metric", found["metrics"]), ("Param", found["params"])):
            print_changes(
                {from_here(repo, path): entries for path, entries in changes.items()},
                title,
                (a_rev, b_rev),
                as_markdown=as_markdown,
                no_path=no_path,
                with_difference=True,
                precision=(precision or PRECISION) if title == "Metric" else None,
            )
            if title == "Metric":
                click.echo()
