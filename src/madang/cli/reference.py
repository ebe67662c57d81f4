"""docs/cli.md: the help of every command. `python -m madang.cli.reference > docs/cli.md` writes it; a test compares."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from madang.cli.main import cli

_HEAD = """\
# Commands

The help of every command, written by `python -m madang.cli.reference`. `madang COMMAND --help` prints the same.
"""


def text() -> str:
    """The whole page."""
    return _HEAD + "".join(_sections(cli, None, "madang"))


def _sections(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    settings = {**cli.context_settings, **command.context_settings}
    settings.pop("max_content_width", None)
    context = click.Context(
        command, parent, name.rpartition(" ")[2], terminal_width=100, max_content_width=100, **settings
    )
    level = "##" if name.count(" ") < 2 else "###"
    shown = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"\n{level} {name}\n\n```\n{shown}\n```\n"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            if found is not None and not found.hidden:
                yield from _sections(found, context, f"{name} {sub}")


if __name__ == "__main__":
    sys.stdout.write(text())
