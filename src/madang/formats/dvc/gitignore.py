"""Lines of a ``.gitignore`` for tracked data: ``/name``, escaped as dvc escapes it."""

from __future__ import annotations

from madang.errors import InvalidInput

_SPECIAL = "\\[]!*#?"


def line_for(name: str) -> str:
    """The line that makes git ignore exactly ``name`` in the folder of the ``.gitignore``.

    Raises:
        InvalidInput: the name holds a line break, which no ``.gitignore`` can express.
    """
    if "\n" in name or "\r" in name:
        raise InvalidInput(
            f"git cannot ignore {name!r}: the name holds a line break.",
            hint="Rename it, or track the folder it lies in.",
        )
    escaped = "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in name)
    bare = escaped.rstrip(" ")
    return "/" + bare + "\\ " * (len(escaped) - len(bare))


def added(text: str, name: str) -> str:
    """The text with the line for ``name``; unchanged when it is there. A missing last line break is repaired."""
    line = line_for(name)
    if line in text.split("\n"):
        return text
    joint = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{joint}{line}\n"


def removed(text: str, name: str) -> str:
    """The text without the line for ``name``."""
    line = line_for(name)
    kept = [part for part in text.split("\n") if part.removesuffix("\r") != line]
    return "\n".join(kept)
