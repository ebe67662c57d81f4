"""Pages of lists that are at hand whole; a cursor says how many items came before the one after it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from madang.errors import InvalidInput

USUAL = 50
MOST = 10_000  # items of a page


def size_of(first: int | None, usual: int = USUAL) -> int:
    """How many items a page has."""
    return usual if first is None or first < 1 else min(first, MOST)


def offset_of(cursor: str | None) -> int:
    """How many items came before a page.

    Raises:
        InvalidInput: it is no cursor of ours.
    """
    if not cursor:
        return 0
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    if not (text.isdigit() and len(text) < 16):
        raise InvalidInput("The cursor does not belong to this list.")
    return int(text)


def cursor_for(offset: int) -> str:
    """The cursor of the page that begins after so many items."""
    return base64.b64encode(b"%d" % offset).decode()


def page(items: Sequence[Any], given: dict[str, Any], usual: int = USUAL) -> dict[str, Any]:
    """The connection for a page of items, by the arguments ``first`` and ``after``."""
    start = offset_of(given.get("after"))
    part = items[start : start + size_of(given.get("first"), usual)]
    edges = [{"node": item, "cursor": cursor_for(start + place)} for place, item in enumerate(part, 1)]
    return connection(edges, start + len(part) < len(items), len(items))


def connection(edges: list[dict[str, Any]], goes_on: bool, total: int) -> dict[str, Any]:
    """Edges as GraphQL has them; the last one's cursor leads on."""
    end = edges[-1]["cursor"] if edges else None
    return {"totalCount": total, "edges": edges, "pageInfo": {"endCursor": end, "hasNextPage": goes_on}}
