"""Lines of output.log as clients send them."""

from __future__ import annotations

import re

from madang.errors import InvalidInput
from madang.formats.wandb.values import read_json

_STAMPED = re.compile(r"\[?(ERROR)?\s*\]?\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?) ?(.*)\Z", re.DOTALL)


def read_console(line: str) -> tuple[str, str]:
    """(text, `out` or `err`) of a line: a JSON object with ``content`` and ``level``, or text behind a time."""
    if line.startswith("{"):
        try:
            told = read_json(line)
        except InvalidInput:
            told = None
        if isinstance(told, dict) and isinstance(told.get("content"), str):
            return told["content"], "err" if told.get("level") == "error" else "out"
    found = _STAMPED.match(line)
    if found is None:
        return line, "out"
    return found[3], "err" if found[1] else "out"


def writer_of(line: str) -> str:
    """The label of the client that has printed a line, of several that write a run together."""
    if not line.startswith("{"):
        return ""
    try:
        told = read_json(line)
    except InvalidInput:
        return ""
    label = told.get("label") if isinstance(told, dict) else None
    return label if isinstance(label, str) else ""
