"""Commands that dvc has and madang has not, each with another way."""

from __future__ import annotations

from typing import NoReturn

import click

from madang.cli.data_command import DataCommand
from madang.errors import Incompatible

OTHER_WAYS = {
    "daemon": "madang leaves no process behind to check for updates.",
    "import-db": "Save the answer of the query to a file, then madang add it.",
    "test-db": "Ask the database with its own program.",
    "studio": "madang login keeps the token of a hub; madang ui shows this workspace.",
}


def command(name: str) -> click.Command | None:
    """A command that says what to do instead; None when dvc has no such command either."""
    hint = OTHER_WAYS.get(name)
    if hint is None:
        return None

    def refuse(**_: object) -> NoReturn:
        raise Incompatible(f"madang has no {name}.", hint=hint)

    anything = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True, "help_option_names": list[str]()}
    return DataCommand(name, context_settings=settings, callback=refuse, params=[anything], hidden=True)
