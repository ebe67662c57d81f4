"""Options by which commands of `exp` choose commits and experiments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def selection_options(what: str) -> Callable[[F], F]:
    """``--rev``, ``--num`` and ``--all-commits``; ``what`` is done with the experiments of these commits."""
    options = (
        click.option("--rev", multiple=True, metavar="COMMIT", help=f"{what} experiments of these commits."),
        click.option("-n", "--num", type=int, default=1, metavar="N", help="So many commits back; negative: all."),
        click.option("-A", "--all-commits", is_flag=True, help=f"{what} experiments of all commits."),
    )

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
