"""`madang completion`: the script that makes a shell complete commands and options."""

from __future__ import annotations

import click

_FILES = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/completions/madang.fish"}


@click.command()
@click.argument("shell", required=False, type=click.Choice(sorted(_FILES)))
@click.option(
    "-s", "--shell", "named", default="bash", type=click.Choice(sorted(_FILES)), help="The same, as dvc has it."
)
def completion(shell: str | None, named: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      madang completion bash >> ~/.bashrc
      madang completion zsh >> ~/.zshrc
      madang completion fish > ~/.config/fish/completions/madang.fish
    """
    from click.shell_completion import get_completion_class

    from madang.cli.main import cli

    kind = get_completion_class(shell or named)
    assert kind is not None
    made = kind(cli, {}, "madang", "_MADANG_COMPLETE")
    # click asks the shell for its version while it makes bash's script; only the text is wanted here
    click.echo(made.source_template % made.source_vars())
