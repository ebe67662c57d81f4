"""The verdict of a reproduction on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from madang.cli.repeating import Outcome
    from madang.cli.reproducing import Several
    from madang.domain.reproduce import Judgement

_COLOURS = {"IDENTICAL": "green", "WITHIN TOLERANCE": "green", "DIFFERS": "red", "CANNOT": "yellow"}
_MANY = 10


def print_verdict(several: Several) -> None:
    """Print the verdict, why it is so, and what was and was not compared."""
    outcome = several.outcome
    _print_environment(outcome)
    _print_judgement(outcome.judgement)
    _print_spreads(several)
    if outcome.run:
        click.echo(f"recorded as run {outcome.run[:8]}")
    if outcome.kept:
        click.echo(f"work tree: {outcome.kept}")


def _print_environment(outcome: Outcome) -> None:
    for line in outcome.notes:
        output.note(f"note: {line}")
    if outcome.chosen.differences:
        output.note(f"The environment differs from the record ({len(outcome.chosen.differences)}):")
        _listed(outcome.chosen.differences, output.note)


def _print_judgement(judgement: Judgement) -> None:
    detail = ""
    if judgement.missing:
        detail = f" (missing: {'; '.join(judgement.missing)})"
    elif judgement.first_difference:
        at = "first at " if judgement.first_difference.get("kind") == "metric" else ""
        detail = f" ({at}{_where(judgement.first_difference)})"
    word = judgement.verdict
    click.echo(click.style(word, fg=_COLOURS[word], bold=True) + detail if output.colours_wanted() else word + detail)
    _listed([_where(one) for one in judgement.differences if one != judgement.first_difference], click.echo)
    _print_counts("compared", judgement.compared)
    _print_counts("not compared", judgement.not_compared)


def _print_counts(name: str, counts: Mapping[str, Any]) -> None:
    if counts:
        click.echo(f"{name}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))


def _listed(lines: Sequence[str], say: Callable[[str], object]) -> None:
    for line in lines[:_MANY]:
        say(f"  {line}")
    if len(lines) > _MANY:
        say(f"  … and {len(lines) - _MANY} more (--json lists all)")


def _print_spreads(several: Several) -> None:
    for key, one in several.spreads.items():
        values = ", ".join(records.number(value) for value in one.repeated)
        if not one.is_chance:
            text = "each time the same: a difference, not chance"
        elif one.is_inside:
            text = "not the same each time, and the original lies among them: chance"
        else:
            text = "not the same each time, and the original lies outside: more than chance"
        click.echo(f"{key}: {records.number(one.original)} → {values} ({text})")
    if several.unsteady:
        click.echo(f"The run does not repeat itself: {', '.join(several.unsteady[:20])}")


def _where(difference: dict[str, Any]) -> str:
    kind = difference.get("kind")
    if kind == "metric":
        return f"{difference['key']}, step {difference['step']}: {difference['expected']} → {difference['found']}"
    if kind == "output":
        found = difference["found"] or "missing"
        return f"{difference['path']}: {str(difference['expected'])[:20]} → {str(found)[:20]}"
    if kind == "code":
        return f"{', '.join(difference['paths'])}: {difference['note']}"
    name = difference.get("key", kind)
    return f"{name}: {difference.get('expected')} → {difference.get('found')}"
