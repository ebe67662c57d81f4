"""`madang models protect`, `request`, `approve`, `reject` and `reviews`: moves that somebody has to agree to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output, records
from madang.cli.models.options import REASON

if TYPE_CHECKING:
    from madang.domain.gates import Finding
    from madang.domain.reviews import Protection, Request
    from madang.ports.reader import Reader

_NUMBER = click.argument("number", type=click.IntRange(1), required=False)


@click.command()
@click.argument("name")
@click.argument("alias", metavar="STAGE")
@click.option("-R", "--reviewer", "reviewers", multiple=True, help="Somebody who may approve. Repeatable.")
@click.option("-n", "--approvals", type=click.IntRange(0), default=0, help="How many must.  [default: 1]")
@click.option("-g", "--gate", "gates", multiple=True, metavar="GATE", help="What a version must fulfil. Repeatable.")
@click.option("--own-requests", is_flag=True, help="Let reviewers approve what they have asked for themselves.")
@click.option("--off", is_flag=True, help="Lift the protection instead.")
@REASON
@records.project_option
@output.json_option
def protect(
    name: str,
    alias: str,
    reviewers: tuple[str, ...],
    approvals: int,
    gates: tuple[str, ...],
    own_requests: bool,
    off: bool,
    reason: str,
    project: str,
    as_json: bool,
) -> None:
    """Protect a stage or alias of a model: it moves only when reviewers agree and gates are fulfilled.

    \b
    A GATE is one of
      val/f1 >= 0.9                       a bound of a metric of the version's run
      val/f1 >= current + 0.01            against the version that is there now, with a margin (+, - or *)
      reproduced identical                a repetition of the run came to this verdict
      reproduced within tolerance signed  the same or a better one, signed by a trusted key (or: signed by sha256:…)

    Without reviewers the gates alone decide, also for clients of MLflow. On a hub reviewers are names of tokens, and
    setting a protection needs the level admin. In a store of one's own they are names as `git config user.name` has
    them (else the name of the user of this machine): a guard against mistakes, not against somebody who edits files.

    \b
    Examples:
      madang models protect wine-logreg production --reviewer kim --reviewer lee --approvals 2
      madang models protect wine-logreg production --gate "val/f1 >= current" --gate "reproduced within tolerance"
      madang models protect wine-logreg production --off
    """
    from madang.domain.reviews import Protection

    with records.opened_reader() as reader:
        where = records.project_of(reader, name, project)
        if off:
            reader.reviews.unprotect(where, name, alias, reason)
            output.note(f"{name}@{alias} is not protected any more.")
            return
        made = reader.reviews.protect(Protection(where, name, alias, reviewers, approvals, gates, own_requests))
    if as_json:
        output.data(records.plain_json(made))
    else:
        click.echo(f"{made.name}@{made.alias} is protected: {output.printable(made.summary)}")


@click.command()
@click.argument("version", metavar="NAME:VERSION")
@click.argument("alias", metavar="STAGE")
@REASON
@records.project_option
@output.json_option
def request(version: str, alias: str, reason: str, project: str, as_json: bool) -> None:
    """Ask for a protected stage or alias to point at a version. The same wish again is the same request.

    \b
    Examples:
      madang models request wine-logreg:v3 production --reason "better on May's data"
    """
    from madang.domain.versions import parse_ref

    with records.opened_reader() as reader:
        where = records.project_of(reader, parse_ref(version).name, project)
        made = reader.reviews.request(where, version, alias, reason)
        rules = reader.reviews.protections(where, made.name)
    _show(made, rules, as_json)


@click.command()
@click.argument("name")
@_NUMBER
@click.option("-m", "--comment", default="", help="What is to be kept with the approval.")
@records.project_option
@output.json_option
def approve(name: str, number: int | None, comment: str, project: str, as_json: bool) -> int:
    """Approve a request; without NUMBER the one that is pending. With the last approval the pointer moves.

    If it was moved by others since the request, the gates are looked at again, against what is there now. When they are
    not fulfilled the request stays pending, and the exit code is 1.

    \b
    Examples:
      madang models approve wine-logreg
      madang models approve wine-logreg 4 --comment "checked on the hold-out"
    """
    with records.opened_reader() as reader:
        where = records.project_of(reader, name, project)
        chosen = number or _only_pending(reader, where, name)
        made = reader.reviews.review(where, name, chosen, is_approval=True, comment=comment)
        rules = reader.reviews.protections(where, name)
    _show(made, rules, as_json)
    enough = any(rule.alias == made.alias and len(made.approvals(rule)) >= rule.approvals for rule in rules)
    return 1 if made.state == "pending" and enough else 0


@click.command()
@click.argument("name")
@_NUMBER
@click.option("-m", "--comment", default="", help="Why.")
@records.project_option
@output.json_option
def reject(name: str, number: int | None, comment: str, project: str, as_json: bool) -> None:
    """Turn a request down; without NUMBER the one that is pending. Who has asked takes it back in this way.

    \b
    Examples:
      madang models reject wine-logreg 4 --comment "leaks the label"
    """
    with records.opened_reader() as reader:
        where = records.project_of(reader, name, project)
        chosen = number or _only_pending(reader, where, name)
        made = reader.reviews.review(where, name, chosen, is_approval=False, comment=comment)
    _show(made, [], as_json)


@click.command()
@click.argument("name")
@click.option("--pending", is_flag=True, help="Only requests that are not decided.")
@records.project_option
@output.json_option
def reviews(name: str, pending: bool, project: str, as_json: bool) -> None:
    """Show which stages and aliases of a model are protected, and the requests to move them.

    \b
    Examples:
      madang models reviews wine-logreg
      madang models reviews wine-logreg --pending --json
    """
    with records.opened_reader() as reader:
        where = records.project_of(reader, name, project)
        rules, found = reader.reviews.protections(where, name), reader.reviews.requests(where, name)
    shown = [one for one in found if not pending or one.state == "pending"]
    if as_json:
        output.data({"protections": records.plain_json(rules), "requests": records.plain_json(shown)})
        return
    for rule in rules:
        click.echo(f"{rule.alias} is protected: {output.printable(rule.summary)}")
    if not rules:
        output.note(f"Nothing of {name} is protected. Protect it: madang models protect {name} production …")
    rows = [
        [
            str(one.number), one.state, one.alias, _version(one.before), _version(one.version), one.actor,
            records.ago(one.at), ", ".join(_said(one)), one.reason,
        ]
        for one in shown
    ]  # fmt: skip
    if rows:
        output.table(["NO", "STATE", "POINTER", "FROM", "TO", "ASKED BY", "AGE", "REVIEWS", "REASON"], rows)


def _only_pending(reader: Reader, project: str, name: str) -> int:
    from madang.errors import Conflict, NotFound

    pending = [one.number for one in reader.reviews.requests(project, name) if one.state == "pending"]
    if not pending:
        raise NotFound(f"No request about {name!r} is pending.", hint=f"madang models reviews {name}")
    if len(pending) > 1:
        numbers = ", ".join(map(str, sorted(pending)))
        raise Conflict(f"The requests {numbers} about {name!r} are pending.", hint="Name one by its number.")
    return pending[0]


def _show(made: Request, rules: list[Protection], as_json: bool) -> None:
    if as_json:
        output.data(records.plain_json(made))
        return
    move = f"{_version(made.before)} → {_version(made.version)}"
    click.echo(f"request {made.number}: {made.name}@{made.alias} {move}, {made.state}")
    for rule in rules:
        if rule.alias == made.alias and made.state == "pending":
            click.echo(f"  approved by {len(made.approvals(rule))} of {rule.approvals} ({', '.join(rule.reviewers)})")
    for one in made.findings:
        click.echo(f"  {_mark(one)} {output.printable(one.gate)}: {output.printable(one.detail)}")


def _mark(found: Finding) -> str:
    word = "✓" if found.passed else "✗"
    return click.style(word, fg="green" if found.passed else "red") if output.colours_wanted() else word


def _said(request: Request) -> list[str]:
    return [f"{'+' if one.is_approval else '-'}{one.actor}" for one in request.reviews]


def _version(number: int | None) -> str:
    return "–" if number is None else f"v{number}"
