"""`madang compare`: runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from madang.domain.compare import Comparison, Row
    from madang.domain.runs import RunRecord

_MANY = 40
_PARTS = (("Parameters", "config"), ("Code", "code"), ("Data", "data"), ("Environment", "environment"))


@click.command()
@click.argument("run_names", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--all", "everything", is_flag=True, help="List what is the same as well.")
@click.option("--diff", is_flag=True, help="Print each run's uncommitted changes as well.")
@output.json_option
def compare(run_names: tuple[str, ...], everything: bool, diff: bool, as_json: bool) -> None:
    """Compare runs: parameters, code, data and environment that differ, and all metrics with the best marked (*).

    A metric has a best value when the run said its goal with define_metric.

    \b
    Examples:
      madang compare 1f3a 77b0
      madang compare 1f3a 77b0 brave-owl-3 --all --json
    """
    from madang.domain.causes import left_behind
    from madang.domain.compare import compare as side_by_side
    from madang.errors import UsageError

    if len(run_names) < 2:
        raise UsageError("One run cannot be compared.", hint="Name at least two runs.")
    with records.opened_reader() as reader:
        runs = [reader.run(name) for name in run_names]
        found = side_by_side(runs, everything=everything, without=left_behind(runs))
        diffs = [_diff(reader, run) for run in runs] if diff else []
    if as_json:
        output.data(_json(runs, found, diffs))
        return
    _print(runs, found)
    for run, text in zip(runs, diffs, strict=False):
        click.echo(f"\nChanges in {run.id[:8]} {run.name}\n{text or '(none)'}")


def _diff(reader: Any, run: RunRecord) -> str:
    if run.code is None or run.code.diff is None:
        return ""
    with reader.open_blob(run.project, run.code.diff.digest) as file:
        return str(file.read(1 << 20).decode("utf-8", "replace"))


def _json(runs: Sequence[RunRecord], found: Comparison, diffs: list[str]) -> Any:
    body = records.plain_json(found)
    body["runs"] = [records.run_json(run) for run in runs]
    for part in ("config", "code", "data", "environment", "metrics"):
        body[part] = {
            row.key: {"values": row.values, **({"best": row.best, "goal": row.goal} if part == "metrics" else {})}
            for row in getattr(found, part)
        }
    if diffs:
        body["diffs"] = diffs
    return body


def _print(runs: Sequence[RunRecord], found: Comparison) -> None:
    ids = records.short_ids([run.id for run in runs])
    heads = [ids[run.id] for run in runs]
    facts = [
        ["name", *(run.name for run in runs)],
        ["project", *(run.project for run in runs)],
        ["status", *(run.status for run in runs)],
        ["started", *(records.moment(run.created_at) for run in runs)],
        ["took", *(records.span(run.duration / 1e6) for run in runs)],
    ]
    output.table(["", *heads], facts)
    if found.metrics:
        click.echo("\nMetrics")
        rows = [[_with_goal(row), *_marked(row)] for row in found.metrics]
        output.table(["", *heads], rows, right=frozenset(range(1, len(heads) + 1)))
    for title, part in _PARTS:
        listed = getattr(found, part)
        same = found.same.get(part, 0)
        if listed:
            click.echo(f"\n{title}" + (f"  ({same} more the same)" if same else ""))
            output.table(["", *heads], [[row.key, *map(_short, row.values)] for row in listed[:_MANY]])
            if len(listed) > _MANY:
                click.echo(f"… and {len(listed) - _MANY} more (--json lists all)")
        else:
            click.echo(f"\n{title}: " + (f"the same ({same})" if same else "nothing recorded"))


def _with_goal(row: Row) -> str:
    return f"{row.key} ({row.goal})" if row.goal else row.key


def _marked(row: Row) -> list[str]:
    return [records.number(value) + ("*" if place == row.best else " ") for place, value in enumerate(row.values)]


def _short(value: Any) -> str:
    if value is None:
        return "–"
    text = records.number(value)
    if text.startswith(("blake3:", "md5:", "sha256:")):
        return text[:20]
    return text[:12] if len(text) == 40 and not set(text) - set("0123456789abcdef") else text
