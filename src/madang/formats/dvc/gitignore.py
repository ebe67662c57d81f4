"""Lines of a ``.gitignore`` for tracked data: ``/name``, escaped as dvc escapes it."""

from __future__ import annotations

_SPECIAL = "\\[]!*#?"
_BREAKS = "\r\n"


def line_for(name: str) -> str:
    """The line that makes git ignore ``name`` in the folder of the ``.gitignore``.

    A line break can only be written as ``?``, which stands for any one character.
    """
    escaped = _escaped(name)
    bare = escaped.rstrip(" ")
    return "/" + bare + "\\ " * (len(escaped) - len(bare))


def _escaped(name: str) -> str:
    return "".join(f"\\{sign}" if sign in _SPECIAL else "?" if sign in _BREAKS else sign for sign in name)


def added(text: str, name: str) -> str:
    """The text with the line for ``name``; unchanged when it is there. A missing last line break is repaired."""
    line = line_for(name)
    if line in text.split("\n"):
        return text
    joint = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{joint}{line}\n"


def removed(text: str, name: str) -> str:
    """The text without the line for ``name``, also as dvc writes it: it leaves blanks at the end as they are."""
    lines = {line_for(name), f"/{_escaped(name)}"}
    kept = [part for part in text.split("\n") if part.removesuffix("\r") not in lines]
    return "\n".join(kept)
