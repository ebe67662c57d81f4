"""`madang push`: send data to a remote."""

from __future__ import annotations

from typing import Any

import click

from madang.cli.data_command import TransferCommand, repository
from madang.cli.transferring import Asked, expanded, finish, gathered, glob_option, moved, transfer_options


@click.command(cls=TransferCommand)
@transfer_options("sent")
@glob_option
def push(use_glob: bool, **given: Any) -> None:
    """Send tracked data from the cache to a remote; only what it lacks.

    \b
    Examples:
      madang push
      madang push data/train.csv -r backup
      madang push --all-tags
    """
    asked = Asked(**{**given, "targets": expanded(given["targets"])} if use_glob else given)
    with repository() as repo:
        done = moved(repo, gathered(repo, asked), asked, pushing=True)
        finish(done, asked, "push", "pushed")
