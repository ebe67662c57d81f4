"""`madang models list`, `show` and `register`."""

from __future__ import annotations

import click

from madang.cli import output, records


@click.command("list")
@click.option("-p", "--project", default="", help="Only this project.")
@output.json_option
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


@click.command()
@click.argument("name")
@records.project_option
@output.json_option
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


@click.command()
@click.argument("run")
@click.argument("path")
@click.option("-n", "--name", required=True, help="The model's name.")
@click.option("-d", "--description", default="", help="What is worth knowing of this version.")
@click.option("-a", "--alias", "aliases", multiple=True, help="Point an alias at the new version. Repeatable.")
@output.json_option
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
