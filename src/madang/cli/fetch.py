"""`madang fetch`: bring data from a remote into the cache."""

from __future__ import annotations

from typing import Any

import click

from madang.cli.data_command import TransferCommand, repository
from madang.cli.transferring import Asked, finish, gathered, moved, transfer_options


@click.command(cls=TransferCommand)
@transfer_options("fetched")
@click.option("--max-size", type=click.IntRange(1), metavar="BYTES", help="Only data below this size.")
@click.option(
    "--type", "kinds", type=click.Choice(["metrics", "plots"]), multiple=True, help="Only outputs of this kind."
)
def fetch(max_size: int | None, kinds: tuple[str, ...], **given: Any) -> None:
    """Bring tracked data from a remote into the cache; the workspace stays as it is.

    \b
    Examples:
      madang fetch
      madang fetch data/train.csv -r backup
      madang fetch --all-branches
    """
    asked = Asked(**given)
    with repository() as repo:
        found = gathered(repo, asked)
        found.targets = [
            target
            for target in found.targets
            if (not kinds or f"{target.out.entry.kind}s" in kinds)
            and (max_size is None or target.out.size is None or target.out.size < max_size)
        ]
        finish(moved(repo, found, asked, pushing=False), asked, "fetch", "fetched")
