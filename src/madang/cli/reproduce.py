"""`madang reproduce`: the same run again, from its record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from madang.cli.repeating import Options
    from madang.cli.reproducing import Several

CODES = {"IDENTICAL": 0, "WITHIN TOLERANCE": 0, "DIFFERS": 1, "CANNOT": 2}


@click.command(epilog="Exit codes: 0 IDENTICAL or WITHIN TOLERANCE · 1 DIFFERS · 2 CANNOT, or an error.")
@click.argument("run")
@click.option("-y", "--yes", is_flag=True, help="Run what another user or machine has recorded, without being asked.")
@click.option(
    "--with-local", is_flag=True,
    help="Take files that were withheld (or are not in the record) from the original work tree as they are now.",
)  # fmt: skip
@click.option(
    "--env", "env", type=click.Choice(["auto", "rebuilt", "current"]), default="auto", show_default=True,
    help="Which packages: the present ones if they are as recorded, else rebuilt; always rebuilt from where they came; "
    "or the present ones whatever differs.",
)  # fmt: skip
@click.option("--times", default=1, show_default=True, type=click.IntRange(1, 100), help="Repeat it so many times.")
@click.option(
    "--ignore", "ignored", multiple=True, metavar="METRIC", help="Do not compare it, such as *_seconds. Repeatable."
)
@click.option("--rtol", type=click.FloatRange(0), help="Relative bound for all metrics, in the place of their own.")
@click.option("--atol", type=click.FloatRange(0), help="Absolute bound for all metrics, in the place of their own.")
@click.option("--keep", is_flag=True, help="Leave the work tree for a look.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON; the command's output is not shown.")
def reproduce(
    run: str, yes: bool, times: int, as_json: bool, ignored: tuple[str, ...], rtol: float | None, atol: float | None,
    **chosen: Any,
) -> int:  # fmt: skip
    """Repeat a run in a clean checkout and say whether it is the same again.

    Everything that is missing is listed before anything runs. Then: a work tree at the recorded commit with the
    recorded changes, the data that the run read, the recorded packages, the same command. Metrics and outputs are
    compared; docs/reproduction.md says how. The verdict is signed: `madang verify` checks it.

    \b
    Examples:
      madang reproduce 1f3a
      madang reproduce 1f3a --yes --json
      madang reproduce 1f3a --times 5          does it repeat itself at all?
      madang reproduce 1f3a --env rebuilt      can its packages still be had?
    """
    from madang.cli import verdict_page
    from madang.cli.repeating import Options
    from madang.errors import MadangError
    from madang.services.reproduce import Leniency

    options = Options(quiet=as_json, leniency=Leniency(ignored, rtol, atol), **chosen)
    try:
        several, of = _reproduce(run, yes, times, options)
    except MadangError as error:
        if as_json:
            output.data({"verdict": "CANNOT", "first_difference": None, "missing": [error.message], "run": None})
        output.error(error)
        return CODES["CANNOT"]
    if as_json:
        output.data(records.plain_json(_body(several, of, times)))
    else:
        verdict_page.print_verdict(several)
    return CODES[several.outcome.judgement.verdict]


def _reproduce(run: str, yes: bool, times: int, options: Options) -> tuple[Several, str]:
    import os

    from madang.cli import reproducing

    with records.opened_reader() as reader:
        found = reader.run(run)
        if reproducing.is_foreign(found, dict(os.environ)) and not yes:
            reproducing.describe(found, output.note)
            ask()
        say = _silent if options.quiet else output.note
        return reproducing.reproduce_times(reader, found, times, options, say), found.id


def _body(several: Several, of: str, times: int) -> dict[str, Any]:
    outcome = several.outcome
    judgement = outcome.judgement
    return {
        "verdict": judgement.verdict,
        "first_difference": _json(judgement.first_difference),
        "missing": judgement.missing,
        "run": outcome.run or None,
        "of": of,
        "differences": [_json(one) for one in judgement.differences],
        "compared": judgement.compared,
        "not_compared": judgement.not_compared,
        "environment": outcome.chosen.differences,
        "notes": outcome.notes,
        "worktree": outcome.kept or None,
        "runs": [one.run for one in several.outcomes],
        "repeats_itself": None if times == 1 else several.repeats_itself,
        "unsteady": several.unsteady,
        "spread": _spreads(several),
    }


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
            "interval": one.interval,
            "is_chance": one.is_chance,
            "is_inside": one.is_inside,
        }
        for key, one in several.spreads.items()
    }
