"""The ids of views as W&B's client has them: they end the addresses of reports, there without ``=``."""

from __future__ import annotations

from madang.errors import InvalidInput
from madang.formats.wandb.ids import node_id, read_node_id

_KIND = "View"


def view_id(number: int) -> str:
    """The id on the wire."""
    return node_id(_KIND, str(number))


def number_of(text: str) -> int:
    """The number behind an id on the wire.

    Raises:
        InvalidInput: it is none.
    """
    digits = read_node_id(text, _KIND)[0]
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise InvalidInput(f"{text[:80]!r} is not the id of a view.")
    return int(digits)
