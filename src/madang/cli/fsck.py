"""`madang fsck`: is everything there, and is it what it says it is?"""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand
from madang.errors import InvalidInput


@click.command(cls=PlainCommand)
@click.option("--read-data", is_flag=True, help="Read and hash every object.")
@click.option("--read-data-subset", "subset", metavar="PART", default="", help="Read some: 5% at random, or 3/10.")
@click.option("-c", "--cloud", is_flag=True, help="Check the remote as well.")
@click.option("-r", "--remote", help="The remote of --cloud and --repair; otherwise the default one.")
@click.option("--repair", is_flag=True, help="Bring good bytes from the workspace or the remote; set wrong ones aside.")
@click.option("--why", metavar="OBJECT|PATH", help="Say who needs an object, and what breaks if it goes.")
@click.option("--ignore-runs", is_flag=True, help="Do not ask recorded runs what they need.")
@click.option("--store", metavar="DIR", help="Check a hub's folder, or a store of runs, instead of data.")
@click.option("--database", envvar="MADANG_HUB_DATABASE", metavar="URL", help="Of a hub that keeps its records there.")
@click.option("--blobs", envvar="MADANG_HUB_BLOBS", metavar="URL", help="Of a hub that keeps its blobs there.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing; the exit code tells.")
@output.json_option
def fsck(
    read_data: bool,
    subset: str,
    cloud: bool,
    remote: str | None,
    repair: bool,
    why: str | None,
    ignore_runs: bool,
    store: str | None,
    database: str | None,
    blobs: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Check the cache, the records of data and what is remembered of files; with --cloud a remote, with --store a hub.

    Without --read-data names, sizes, modes and folder listings are checked; with it, every byte. The exit code is 1
    when something is wrong and was not repaired. Nothing is ever deleted: --repair moves wrong objects to
    .dvc/tmp/madang/damaged.

    \b
    Examples:
      madang fsck
      madang fsck --read-data-subset 5% --cloud
      madang fsck --read-data --repair -r backup
      madang fsck --why data/train.csv
      madang fsck --store /srv/madang --read-data
    """
    if read_data and subset:
        raise InvalidInput("--read-data and --read-data-subset exclude each other.")
    part = "100%" if read_data else subset
    if store:
        if repair or cloud or remote or why:
            raise InvalidInput("--store is checked alone.", hint="Leave out --repair, --cloud, --remote and --why.")
        from madang.cli.fsck_store import check_store

        return check_store(store, database or "", blobs or "", part, quiet=quiet, as_json=as_json)
    if why:
        from madang.cli.fsck_why import explain

        return explain(why, runs=not ignore_runs, as_json=as_json)
    from madang.cli.fsck_data import check_data

    return check_data(
        part,
        remote=remote,
        cloud=cloud or (remote is not None and not repair),
        repair=repair,
        runs=not ignore_runs,
        quiet=quiet,
        as_json=as_json,
    )
