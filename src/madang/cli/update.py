"""`madang update`: bring imports to the newest state of their sources."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, meter, relative, repository, tell_git
from madang.errors import InvalidInput


@click.command(cls=PlainCommand)
@click.argument("targets", nargs=-1, required=True, type=click.Path())
@click.option("--rev", help="Take this commit, branch or tag of the source from now on.")
@click.option("-R", "--recursive", is_flag=True, help="A folder means all imports in it.")
@click.option("--no-download", is_flag=True, help="Change the records only; bring no data.")
@click.option("--to-remote", is_flag=True, help="Bring the data straight into a remote.")
@click.option("-r", "--remote", help="The remote for --to-remote; otherwise the default one.")
@click.option("-f", "--force", is_flag=True, help="Replace changed files too; madang undo brings them back.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Objects fetched at once.")
@output.quiet_option
@click.option("--json", "as_json", is_flag=True, help="Print what was updated as JSON.")
def update(
    targets: tuple[str, ...], rev: str | None, recursive: bool, no_download: bool, to_remote: bool,
    remote: str | None, force: bool, jobs: int | None, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Bring imported data, and its record, to the newest state of where it comes from.

    \b
    Examples:
      madang update data.xml.dvc
      madang update images.dvc --rev v3.0
      madang update -R data --no-download
    """
    from madang.cli.import_ import shown
    from madang.wiring_data import open_remote
    from madang.workspace.data.imports.importing import How
    from madang.workspace.data.imports.importing import update as bring
    from madang.workspace.data.imports.to_remote import update_to_remote
    from madang.workspace.data.records.outs import chosen

    if to_remote and no_download:
        raise InvalidInput("--to-remote and --no-download exclude each other.")
    if remote and not to_remote:
        raise InvalidInput("--remote needs --to-remote.")
    how = How(download=not no_download, force=force, jobs=jobs)
    with repository() as repo:
        stages = list({one.stage.file: one.stage for one in chosen(repo, targets, recursive=recursive)}.values())
        if recursive:
            stages = [stage for stage in stages if stage.is_import] or stages
        if to_remote:
            done = update_to_remote(repo, stages, open_remote, remote=remote, meter=meter(quiet or as_json))
        else:
            done = bring(repo, stages, open_remote, revision=rev, how=how, meter=meter(quiet or as_json))
        for one in done:
            if one.kept and not quiet:
                output.note(f"What was there is kept in {relative(one.kept)}; madang undo brings it back.")
            if not as_json and not quiet:
                click.echo(f"{relative(one.dvc_file)} {'was updated' if one.is_changed else 'is up to date'}")
        if as_json:
            output.data([shown(one) for one in done])
        tell_git(repo, [path for one in done for path in one.git_files], quiet)
