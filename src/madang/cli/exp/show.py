"""`madang exp show`: experiments side by side."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, repository
from madang.cli.exp.selecting import selection_options
from madang.cli.side_by_side import PRECISION, encoded

if TYPE_CHECKING:
    from madang.cli.exp.columns import Columns, Style
    from madang.workspace.experiments.table import Row
    from madang.workspace.pipelines.values import Values

_TREE = {"branch_commit": "├── ", "branch_base": "└── ", "baseline": ""}


@click.command(cls=PlainCommand)
@selection_options("Of")
@click.option("-a", "--all-branches", is_flag=True, help="Of all branches.")
@click.option("-T", "--all-tags", is_flag=True, help="Of all tags.")
@click.option("--no-pager", is_flag=True, help="Accepted as by dvc: the table is always printed at once.")
@click.option("--only-changed", is_flag=True, help="Only columns whose values differ.")
@click.option("--drop", multiple=True, metavar="PATTERN", help="Leave columns out, by a regular expression.")
@click.option("--keep", multiple=True, metavar="PATTERN", help="Keep columns, whatever else leaves them out.")
@click.option("--param-deps", is_flag=True, help="Only parameters that stages depend on.")
@click.option("--sort-by", metavar="NAME", help="Sort the experiments of each commit by a metric or parameter.")
@click.option("--sort-order", type=click.Choice(["asc", "desc"]), default="asc", help="Ascending or descending.")
@click.option("--sha", is_flag=True, help="Hashes of commits instead of branches and tags.")
@click.option("--hide-failed", is_flag=True, help="Without experiments that failed.")
@click.option("--hide-queued", is_flag=True, help="Without experiments that wait.")
@click.option("--hide-workspace", is_flag=True, help="Without the work tree.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in dvc's form.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--md", "as_markdown", is_flag=True, help="Print a table in Markdown.")
@click.option("--precision", type=int, metavar="N", help=f"Digits of numbers [default: {PRECISION}; all for CSV].")
@click.option("-f", "--force", is_flag=True, help="Accepted as by dvc: everything is always read anew.")
def show(
    rev: tuple[str, ...], num: int, all_commits: bool, all_branches: bool, all_tags: bool, no_pager: bool,
    only_changed: bool, drop: tuple[str, ...], keep: tuple[str, ...], param_deps: bool, sort_by: str | None,
    sort_order: str, sha: bool, hide_failed: bool, hide_queued: bool, hide_workspace: bool, as_json: bool,
    as_csv: bool, as_markdown: bool, precision: int | None, force: bool,
) -> None:  # fmt: skip
    """Print the experiments of the present commit, or of others, with their parameters and metrics.

    \b
    Examples:
      madang exp show
      madang exp show -A --only-changed --sort-by acc --sort-order desc
      madang exp show --csv > experiments.csv
    """
    from madang.cli.exp.columns import Style, columns_of
    from madang.workspace.experiments import table
    from madang.workspace.experiments.pending import pending
    from madang.workspace.experiments.queue import FAILED, QUEUED

    hidden = {QUEUED} if hide_queued else set()
    hidden |= {FAILED} if hide_failed else set()
    with repository() as repo:
        rows = table.collect(
            repo,
            table.Selection(rev, num, all_branches, all_tags, all_commits),
            pending=[one for one in pending(repo) if one.state not in hidden],
            with_workspace=not hide_workspace,
            deps_only=param_deps,
            sha_only=sha,
        )
    if as_json:
        output.data([_as_json(row) for row in rows])
        return
    columns = columns_of(rows)
    if sort_by:
        _sort(rows, columns.sort_key(sort_by), sort_order == "desc")
    style = Style(precision, nothing="", iso=True) if as_csv else Style(precision or PRECISION, whole=as_markdown)
    headers, lines = _table(rows, columns, style, joined=not as_csv)
    headers, lines = _left(headers, lines, style, only_changed, drop, keep)
    if as_csv:
        _print_csv(headers, lines)
    elif as_markdown:
        output.dvc_table(headers, lines, as_markdown=True)
    else:
        output.table(headers, lines)


def _sort(rows: list[Row], by: tuple[str, str, str], descending: bool) -> None:
    from madang.cli.exp.columns import flat

    kind, file, key = by

    def place(row: Row) -> tuple[bool, Any]:
        value = flat(row.metrics if kind == "metrics" else row.params, file).get(key)
        is_number = isinstance(value, int | float)
        return (value is None) != descending, (not is_number, value if is_number else str(value))

    for row in rows:
        row.rows.sort(key=place, reverse=descending)


def _table(rows: list[Row], columns: Columns, style: Style, *, joined: bool) -> tuple[list[str], list[list[str]]]:
    """Headers and cells; ``joined``: name, commit and place in the tree are one column."""
    from madang.cli.exp.columns import cells

    headers, lines = columns.headers, list(cells(rows, columns, style))
    if joined:
        lines = [[_title(line), line[3], *line[5:]] for line in lines]
        headers = [headers[0], headers[3], *headers[5:]]
    return headers, lines


def _title(line: list[str]) -> str:
    name, rev, kind = line[:3]
    return _TREE[kind] + (f"{rev} [{name}]" if name else rev)


def _left(
    headers: list[str],
    lines: list[list[str]],
    style: Style,
    only_changed: bool,
    drop: tuple[str, ...],
    keep: tuple[str, ...],
) -> tuple[list[str], list[list[str]]]:
    """Without the columns that nobody wants to see."""

    def fits(patterns: tuple[str, ...], header: str) -> bool:
        return any(re.match(pattern, header) for pattern in patterns)

    def stays(index: int, header: str) -> bool:
        if fits(keep, header):
            return True
        held = {line[index] for line in lines}
        if header in ("State", "Executor") and held <= {style.nothing}:
            return False
        if only_changed and index and len(held) == 1:
            return False
        return not fits(drop, header)

    chosen = [index for index, header in enumerate(headers) if stays(index, header)]
    return [headers[index] for index in chosen], [[line[index] for index in chosen] for line in lines]


def _print_csv(headers: list[str], lines: list[list[str]]) -> None:
    import csv
    import io

    text = io.StringIO()
    csv.writer(text).writerows([headers, *lines])
    click.echo(text.getvalue(), nl=False)


def _as_json(row: Row) -> dict[str, Any]:
    """A row in dvc's form."""
    return {
        "rev": row.rev,
        "name": row.name or None,
        "data": None if row.error is not None else _data(row),
        "error": encoded(row.error) if row.error is not None else None,
        "experiments": [_range(one) for one in row.rows] or None,
    }


def _range(row: Row) -> dict[str, Any]:
    executor = {"state": row.state, "name": row.executor or None, "local": None} if row.state else None
    return {"revs": [_as_json(one) for one in (row, *row.older)], "executor": executor, "name": row.name}


def _data(row: Row) -> dict[str, Any]:
    at = None if row.at is None else time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(row.at))
    return {
        "rev": row.rev,
        "timestamp": at,
        "params": _values(row.params),
        "metrics": _values(row.metrics),
        "deps": row.deps,
        "outs": row.outs,
        "meta": {},
    }


def _values(values: Values) -> dict[str, Any]:
    return {
        **{path: {"data": one} for path, one in values.files.items()},
        **{path: {"error": encoded(error, path)} for path, error in values.errors.items()},
    }
