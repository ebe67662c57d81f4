"""`madang import`: of data as dvc has it, and below it one command for each tracker whose runs can be brought."""

from __future__ import annotations

import importlib
from typing import Any

import click

TRACKERS = {
    "mlflow": "madang.cli.import_mlflow:mlflow",
    "tensorboard": "madang.cli.import_tensorboard:tensorboard",
    "wandb": "madang.cli.import_wandb:wandb",
}
"""The word in the first place that means a tracker, and its command."""


class Trackers(click.Group):
    """A command of its own whose first argument may also be the name of a tracker; then that one's command runs."""

    def __init__(self, plain: click.Command) -> None:
        super().__init__(plain.name, help=plain.help)
        self.plain = plain

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the tracker's command, or of the plain one."""
        if args and args[0] in TRACKERS:
            return super().make_context(info_name, args, parent, **extra)
        return self.plain.make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The trackers."""
        return list(TRACKERS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a tracker."""
        if cmd_name not in TRACKERS:
            return None
        module, attribute = TRACKERS[cmd_name].split(":")
        found = getattr(importlib.import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found

    def get_help(self, ctx: click.Context) -> str:
        """The help of the plain command, which names the trackers."""
        return self.plain.get_help(ctx)
