"""`madang runs`: what was run, what came of it, and small changes to the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from madang.domain.query import Condition, Order
    from madang.domain.runs import RunChange, RunRecord
    from madang.ports.reader import Reader

_METRICS_SHOWN = 4


@click.group(cls=records.DefaultGroup)
def runs() -> None:
    """List, show and change runs. `madang runs` alone lists them.

    \b
    Examples:
      madang runs
      madang runs --filter "metrics.`val/f1` > 0.9 and params.C = '1.0'" --order-by "metrics.`val/f1` desc"
      madang runs show 1f3a
      madang runs logs 1f3a -f
    """


@runs.command("list")
@click.option("-p", "--project", "projects", multiple=True, help="Only this project. Repeatable. Default: all.")
@click.option(
    "-f", "--filter", "where", default="", metavar="TEXT", help="Such as: metrics.f1 > 0.9 and status = 'failed'."
)
@click.option("-o", "--order-by", "order", multiple=True, metavar="FIELD [asc|desc]", help="Sort. Repeatable.")
@click.option(
    "-c", "--columns", default="", metavar="A,B,...", help="Such as: name,params.C,metrics.f1,min(metrics.loss)."
)
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--text", default="", help="Search names, ids, notes and tags.")
@click.option("--cursor", default="", help="Go on where the page before ended (`next` of --json).")
@click.option("--data", metavar="PATH[=VERSION]", default="", help="Only runs that read this tracked path or artifact.")
@click.option("--deleted", is_flag=True, help="Deleted runs instead.")
@output.json_option
def list_runs(
    projects: tuple[str, ...],
    where: str,
    order: tuple[str, ...],
    columns: str,
    limit: int,
    text: str,
    cursor: str,
    data: str,
    deleted: bool,
    as_json: bool,
) -> None:
    """List runs, newest first.

    \b
    Examples:
      madang runs list --project wine --order-by "metrics.log_loss asc"
      madang runs list --filter "params.C in (1, 10) or tags.baseline is not null" --json
      madang runs list --columns "name,params.C,metrics.accuracy"
      madang runs list --data data/train.csv
    """
    from dataclasses import replace

    from madang.cli.run_table import parse_columns, print_runs
    from madang.domain.query import AllOf, RunQuery

    fields = parse_columns(columns)
    query = RunQuery(
        projects or None,
        *_parsed(where, order),
        limit,
        cursor,
        "deleted" if deleted else "active",
        text,
    )
    with records.opened_reader() as reader:
        if data:
            from madang.cli.data_uses import condition

            query = replace(query, where=AllOf((query.where, condition(reader, data))))
        page = reader.runs(query)
        if any(field.scope == "data" for field in fields):  # what a run read is not in the short form of it
            page.runs[:] = [reader.run(run.id) for run in page.runs]
        if projects and not page.runs:
            known = [project.name for project in reader.projects()]
            _tell_unknown(reader.place, "project", projects, known)
        if as_json:
            output.data({"runs": [records.run_json(run) for run in page.runs], "next": page.next, "total": page.total})
            return
        if not page.runs:
            output.note("No run fits." if where or text or projects or data else f"No runs in {reader.place}.")
            return
        print_runs(page.runs, fields, [one.field for one in query.order], _METRICS_SHOWN)
        if page.next:
            output.note(f"{len(page.runs)} of {page.total} runs; more with --limit.")


def _parsed(where: str, order: tuple[str, ...]) -> tuple[Condition, tuple[Order, ...]]:
    """What is asked for. The filter language is loaded only where it is spoken."""
    if not where and not order:
        from madang.domain.query import AllOf

        return AllOf(()), ()
    from madang.formats.filter import parse_filter, parse_order

    return parse_filter(where), tuple(parse_order(one) for one in order)


@runs.command()
@click.argument("run")
@output.json_option
def show(run: str, as_json: bool) -> None:
    """Show everything that is known of a run: its id, a unique beginning of it, or its name.

    \b
    Examples:
      madang runs show 1f3a
      madang runs show brave-owl-3 --json
    """
    from madang.cli.run_page import print_run

    with records.opened_reader() as reader:
        found = reader.run(run)
        if as_json:
            output.data(records.run_json(found, whole=True))
        else:
            print_run(found, reader)


@runs.command()
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@click.option("-n", "--tail", default=0, type=click.IntRange(0), help="Only the last lines. 0: all.")
@output.json_option
def logs(run: str, follow: bool, tail: int, as_json: bool) -> None:
    """Print a run's console output; what it wrote to standard error goes to standard error.

    \b
    Examples:
      madang runs logs 1f3a
      madang runs logs 1f3a -f --tail 20
    """
    import time

    with records.opened_reader() as reader:
        found = reader.run(run)
        after, first = 0, True
        while True:
            ended = reader.run(found.id).status != "running"
            while True:
                page = reader.console(found.id, after, tail if first and tail else 1000, tail=bool(first and tail))
                first = False
                for line in page.lines:
                    _print_line(line, as_json)
                if not page.lines or page.lines[-1].n >= page.last:
                    after = page.lines[-1].n if page.lines else after
                    break
                after = page.lines[-1].n
            if not follow or ended:
                return
            time.sleep(0.5)


def _print_line(line: Any, as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps({"n": line.n, "stream": line.stream, "time": line.time, "text": line.text}))
    else:
        # a record may come from a stranger: only tabs may move the cursor
        click.echo("\t".join(map(output.printable, line.text.split("\t"))), err=line.stream == "err")


@runs.command()
@click.argument("run")
@click.option("-k", "--key", "keys", multiple=True, help="Only this metric. Repeatable. Default: all but system/….")
@click.option("-s", "--samples", default=0, type=click.IntRange(0), help="Thin each series to about so many points.")
@click.option("--from-step", type=int, default=None, help="From this step on.")
@click.option("--to-step", type=int, default=None, help="Up to this step.")
@output.json_option
def history(
    run: str, keys: tuple[str, ...], samples: int, from_step: int | None, to_step: int | None, as_json: bool
) -> None:
    """Print the metrics of a run over its steps, as tab-separated columns.

    \b
    Examples:
      madang runs history 1f3a --key loss --key val/f1
      madang runs history 1f3a --samples 100 --json
    """
    with records.opened_reader() as reader:
        found = reader.run(run)
        wanted = list(keys) or [key for key in sorted(found.metrics) if not key.startswith("system/")]
        series = (
            reader.history([found.id], wanted, samples=samples or None, min_step=from_step, max_step=to_step)[found.id]
            if wanted
            else {}
        )
    have = [*found.metrics, *(key for key, item in series.items() if len(item.steps))]
    _tell_unknown(f"Run {found.id[:8]}", "metric", keys, have)
    if as_json:
        from madang.formats import native, wire

        body = {key: native.series(item, wire.json_value) for key, item in series.items()}
        output.data({"run": found.id, "series": records.plain_json(body)})
        return
    points = {key: dict(zip(item.steps, item.values, strict=True)) for key, item in series.items()}
    click.echo("\t".join(["step", *points]))
    for step in sorted(set().union(*points.values())) if points else []:
        cells = [values.get(step) for values in points.values()]
        click.echo("\t".join([str(step), *("" if cell is None else str(cell) for cell in cells)]))


@runs.command()
@click.argument("run_names", nargs=-1, required=True, metavar="RUN...")
@output.json_option
def delete(run_names: tuple[str, ...], as_json: bool) -> None:
    """Put runs aside. They are listed with --deleted, and `restore` brings them back; nothing is erased.

    \b
    Examples:
      madang runs delete 1f3a 77b0
    """
    from madang.domain.runs import RunChange

    _change(run_names, RunChange(deleted=True), "deleted", as_json)


@runs.command()
@click.argument("run_names", nargs=-1, required=True, metavar="RUN...")
@output.json_option
def restore(run_names: tuple[str, ...], as_json: bool) -> None:
    """Bring deleted runs back.

    \b
    Examples:
      madang runs restore 1f3a
    """
    from madang.domain.runs import RunChange

    _change(run_names, RunChange(deleted=False), "restored", as_json)


@runs.command()
@click.argument("run")
@click.argument("tags", nargs=-1, metavar="[TAG|KEY=TEXT]...")
@click.option("-r", "--remove", multiple=True, metavar="KEY", help="Take a tag away. Repeatable.")
@output.json_option
def tag(run: str, tags: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Set and remove tags of a run.

    \b
    Examples:
      madang runs tag 1f3a baseline team=vision
      madang runs tag 1f3a --remove baseline
    """
    from madang.domain.runs import RunChange
    from madang.errors import UsageError

    if not tags and not remove:
        raise UsageError("No tag was named.", hint="Write `madang runs tag RUN baseline` or `--remove baseline`.")
    wanted = {key: text for key, _, text in (one.partition("=") for one in tags)}
    if any(not key.strip() for key in (*wanted, *remove)):
        raise UsageError("A tag needs a name.")
    _change((run,), RunChange(tags=wanted, tags_removed=remove), "tagged", as_json)


