"""Pages of lists: the token says how many came before."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from madang.errors import InvalidInput

T = TypeVar("T")


def offset_of(token: str) -> int:
    """How many items came before a page."""
    if not token:
        return 0
    try:
        offset = json.loads(base64.b64decode(token, validate=True))["offset"]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        offset = -1
    if type(offset) is not int or offset < 0:
        raise InvalidInput("Invalid page token, could not base64-decode")
    return offset


def token_for(offset: int) -> str:
    """The token of the page that begins after ``offset`` items."""
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def limit_of(asked: int | None, usual: int, most: int) -> int:
    """How many models or versions a page holds. Raises `InvalidInput` in MLflow's words."""
    limit = usual if asked is None else asked
    if not 0 < limit <= most:
        said = "must be a positive integer" if limit < 1 else f"must be at most {most}"
        raise InvalidInput(f"Invalid value for request parameter max_results. It {said}, but got value {limit}")
    return limit


def page(items: Sequence[T], limit: int, token: str) -> tuple[Sequence[T], str]:
    """The items of a page, and the token of the next one."""
    start = offset_of(token)
    part = items[start : start + limit]
    return part, token_for(start + limit) if start + limit < len(items) else ""


def page_body(name: str, items: Sequence[Any], token: str) -> dict[str, Any]:
    """The answer that holds a page. What is empty is left out."""
    made: dict[str, Any] = {name: list(items)} if items else {}
    return {**made, "next_page_token": token} if token else made


def encoded_page(name: str, rows: Sequence[bytes], token: str) -> bytes:
    """The same of rows that are JSON already."""
    if not rows:
        return b"{}"
    more = b',"next_page_token":' + msgspec.json.encode(token) if token else b""
    return b'{"' + name.encode() + b'":[' + b",".join(rows) + b"]" + more + b"}"
