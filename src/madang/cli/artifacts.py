"""`madang artifacts`: the versions that runs have written, and their files."""

from __future__ import annotations

import click

from madang.cli import output, records


@click.group(cls=records.DefaultGroup)
def artifacts() -> None:
    """List versions of data, models and files that runs have logged, and get their bytes.

    \b
    Examples:
      madang artifacts
      madang artifacts list wine-logreg
      madang artifacts get wine-logreg:v2 --to ./model
    """


@artifacts.command("list")
@click.argument("name", required=False, default="")
@click.option("-p", "--project", default="", help="Only this project.")
@click.option(
    "-t", "--type", "kind", default="", help="Only this type: dataset, model, table, code, environment, file."
)
@output.json_option
def list_artifacts(name: str, project: str, kind: str, as_json: bool) -> None:
    """List artifacts, or the versions of one.

    \b
    Examples:
      madang artifacts list --type dataset
      madang artifacts list wine-logreg --json
    """
    from madang.cli.version_page import print_versions

    with records.opened_reader() as reader:
        if name:
            versions = reader.versions(records.project_of(reader, name, project), name)
            if as_json:
                output.data({"versions": [records.version_json(version) for version in versions]})
            else:
                print_versions(versions)
            return
        names = [project] if project else [one.name for one in reader.projects()]
        rows = [row for one in names for row in reader.collections(one, kind or None)]
    if as_json:
        output.data({"collections": records.plain_json(rows)})
        return
    if not rows:
        output.note("No artifacts.")
        return
    table = [
        [row.name, row.type, row.project, str(row.versions), records.size(row.size), records.ago(row.updated_at)]
        for row in rows
    ]
    output.table(["NAME", "TYPE", "PROJECT", "VERSIONS", "SIZE", "UPDATED"], table, right=frozenset({3, 4}))


@artifacts.command()
@click.argument("ref", metavar="NAME[:VERSION]")
@records.project_option
@output.json_option
def show(ref: str, project: str, as_json: bool) -> None:
    """Show one version: where it comes from, what used it, and its files.

    \b
    Examples:
      madang artifacts show wine-logreg:v2
      madang artifacts show wine-logreg@production --json
    """
    from madang.cli.version_page import print_version
    from madang.domain.lineage import of_version
    from madang.domain.versions import parse_ref

    with records.opened_reader() as reader:
        where = records.project_of(reader, parse_ref(ref).name, project)
        version = reader.resolve(where, ref)
        entries = reader.manifest(where, version.ref)
        runs = records.all_runs(reader, where)
    lineage = of_version(version.ref, version.digest, [], runs)
    if as_json:
        body = {**records.version_json(version), "entries": records.plain_json(entries), "readers": lineage.readers}
        output.data(body)
    else:
        print_version(version, entries, lineage.readers)


@artifacts.command()
@click.argument("ref", metavar="NAME[:VERSION]")
@click.argument("path", required=False, default="")
@click.option(
    "-o", "--out", "--to", "target", default="", help="Where to write [default: ./NAME, or the file's own name]."
)
@click.option("-f", "--force", is_flag=True, help="Replace files that are there.")
@records.project_option
@output.json_option
def get(ref: str, path: str, target: str, force: bool, project: str, as_json: bool) -> None:
    """Write the files of a version, or one of them, into a folder. Every byte is checked.

    \b
    Examples:
      madang artifacts get wine-logreg:v2
      madang artifacts get wine-logreg@production model.skops --to best.skops
    """
    import os

    from madang.cli.fetching import write_files
    from madang.domain.versions import parse_ref
    from madang.errors import NotFound

    with records.opened_reader() as reader:
        name = parse_ref(ref).name
        where = records.project_of(reader, name, project)
        version = reader.resolve(where, ref)
        entries = reader.manifest(where, version.ref)
        if path:
            entries = [entry for entry in entries if entry.path == path]
            if not entries:
                raise NotFound(
                    f"{version.ref} has no file {path!r}.", hint=f"See `madang artifacts show {version.ref}`."
                )
            goal = target or os.path.basename(path)
            places = [(entries[0], goal)]
        else:
            goal = target or name.rpartition("/")[2]
            places = [(entry, os.path.join(goal, entry.path)) for entry in entries]
        written = write_files(reader, where, places, force=force)
    if as_json:
        output.data({"version": version.ref, "path": os.path.abspath(goal), "files": len(places), "bytes": written})
    else:
        click.echo(f"{version.ref} → {goal} ({len(places)} files, {records.size(written)})")
