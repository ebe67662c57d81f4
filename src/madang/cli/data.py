"""`madang data`: what is known of tracked data."""

from __future__ import annotations

import click

from madang.cli.data_command import DvcUsage
from madang.cli.main import LazyGroup

# name → (module:attribute, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "status": ("madang.cli.data_status:status", "Show what changed since the last commit."),
    "uses": ("madang.cli.data_uses:uses", "Show which runs read some data, by version."),
}


class _DataTable(DvcUsage, LazyGroup):
    """The commands, imported on use."""


@click.group(cls=_DataTable, table=COMMANDS)
def data() -> None:
    """Show what is known of tracked data.

    \b
    Examples:
      madang data status --granular
      madang data uses data/train.csv
    """
