"""`madang cache`: where the cache lies, and objects of dvc 2 in it."""

from __future__ import annotations

import os

import click

from madang.cli import output
from madang.cli.data_command import (
    DataCommand,
    DataGroup,
    files,
    level_options,
    meter,
    relative,
    repository,
    warn_beyond_ascii,
)
from madang.errors import ConfigError


@click.group(cls=DataGroup)
def cache() -> None:
    """Manage the cache of data.

    \b
    Examples:
      madang cache dir /mnt/team/cache
      madang cache migrate --dvc-files
    """


@cache.command("dir", cls=DataCommand)
@click.argument("path", required=False, type=click.Path())
@click.option("-u", "--unset", is_flag=True, help="Use .dvc/cache again.")
@level_options
def dir_(path: str | None, unset: bool, level: str | None) -> None:
    """Show, set or unset the cache's folder. Objects that are in the old one stay there.

    \b
    Examples:
      madang cache dir
      madang cache dir --local /mnt/fast/cache
    """
    where = level or "project"
    if path is not None and unset:
        raise click.UsageError("Give a path, or --unset.")
    from madang.workspace.data.repo.repository import settings_around

    settings = settings_around(".", where)
    if path is not None:
        settings.write(where, [("cache", "dir", settings.stored_path(where, path, os.getcwd()))])
        warn_beyond_ascii(path)
    elif unset:
        settings.write(where, [("cache", "dir", None)])
    elif level is None:
        click.echo(settings.cache_dir(settings.dvc_dir))
    else:
        found = settings.level_value(level, "cache", "dir")
        if found is None:
            raise ConfigError(f"The {level} configuration does not set the cache's folder.")
        click.echo(found)


@cache.command(cls=DataCommand)
@click.option("--dvc-files", is_flag=True, help="Bring .dvc and dvc.lock files into the form of dvc 3 too.")
@click.option("--dry", is_flag=True, help="Only say what would be done.")
@output.quiet_option
@output.json_option
def migrate(dvc_files: bool, dry: bool, quiet: bool, as_json: bool) -> None:
    """Give objects of dvc 2 their names of dvc 3. The old ones stay, and take no more room than before.

    \b
    Examples:
      madang cache migrate --dry
      madang cache migrate --dvc-files
    """
    from madang.workspace.data.files import migrating

    with repository() as repo:
        if dry:
            done = migrating.waiting(repo, records=dvc_files)
        else:
            done = migrating.migrate(repo, records=dvc_files, meter=meter(quiet or as_json))
        records = [relative(path) for path in done.records]
    if as_json:
        output.data({"objects": done.objects, "records": records, "left": done.left, "damaged": done.damaged})
        return
    if done.damaged:
        output.note(f"{files(len(done.damaged))} were not what their names say and are set aside: {done.damaged[0]} …")
    if done.left:
        output.note(
            f"Left as they are, because their objects are not in the cache (fetch them): {', '.join(done.left)}"
        )
    if not quiet:
        click.echo(f"{files(done.objects)} {'would be' if dry else 'were'} migrated to the cache of dvc 3.")
        for record in records:
            click.echo(f"\t{record}")
