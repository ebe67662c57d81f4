"""`madang why`: what changed a metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from madang.cli.variants import Rerun
    from madang.domain.causes import Pair
    from madang.ports.reader import Reader
    from madang.services.comparing.differences import Explanation

_SHOWN = 8  # changes of a part


@click.command()
@click.argument("metric")
@click.argument("run", required=False)
@click.option(
    "--against", metavar="RUN", help="The run to compare with. Default: the best earlier one of this program."
)
@click.option(
    "--rerun", is_flag=True, help="Run both again, and mixed, until each part's share in the change is known."
)
@click.option("--times", default=2, show_default=True, type=click.IntRange(1, 20), help="Runs of each variant.")
@click.option("-y", "--yes", is_flag=True, help="With --rerun: run what another user or machine recorded, unasked.")
@click.option("-p", "--project", default="", help="Where RUN is not named: its latest run. Default: this folder's.")
@output.json_option
def why(
    metric: str, run: str | None, against: str | None, rerun: bool, times: int, yes: bool, project: str, as_json: bool
) -> None:
    """Say what changed a metric: code, data, params, environment, seed or hardware.

    Without --rerun the cause is named only when a single part differs. With it, variants that take some parts of one
    run and the others of the other are run, each recorded and never run twice, and every part gets its share.

    \b
    Examples:
      madang why val/f1
      madang why val/f1 1f3a --against 77b0
      madang why val/f1 1f3a --against 77b0 --rerun --json
    """
    import os

    from madang.domain.causes import Pair, close
    from madang.domain.shares import named
    from madang.services.comparing import differences
    from madang.services.comparing import why as service
    from madang.wiring import git

    with records.opened_reader() as reader:
        after = reader.run(run) if run else service.latest(reader, project or records.current_project(), metric)
        before = reader.run(against) if against else service.reference(reader, after, metric)
        before, after = records.captured(reader, before), records.captured(reader, after)
        pair = Pair(metric, before, after)
        values = [service.number_of(one, metric) for one in (before, after)]
        root = _root()
        found = differences.explain(before, after, reader, git(root) if root else None, metric)
        again: Rerun | None = None
        cause: Any = [] if close(*values) else found.by_elimination(values[1] - values[0])
        if rerun and not close(*values):
            from madang.cli.variants import rerun as measured

            _allow(reader, pair, yes, dict(os.environ))
            again = measured(reader, pair, found, times, _silent if as_json else output.note, quiet=as_json)
            cause = named(again.shares) if again.variants else found.by_elimination(values[1] - values[0])
            if again.variants:
                _remember(reader, pair, again, cause)
            for part, one in again.shares.shares.items():
                found.causes[part].share, found.causes[part].spread = one, again.shares.spreads.get(part)
    if as_json:
        output.data(_json(pair, values, found, again, cause))
    else:
        _print(pair, values, found, again, cause)


def _remember(reader: Reader, pair: Pair, again: Rerun, cause: str | list[str]) -> None:
    """Note the result on the run; for who may only read it stays here."""
    from madang.errors import AccessDenied
    from madang.services.comparing.explaining import Variant, remember

    variants = [Variant(sorted(mix), numbers) for mix, numbers in again.variants.items()]
    try:
        remember(reader, pair.after, pair.before, pair.metric, again.shares, cause, variants)
    except AccessDenied as error:
        again.notes.append(f"the result is not recorded: {error.message}")


def _root() -> str:
    from madang.formats.store import find_store

    return find_store().root


def _silent(text: str) -> None:
    """Nothing is said where a program reads."""


def _allow(reader: Reader, pair: Pair, yes: bool, env: dict[str, str]) -> None:
    """Ask before a stranger's command is run."""
    from madang.cli.reproduce import ask
    from madang.cli.reproducing import describe, is_foreign

    for one in (pair.before, pair.after):
        if is_foreign(one, env) and not yes:
            describe(one, output.note)
            ask()


def _json(pair: Pair, values: list[float], found: Explanation, again: Rerun | None, cause: Any) -> Any:
    from madang.services.comparing.explaining import ranked

    return {
        "metric": pair.metric,
        "run": pair.after.id,
        "against": pair.before.id,
        "values": {"before": values[0], "after": values[1]},
        "parts": [
            {
                "part": one.part,
                "changed": one.changed,
                "share": one.share,
                "spread": one.spread,
                "detail": [records.plain_json(change) for change in one.changes],
            }
            for one in ranked(found.causes.values())
        ],
        "cause": cause,
        "reason": again.shares.unknown if again else "",
        "variants": [
            {"from_run": sorted(mix), "values": numbers} for mix, numbers in (again.variants.items() if again else ())
        ],
        "notes": [*found.notes, *(again.notes if again else [])],
    }


def _print(pair: Pair, values: list[float], found: Explanation, again: Rerun | None, cause: Any) -> None:
    from madang.services.comparing.explaining import ranked

    one, other = (f"{run.id[:8]} {run.name}" for run in (pair.before, pair.after))
    click.echo(f"{pair.metric}: {records.number(values[0])} ({one}) → {records.number(values[1])} ({other})")
    for part in ranked(found.causes.values()):
        used = [change for change in part.changes if change.is_used]
        share = "" if part.share is None else f"  {part.share:.0%} of the change"
        click.echo(f"\n{part.part}: " + (f"{len(used)} changed{share}" if used else "the same"))
        for change in used[:_SHOWN]:
            click.echo(f"  {output.printable(change.what)}: {_shown(change.old)} → {_shown(change.new)}")
        if len(used) > _SHOWN:
            click.echo(f"  … and {len(used) - _SHOWN} more (--json lists all)")
        if rest := len(part.changes) - len(used):
            click.echo(f"  ({rest} more that neither run is known to have used)")
    for note in [*found.notes, *(again.notes if again else [])]:
        output.note(f"note: {note}")
    click.echo("\ncause: " + _cause(cause, again))


def _cause(cause: Any, again: Rerun | None) -> str:
    if cause == []:
        return "the metric did not change"
    if isinstance(cause, list):
        return ", ".join(cause)
    if again is None:
        hint = " (by elimination; --rerun measures it)" if cause in _parts() else " without running again: --rerun"
        return f"{cause}{hint}"
    return f"{cause}: {again.shares.unknown}" if again.shares.unknown else str(cause)


def _parts() -> tuple[str, ...]:
    from madang.domain.causes import PARTS

    return PARTS


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    text = records.number(value)
    return output.printable(text if len(text) <= 60 else text[:57] + "…")
