"""What the commands of `madang models` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from madang.cli import output, records

if TYPE_CHECKING:
    from madang.domain.versions import PointerChange

REASON = click.option("-r", "--reason", default="", help="Why; it stays in the history.")


def print_change(change: PointerChange, as_json: bool) -> None:
    """One move of a pointer."""
    from madang.cli.version_page import change_line

    if as_json:
        output.data(records.plain_json(change))
    else:
        click.echo(change_line(change))
