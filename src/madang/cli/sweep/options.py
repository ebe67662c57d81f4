"""What the commands of `madang sweep` share."""

from __future__ import annotations

import click

PROJECT = click.option(
    "-p", "--project", default="", help="The project; by default the config's, MADANG_PROJECT or the repository's name."
)
