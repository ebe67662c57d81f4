"""`madang metrics`: metrics of pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output
from madang.cli.data_command import DataCommand, repository
from madang.cli.main import LazyGroup
from madang.cli.side_by_side import (
    PRECISION,
    TargetsCommand,
    cell,
    change_options,
    encoded,
    from_here,
    precision_option,
    print_changes,
    tell_errors,
    unchanged_option,
)

if TYPE_CHECKING:
    from madang.workspace.data.repo.repository import Repository
    from madang.workspace.pipelines.values import Values

# name → (module:attribute, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "show": ("madang.cli.metrics:show", "Print metrics of the workspace, of branches, tags or commits."),
    "diff": ("madang.cli.metrics:diff", "Compare the metrics of two commits, or of a commit and the workspace."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def metrics() -> None:
    """Show and compare metrics of pipelines.

    \b
    Examples:
      madang metrics show
      madang metrics diff
    """


@click.command(cls=DataCommand)
@click.argument("targets", nargs=-1, type=click.Path())
@click.option("-a", "--all-branches", is_flag=True, help="Of all branches.")
@click.option("-T", "--all-tags", is_flag=True, help="Of all tags.")
@click.option("-A", "--all-commits", is_flag=True, help="Of all commits.")
@click.option("-R", "--recursive", is_flag=True, help="Accepted as by dvc: files in folders are always found.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in dvc's form.")
@click.option("--md", "as_markdown", is_flag=True, help="Print a table in Markdown.")
@precision_option
def show(
    targets: tuple[str, ...],
    all_branches: bool,
    all_tags: bool,
    all_commits: bool,
    recursive: bool,
    as_json: bool,
    as_markdown: bool,
    precision: int | None,
) -> None:
    """Print metrics that stages and `metrics` of dvc.yaml name; what the workspace lacks comes from the cache.

    \b
    Examples:
      madang metrics show
      madang metrics show -T --md
      madang metrics show eval/metrics.json -A --json
    """
    from madang.workspace.pipelines.metrics import show as read

    with repository(must_be_made=False) as repo:
        found = read(repo, targets, branches=all_branches, tags=all_tags, every=all_commits)
        tell_errors(found)
        if as_json:
            output.data({name: _value(repo, values) for name, values in found.items()})
        else:
            with_revision = all_branches or all_tags or all_commits
            _print(repo, found, with_revision, precision or PRECISION, as_markdown)


def _value(repo: Repository, values: Values) -> dict[str, Any]:
    if values.error is not None:
        return {"error": encoded(values.error)}
    data = {from_here(repo, path): {"data": one} for path, one in values.files.items()}
    errors = {from_here(repo, path): {"error": encoded(error, path)} for path, error in values.errors.items()}
    return {"data": {**data, **errors}}


def _print(repo: Repository, found: dict[str, Values], with_revision: bool, precision: int, as_markdown: bool) -> None:
    from madang.workspace.pipelines.values import flattened

    rows: list[tuple[str, str, dict[str, Any]]] = []
    for name, values in found.items():
        for path in (*values.files, *values.errors):
            held = values.files.get(path, {})
            rows.append((name, from_here(repo, path), flattened(held) if isinstance(held, dict) else {"": held}))
    keys = sorted({key for *_, held in rows for key in held})
    headers = ["Revision", "Path", *keys]
    cells = [[name, path, *(cell(held.get(key), precision) for key in keys)] for name, path, held in rows]
    if not with_revision:
        headers, cells = headers[1:], [row[1:] for row in cells]
    output.dvc_table(headers, cells, as_markdown=as_markdown)


@click.command(cls=TargetsCommand)
@click.argument("a_rev", default="HEAD")
@click.argument("b_rev", default="workspace")
@click.option("--targets", multiple=True, metavar="PATH...", type=click.Path(), help="Only these files or folders.")
@click.option("-R", "--recursive", is_flag=True, help="Accepted as by dvc: files in folders are always found.")
@unchanged_option
@change_options
@precision_option
def diff(
    a_rev: str,
    b_rev: str,
    targets: tuple[str, ...],
    recursive: bool,
    unchanged: bool,
    as_json: bool,
    as_markdown: bool,
    no_path: bool,
    precision: int | None,
) -> None:
    """Show which metrics differ between two commits, or since one, and by how much.

    \b
    Examples:
      madang metrics diff
      madang metrics diff v1 v2 --all --json
      madang metrics diff main --targets eval --md
    """
    from madang.workspace.pipelines.metrics import diff as compare

    with repository(must_be_made=False) as repo:
        changes, read = compare(repo, a_rev, b_rev, targets, unchanged=unchanged)
        tell_errors(read)
        changes = {from_here(repo, path): entries for path, entries in changes.items()}
    if as_json:
        output.data(changes)
        return
    print_changes(
        changes,
        "Metric",
        (a_rev, b_rev),
        as_markdown=as_markdown,
        no_path=no_path,
        with_difference=True,
        precision=precision or PRECISION,
    )
