"""Escape sequences of terminals: which of them move the cursor up, and what is left without the others."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_ESCAPE = re.compile(
    r"\x1b(?:\[(?P<count>\d*)(?P<up>[AF])"  # cursor up
    r"|\[[0-?]*[ -/]*[@-~]"  # any other control sequence
    r"|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)"  # a title or a link
    r"|[()][0-9A-Z]|[0-9=>@-Z\\^_a-z])"
)
_PARTIAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,256}\x1b?|[()])?\Z")


def moves(text: str, screen: Any) -> Iterator[str | int]:
    """Texts to write, and numbers of lines to go up; an unfinished sequence at the end is left in ``screen.held``."""
    text = text.replace("\b", "")
    tail = _PARTIAL.search(text)
    if tail:
        screen.held, text = text[tail.start() :], text[: tail.start()]
    start = 0
    plain: list[str] = []
    for found in _ESCAPE.finditer(text):
        plain.append(text[start : found.start()])
        start = found.end()
        if found["up"]:
            yield "".join(plain)
            plain = []
            yield min(int(found["count"] or 1), 1000)
            if found["up"] == "F":
                yield "\r"
    plain.append(text[start:])
    yield "".join(plain)


def strip(text: str) -> str:
    """The text without escape sequences."""
    return _ESCAPE.sub("", text)