@runs.command()
@click.argument("run")
@click.argument("text")
@output.json_option
def note(run: str, text: str, as_json: bool) -> None:
    """Write the notes of a run; they replace the old ones.

    \b
    Examples:
      madang runs note 1f3a "diverged after step 900: lower the learning rate"
    """
    from madang.domain.runs import RunChange

    _change((run,), RunChange(notes=text), "noted", as_json)


@runs.command()
@click.argument("run")
@click.argument("name")
@output.json_option
def rename(run: str, name: str, as_json: bool) -> None:
    """Give a run another name.

    \b
    Examples:
      madang runs rename 1f3a "final candidate"
    """
    from madang.domain.runs import RunChange
    from madang.errors import UsageError

    if not name.strip():
        raise UsageError("The name is empty.")
    _change((run,), RunChange(name=name), "renamed", as_json)


def _change(names: tuple[str, ...], change: RunChange, done: str, as_json: bool) -> None:
    with records.opened_reader() as reader:
        found = [_find(reader, name) for name in names]  # all are known before any is changed
        for run in found:
            _tell_unknown(f"Run {run.id[:8]}", "tag", change.tags_removed, run.tags)
        if change.tags_removed and not change.tags and not any(set(change.tags_removed) & {*run.tags} for run in found):
            done = "unchanged"
        changed = [reader.change(run.id, change) for run in found]
    if as_json:
        output.data({"runs": [records.run_json(run) for run in changed]})
        return
    for run in changed:
        click.echo(f"{done} {run.id[:8]} {output.printable(run.name)}")


def _tell_unknown(where: str, what: str, wanted: Iterable[str], known: Collection[str]) -> None:
    """Say which of the wanted names are not there, with the near ones: it may be a slip."""
    for name in wanted:
        if name in known:
            continue
        from difflib import get_close_matches

        near = ", ".join(repr(one) for one in get_close_matches(name, known, 3))
        output.note(f"{where} has no {what} {name!r}." + (f" Near it: {near}." if near else ""))


def _find(reader: Reader, name: str) -> RunRecord:
    return reader.run(name)
