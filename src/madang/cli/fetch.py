"""`madang fetch`: bring data from a remote into the cache."""

from __future__ import annotations

from typing import Any

import click

from madang.cli.data_command import TransferCommand, repository
from madang.cli.transferring import Asked, finish, gathered, moved, transfer_options


@click.command(cls=TransferCommand)
@transfer_options("fetched")
def fetch(**given: Any) -> None:
    """Bring tracked data from a remote into the cache; the workspace stays as it is.

    \b
    Examples:
      madang fetch
      madang fetch data/train.csv -r backup
      madang fetch --all-branches
    """
    asked = Asked(**given)
    with repository() as repo:
        finish(moved(repo, gathered(repo, asked), asked, pushing=False), asked, "fetch", "fetched")
