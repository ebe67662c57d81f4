"""`madang models`: the registry of models."""

from __future__ import annotations

import click

from madang.cli import output, records
from madang.cli.serve import probe, serve

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_PROJECT = click.option("-p", "--project", default="", help="The project, where several have the name.")


@click.group(cls=records.DefaultGroup)
def models() -> None:
    """Register, list and promote models. `madang models` alone lists them.

    \b
    Examples:
      madang models
      madang models register 1f3a model.skops --name wine-logreg
      madang models promote wine-logreg:v2 production --reason "lower log loss"
    """


models.add_command(serve)
models.add_command(probe)


@models.command("list")
@click.option("-p", "--project", default="", help="Only this project.")
@_JSON
def list_models(project: str, as_json: bool) -> None:
    """List models with their versions and stages.

    \b
    Examples:
      madang models list
      madang models list --project wine --json
    """
    with records.opened_reader() as reader:
        rows = reader.models(project or None)
    if as_json:
        output.data({"models": records.plain_json(rows)})
        return
    if not rows:
        output.note("No models yet. Register one: madang models register RUN PATH --name NAME")
        return
    table = [
        [
            row.name,
            row.project,
            str(row.versions),
            ", ".join(f"{alias} v{number}" for alias, number in sorted(row.aliases.items())),
            records.size(row.size),
            records.ago(row.updated_at),
        ]
        for row in rows
    ]
    output.table(["NAME", "PROJECT", "VERSIONS", "ALIASES", "SIZE", "UPDATED"], table, right=frozenset({2, 4}))


@models.command()
@click.argument("name")
@_PROJECT
@_JSON
def show(name: str, project: str, as_json: bool) -> None:
    """Show the versions of a model, or one version (NAME:v2, NAME@production) with its files.

    \b
    Examples:
      madang models show wine-logreg
      madang models show wine-logreg@production --json
    """
    from madang.cli.version_page import print_version, print_versions
    from madang.domain.versions import parse_ref

    parsed = parse_ref(name)
    with records.opened_reader() as reader:
        where = records.project_of(reader, parsed.name, project)
        if parsed.number is not None or ":" in name or "@" in name:
            version = reader.resolve(where, name)
            entries = reader.manifest(where, version.ref)
            if as_json:
                output.data({**records.version_json(version), "entries": records.plain_json(entries)})
            else:
                print_version(version, entries)
            return
        versions = reader.versions(where, parsed.name)
        changes = reader.pointer_history(where, parsed.name)
    if as_json:
        body = [records.version_json(version) for version in versions]
        output.data({"name": parsed.name, "project": where, "versions": body, "history": records.plain_json(changes)})
    else:
        print_versions(versions, changes)


@models.command()
@click.argument("run")
@click.argument("path")
@click.option("-n", "--name", required=True, help="The model's name.")
@click.option("-d", "--description", default="", help="What is worth knowing of this version.")
@click.option("-a", "--alias", "aliases", multiple=True, help="Point an alias at the new version. Repeatable.")
@_JSON
def register(run: str, path: str, name: str, description: str, aliases: tuple[str, ...], as_json: bool) -> None:
    """Make a version of a model of a file or folder that a run has kept.

    A single file is wrapped in the MLmodel layout by its format. The same content again is the same version.

    \b
    Examples:
      madang models register 1f3a model.skops --name wine-logreg
      madang models register 1f3a outputs/model --name resnet --alias candidate
    """
    from madang.cli.registering import register as make

    with records.opened_reader() as reader:
        version = make(reader, reader.run(run), path, name, description)
        for alias in aliases:
            reader.point(version.project, version.name, alias, version.number)
        version = reader.resolve(version.project, version.ref) if aliases else version
    if as_json:
        output.data(records.version_json(version))
    else:
        click.echo(f"{version.ref}  {version.files} files, {records.size(version.size)}, from run {version.run[:8]}")


@models.command()
@click.argument("version", metavar="NAME:VERSION")
@click.argument("stage", metavar="STAGE")
@click.option("-r", "--reason", default="", help="Why; it stays in the history.")
@_PROJECT
@_JSON
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
    _print_change(change, as_json)


@models.command()
@click.argument("version", metavar="NAME:VERSION")
@click.argument("name", metavar="ALIAS")
@click.option("--remove", is_flag=True, help="Take the alias away instead.")
@click.option("-r", "--reason", default="", help="Why; it stays in the history.")
@_PROJECT
@_JSON
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
    _print_change(change, as_json)


@models.command()
@click.argument("name")
@click.option("-s", "--stage", default="production", show_default=True, help="The stage or alias to move back.")
@click.option("-r", "--reason", default="", help="Why; it stays in the history.")
@_PROJECT
@_JSON
def rollback(name: str, stage: str, reason: str, project: str, as_json: bool) -> None:
    """Point a stage back at the version that it pointed at before.

    \b
    Examples:
      madang models rollback wine-logreg --reason "worse on Monday's data"
    """
    from madang.errors import Conflict

    with records.opened_reader() as reader:
        where = records.project_of(reader, name, project)
        now = reader.resolve(where, f"{name}@{stage}").number
        moves = [one for one in reader.pointer_history(where, name) if one.alias == stage.lower() and one.number == now]
        if not moves or moves[0].before is None:
            raise Conflict(f"{name}@{stage} pointed at nothing before v{now}.", hint="Promote a version by its number.")
        before = moves[0].before
        change = reader.point(where, name, stage, before, expected=now, reason=reason or f"rollback from v{now}")
    _print_change(change, as_json)


@models.command()
@click.argument("name")
@_PROJECT
@_JSON
def history(name: str, project: str, as_json: bool) -> None:
    """Show who moved which alias or stage of a model, when and why.

    \b
    Examples:
      madang models history wine-logreg
    """
    from madang.cli.version_page import print_changes

    with records.opened_reader() as reader:
        changes = reader.pointer_history(records.project_of(reader, name, project), name)
    if as_json:
        output.data({"changes": records.plain_json(changes)})
    else:
        print_changes(changes)


def _print_change(change: object, as_json: bool) -> None:
    from madang.cli.version_page import change_line

    if as_json:
        output.data(records.plain_json(change))
    else:
        click.echo(change_line(change))  # type: ignore[arg-type]
