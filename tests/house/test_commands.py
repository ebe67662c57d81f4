"""Every command is documented as it is, and shows how to use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from madang.cli import reference
from madang.cli.main import COMMANDS, cli

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from _commands(found, f"{name} {sub}")


ALL = dict(_commands(cli, "madang"))


def test_reference_is_fresh() -> None:
    """docs/cli.md holds the help of every command as it is now: `python -m madang.cli.reference > docs/cli.md`."""
    assert DOCS.read_text(encoding="utf-8") == reference.text()


@pytest.mark.parametrize("name", [name for name in ALL if name != "madang"])
def test_help(name: str) -> None:
    """A command has a sentence of help and examples that begin with its own name; every option is explained."""
    command = ALL[name]
    assert command.help
    assert "Examples:" in command.help
    assert name in command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{name} {parameter.opts}"


def test_table_help() -> None:
    """The one-line help in the table of commands is a sentence."""
    for name, (_, line) in COMMANDS.items():
        assert line.endswith("."), name
        assert line[0].isupper(), name
