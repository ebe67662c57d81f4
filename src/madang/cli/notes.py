"""Options by which people say what data is: they are kept in its record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from madang.errors import InvalidInput

F = TypeVar("F", bound=Callable[..., Any])


def note_options(function: F) -> F:
    """``--desc``, ``--type``, ``--label`` and ``--meta``."""
    options = (
        click.option("--desc", help="Say what the data is."),
        click.option("--type", "kind", help="The type of the data: model, dataset …"),
        click.option("--label", "labels", multiple=True, help="A label. Repeatable."),
        click.option("--meta", "metas", multiple=True, metavar="KEY=VALUE", help="A note. Repeatable."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def extra(given: dict[str, Any]) -> dict[str, Any]:
    """These options as the keys of a record, in dvc's order; they are taken out of ``given``.

    Raises:
        InvalidInput: a note that is not KEY=VALUE.
    """
    meta = {}
    for text in given.pop("metas"):
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidInput(f"{text!r} is not of the form KEY=VALUE.")
        meta[key] = value
    found = {"desc": given.pop("desc"), "type": given.pop("kind"), "labels": list(given.pop("labels")), "meta": meta}
    return {key: value for key, value in found.items() if value}
