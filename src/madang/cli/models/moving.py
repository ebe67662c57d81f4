"""`madang models promote`, `alias` and `rollback`: moves of pointers."""

from __future__ import annotations

import click

from madang.cli import output, records
from madang.cli.models.options import REASON, print_change


@click.command()
@click.argument("version", metavar="NAME:VERSION")
@click.argument("stage", metavar="STAGE")
@REASON
@records.project_option
@output.json_option
def promote(version: str, stage: str, reason: str, project: str, as_json: bool) -> None:
    """Bring a version to staging, production or archived; `none` takes it out of its stage.

    \b
    Examples:
      madang models promote wine-logreg:v2 production --reason "lower log loss"
      madang models promote wine-logreg:v1 none
    """
    from madang.domain.versions import parse_ref

    with records.opened_reader() as reader:
        where = records.project_of(reader, parse_ref(version).name, project)
        change = reader.promote(where, version, stage, reason)
    print_change(change, as_json)


@click.command()
@click.argument("version", metavar="NAME:VERSION")
@click.argument("name", metavar="ALIAS")
@click.option("--remove", is_flag=True, help="Take the alias away instead.")
@REASON
@records.project_option
@output.json_option
def alias(version: str, name: str, remove: bool, reason: str, project: str, as_json: bool) -> None:
    """Point an alias of your own at a version.

    \b
    Examples:
      madang models alias wine-logreg:v3 champion
      madang models alias wine-logreg champion --remove
    """
    from madang.domain.versions import parse_ref

    parsed = parse_ref(version)
    with records.opened_reader() as reader:
        where = records.project_of(reader, parsed.name, project)
        number = None if remove else reader.resolve(where, version).number
        change = reader.point(where, parsed.name, name, number, reason=reason)
    print_change(change, as_json)


@click.command()
@click.argument("name")
@click.option("-s", "--stage", default="", help="The stage to move back.  [default: production]")
@click.option("-a", "--alias", default="", help="An alias of your own to move back instead.")
@REASON
@click.option("--dry", is_flag=True, help="Only tell where it would point.")
@records.project_option
@output.json_option
def rollback(name: str, stage: str, alias: str, reason: str, dry: bool, project: str, as_json: bool) -> None:
    """Point a stage or alias back at the version that it pointed at before, as a new entry of the history.

    Done again, it goes back one more. A protected stage goes back at once for its reviewers and for admins: the version
    has been there before.

    \b
    Examples:
      madang models rollback wine-logreg --reason "worse on Monday's data"
      madang models rollback wine-logreg --alias champion --dry
    """
    from madang.errors import UsageError

    if stage and alias:
        raise UsageError("Name a stage or an alias, not both.", hint="Two commands move two pointers.")
    with records.opened_reader() as reader:
        where = records.project_of(reader, name, project)
        change = reader.reviews.rollback(where, name, stage or alias or "production", reason, dry=dry)
    if dry and not as_json:
        output.note("Nothing was changed (--dry).")
    print_change(change, as_json)
