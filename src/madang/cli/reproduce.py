"""`madang reproduce`: the same run again, from its record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from madang.cli.reproducing import Outcome, Several
    from madang.domain.reproduce import Judgement
    from madang.workspace.environments.choosing import Mode

CODES = {"IDENTICAL": 0, "WITHIN TOLERANCE": 0, "DIFFERS": 1, "CANNOT": 2}
_COLOURS = {"IDENTICAL": "green", "WITHIN TOLERANCE": "green", "DIFFERS": "red", "CANNOT": "yellow"}


@click.command(epilog="Exit codes: 0 IDENTICAL or WITHIN TOLERANCE · 1 DIFFERS · 2 CANNOT, or an error.")
@click.argument("run")
@click.option("-y", "--yes", is_flag=True, help="Run what another user or machine has recorded, without being asked.")
@click.option(
    "--with-local", is_flag=True,
    help="Take files that were withheld (or are not in the record) from the original work tree as they are now.",
)  # fmt: skip
@click.option(
    "--env", "environment", type=click.Choice(["auto", "rebuilt", "current"]), default="auto", show_default=True,
    help="Which packages: the present ones if they are as recorded, else rebuilt; always rebuilt from where they came; "
    "or the present ones whatever differs.",
)  # fmt: skip
@click.option("--times", default=1, show_default=True, type=click.IntRange(1, 100), help="Repeat it so many times.")
@click.option("--keep", is_flag=True, help="Leave the work tree for a look.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON; the command's output is not shown.")
def reproduce(run: str, yes: bool, with_local: bool, environment: Mode, times: int, keep: bool, as_json: bool) -> int:
    """Repeat a run in a clean checkout and say whether it is the same again.

    Everything that is missing is listed before anything runs. Then: a work tree at the recorded commit with the
    recorded changes, the data that the run read, the same command by the same interpreter. Metrics and outputs are
    compared; docs/formats/volatile.md says what is not.

    \b
    Examples:
      madang reproduce 1f3a
      madang reproduce 1f3a --yes --json
      madang reproduce 1f3a --times 5      does it repeat itself at all?
    """
    from madang.errors import MadangError

    try:
        return _reproduce(run, yes, with_local, environment, times, keep, as_json)
    except MadangError as error:
        if as_json:
            output.data({"verdict": "CANNOT", "first_difference": None, "missing": [error.message], "run": None})
        output.error(error)
        return CODES["CANNOT"]


def _reproduce(run: str, yes: bool, with_local: bool, environment: Mode, times: int, keep: bool, as_json: bool) -> int:
    import os

    from madang.cli import reproducing

    with records.opened_reader() as reader:
        found = reader.run(run)
        if reproducing.is_foreign(found, dict(os.environ)) and not yes:
            reproducing.describe(found, output.note)
            ask()
        options = reproducing.Options(with_local=with_local, keep=keep, quiet=as_json, env=environment)
        several = reproducing.reproduce_times(reader, found, times, options, _silent if as_json else output.note)
    outcome, judgement = several.outcomes[-1], several.judgement
    if as_json:
        output.data(
            records.plain_json(
                {
                    "verdict": judgement.verdict,
                    "first_difference": _json(judgement.first_difference),
                    "missing": judgement.missing,
                    "run": outcome.run or None,
                    "of": found.id,
                    "compared": judgement.compared,
                    "not_compared": judgement.not_compared,
                    "environment": outcome.environment,
                    "notes": outcome.notes,
                    "worktree": outcome.kept or None,
                    "runs": [one.run for one in several.outcomes if one.run],
                    "repeats_itself": None if times == 1 else not several.is_chance,
                    "spread": _spreads(several),
                }
            )
        )
    else:
        _print(outcome, judgement)
        _print_spreads(several)
    return CODES[judgement.verdict]


def _silent(text: str) -> None:
    """Nothing is said where a program reads."""


def ask() -> None:
    """Ask whether to run what somebody else has recorded. Raises `Refused` where nobody can be asked."""
    import sys

    from madang.errors import Refused

    if not sys.stdin.isatty():
        raise Refused("The run was made by somebody else, and nobody can be asked here.", hint="Allow it with --yes.")
    click.confirm("Run it?", abort=True, err=True)


def _json(difference: dict[str, Any] | None) -> Any:
    from madang.formats.wire import json_value

    return json_value(difference)


def _spreads(several: Several) -> Any:
    return {
        key: {
            "original": _json({"value": one.original})["value"],
            "repeated": _json({"values": one.repeated})["values"],
            "is_chance": one.is_chance,
            "is_inside": one.is_inside,
        }
        for key, one in several.spreads.items()
    }


def _print_spreads(several: Several) -> None:
    for key, one in several.spreads.items():
        values = ", ".join(records.number(value) for value in one.repeated)
        if not one.is_chance:
            text = "each time the same: a difference, not chance"
        elif one.is_inside:
            text = "not the same each time; the original lies among them: chance"
        else:
            text = "not the same each time, and the original lies outside: more than chance"
        click.echo(f"{key}: {records.number(one.original)} → {values} ({text})")


def _print(outcome: Outcome, judgement: Judgement) -> None:
    for line in outcome.notes:
        output.note(f"note: {line}")
    if outcome.environment:
        output.note(f"The environment differs from the record ({len(outcome.environment)}):")
        for line in outcome.environment[:10]:
            output.note(f"  {line}")
        if len(outcome.environment) > 10:
            output.note(f"  … and {len(outcome.environment) - 10} more (--json lists all)")
    detail = ""
    if judgement.missing:
        detail = f" (missing: {'; '.join(judgement.missing)})"
    elif judgement.first_difference:
        detail = f" ({_where(judgement.first_difference)})"
    word = judgement.verdict
    click.echo(click.style(word, fg=_COLOURS[word], bold=True) + detail if output.colours_wanted() else word + detail)
    if judgement.compared:
        click.echo("compared: " + ", ".join(f"{count} {what}" for what, count in judgement.compared.items()))
    if judgement.not_compared:
        click.echo("not compared: " + ", ".join(f"{count} {what}" for what, count in judgement.not_compared.items()))
    if outcome.run:
        click.echo(f"recorded as run {outcome.run[:8]}")
    if outcome.kept:
        click.echo(f"work tree: {outcome.kept}")


def _where(difference: dict[str, Any]) -> str:
    kind = difference.get("kind")
    if kind == "metric":
        return (
            f"first at {difference['key']}, step {difference['step']}: {difference['expected']} → {difference['found']}"
        )
    if kind == "output":
        found = difference["found"] or "missing"
        return f"{difference['path']}: {str(difference['expected'])[:20]} → {str(found)[:20]}"
    if kind == "code":
        return f"{', '.join(difference['paths'])}: {difference['note']}"
    name = difference.get("key", kind)
    return f"{name}: {difference.get('expected')} → {difference.get('found')}"
