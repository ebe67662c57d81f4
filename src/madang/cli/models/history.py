"""`madang models history` and `compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from madang.domain.runs import RunRecord
    from madang.ports.reader import Reader


@click.command()
@click.argument("name")
@click.option("--pointers", is_flag=True, help="Only the moves of stages and aliases.")
@records.project_option
@output.json_option
def history(name: str, pointers: bool, project: str, as_json: bool) -> None:
    """Show who changed what of a model, when, from what, to what, and why: newest first.

    Moves of stages and aliases, whoever made them with whichever client; versions made and deleted; descriptions, tags
    and names; protections, requests, approvals and what rules have decided.

    \b
    Examples:
      madang models history wine-logreg
      madang models history wine-logreg --pointers --json
    """
    from madang.formats.reviews import change

    with records.opened_reader() as reader:
        found = reader.reviews.history(records.project_of(reader, name, project), name)
    shown = [one for one in found if not pointers or one.kind in ("stage", "alias")]
    if as_json:
        output.data({"name": name, "changes": records.plain_json([change(one) for one in shown])})
        return
    rows = [
        [records.moment(one.at), one.kind, one.subject, one.before or "–", one.after or "–", one.actor, one.reason]
        for one in shown
    ]
    output.table(["WHEN", "WHAT", "OF", "FROM", "TO", "BY", "WHY"], rows)


@click.command()
@click.argument("name")
@click.argument("versions", nargs=-1, metavar="[VERSION]...")
@click.option("-m", "--metric", "metrics", multiple=True, help="Only this metric. Repeatable.")
@records.project_option
@output.json_option
def compare(name: str, versions: tuple[str, ...], metrics: tuple[str, ...], project: str, as_json: bool) -> None:
    """Set versions of a model side by side, by the metrics of the runs that wrote them.

    VERSION is v3, an alias or a stage; all versions when none is named. The best of a metric that has a goal
    (`define_metric`) is marked.

    \b
    Examples:
      madang models compare wine-logreg
      madang models compare wine-logreg v1 production --metric val/f1
    """
    from madang.domain.compare import compare as side_by_side

    with records.opened_reader() as reader:
        where = records.project_of(reader, name, project)
        if versions:
            chosen = [reader.resolve(where, f"{name}:{one.lstrip('@')}") for one in versions]
        else:
            chosen = reader.versions(where, name)
        runs = [_run_of(reader, one.run) for one in chosen]
    table = side_by_side([run for run in runs if run is not None], everything=True).metrics
    places = [place for place, run in enumerate(runs) if run is not None]
    rows: list[tuple[str, list[Any], int | None]] = []
    for row in table:
        if metrics and row.key not in metrics:
            continue
        values: list[Any] = [None] * len(chosen)
        for place, found in zip(places, row.values, strict=True):
            values[place] = found
        rows.append((row.key, values, None if row.best is None else places[row.best]))
    if as_json:
        body = [
            {
                "version": f"v{one.number}", "run": one.run, "aliases": list(one.aliases), "created_at": one.created_at,
                "metrics": {key: values[place] for key, values, _ in rows},
            }
            for place, one in enumerate(chosen)
        ]  # fmt: skip
        best = {key: f"v{chosen[place].number}" for key, _, place in rows if place is not None}
        output.data({"name": name, "project": where, "versions": records.plain_json(body), "best": best})
        return
    heads = [f"v{one.number}" + "".join(f" {alias}" for alias in one.aliases if alias != "latest") for one in chosen]
    cells = [
        [key, *(records.number(value) + (" *" if place == best else "") for place, value in enumerate(values))]
        for key, values, best in rows
    ]
    output.table(["METRIC", *heads], cells, right=frozenset(range(1, 1 + len(heads))))


def _run_of(reader: Reader, run: str) -> RunRecord | None:
    from madang.errors import NotFound

    try:
        return reader.run(run) if run else None
    except NotFound:  # registered without a run, or its run lies elsewhere
        return None
