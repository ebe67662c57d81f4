"""`madang exp diff`: what makes two experiments different."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, repository
from madang.cli.side_by_side import PRECISION, from_here, print_changes, tell_errors


@click.command(cls=PlainCommand)
@click.argument("a_rev", default="HEAD")
@click.argument("b_rev", default="workspace")
@click.option("--all", "unchanged", is_flag=True, help="Also what did not change.")
@click.option("--param-deps", is_flag=True, help="Only parameters that stages depend on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in dvc's form.")
@click.option("--md", "as_markdown", is_flag=True, help="Print tables in Markdown.")
@click.option("--no-path", is_flag=True, help="Leave out the paths.")
@click.option("--precision", type=int, metavar="N", help=f"Digits behind the point [default: {PRECISION}].")
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
