"""`madang push`: send data to a remote."""

from __future__ import annotations

from typing import Any

import click

from madang.cli.data_command import TransferCommand, repository
from madang.cli.transferring import Asked, finish, gathered, moved, transfer_options


@click.command(cls=TransferCommand)
@transfer_options("sent")
@click.option("--glob", "use_glob", is_flag=True, help="Targets are patterns: 'images/**/*.dvc'.")
def push(use_glob: bool, **given: Any) -> None:
    """Send tracked data from the cache to a remote; only what it lacks.

    \b
    Examples:
      madang push
      madang push data/train.csv -r backup
      madang push --all-tags
    """
    asked = Asked(**{**given, "targets": _expanded(given["targets"])} if use_glob else given)
    with repository() as repo:
        done = moved(repo, gathered(repo, asked), asked, pushing=True)
        finish(done, asked, "push", "pushed")


def _expanded(patterns: tuple[str, ...]) -> tuple[str, ...]:
    import glob

    from madang.errors import NotFound

    names: list[str] = []
    for pattern in patterns:
        found = sorted(glob.glob(pattern, recursive=True))
        if not found:
            raise NotFound(f"Nothing fits the pattern {pattern!r}.")
        names += found
    return tuple(dict.fromkeys(names))
