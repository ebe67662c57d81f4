"""Put stages into the text of a ``dvc.lock``: all else, the order of stages and all comments stay as they are.

What the tools write is laid out alike: one mapping of stages, each name at an indentation of two. In such a text only
the lines of the stages that changed are written anew. Any other text is read and written as a whole by a parser that
keeps comments, which takes longer than many a stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from madang.domain.values import mutable
from madang.errors import InvalidInput
from madang.formats.dvc import plainyaml, yamltext
from madang.formats.dvc.lockfile import SCHEMA
from madang.formats.dvc.plainyaml import NotPlain

_HEAD = "stages:\n"


@mutable
class _Layout:
    """A text of the plain kind in parts. They make up the text, and ``values`` is what they hold."""

    before: str = ""  # up to the line ``stages:``
    blocks: dict[str, str] = field(default_factory=dict)  # stage → its lines
    after: str = ""
    values: dict[str, Any] = field(default_factory=dict)  # stage → entry


class LockText:
    """One text that is changed time and again: it is taken apart once, however many stages are put into it."""

    def __init__(self, text: str, where: str) -> None:
        """``where`` names the file in messages. An empty text becomes a new file."""
        self.text = text
        self._where = where
        self._layout: _Layout | None = None

    def put(self, entries: Mapping[str, Mapping[str, Any]]) -> str:
        """Put stages in, or in the place of those of their names. Returns the new text.

        Raises:
            InvalidInput: the text is no dvc.lock.
        """
        layout = self._layout or _layout_of(self.text)
        try:
            changed = layout is not None and _put(layout, entries)
        except (NotPlain, TypeError):
            layout = None  # its parts may be half changed
        if layout is None:
            self.text = _rewritten(self.text, self._where, entries)
        elif changed:
            self.text = "".join((layout.before, *layout.blocks.values(), layout.after))
        self._layout = layout
        return self.text


def _put(layout: _Layout, entries: Mapping[str, Mapping[str, Any]]) -> bool:
    """Exchange the lines of stages; whether there was anything to exchange. Raises `NotPlain` for the full way."""
    changed = {name: entry for name, entry in entries.items() if repr(layout.values.get(name)) != repr(entry)}
    for name, entry in changed.items():
        if "#" in layout.blocks.get(name, ""):
            raise NotPlain  # perhaps a comment, and where it belongs is for the full way
        whole = yamltext.dump({"stages": {name: entry}})
        if plainyaml.load(whole) != {"stages": {name: entry}}:
            raise NotPlain
        layout.blocks[name] = whole.removeprefix(_HEAD)
        layout.values[name] = entry
    return bool(changed)


def _layout_of(text: str) -> _Layout | None:
    """The parts of a text; None when it is not of the plain kind."""
    lines = text.splitlines(keepends=True)
    if _HEAD not in lines or not text.endswith("\n"):
        return None
    start = lines.index(_HEAD) + 1
    found = _Layout("".join(lines[:start]))
    try:
        at, name = start, ""
        while at < len(lines) and lines[at].startswith("  "):
            line = lines[at]
            if line[2] != " ":
                ((name, value),) = plainyaml.load(line[2:]).items()
                if value is not None or "#" in line or name in found.blocks:
                    return None
            found.blocks[name] = found.blocks.get(name, "") + line
            at += 1
        found.after = "".join(lines[at:])
        found.values = plainyaml.load(text)["stages"]
    except (NotPlain, ValueError, TypeError, AttributeError):
        return None
    return found if found.blocks and found.values.keys() == found.blocks.keys() else None


def _rewritten(text: str, where: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    document = yamltext.load_for_update(text, where) if text.strip() else {"schema": SCHEMA}
    if not isinstance(document, dict):
        raise InvalidInput(f"{where} is no dvc.lock.")
    if document.get("stages") is None:
        document["stages"] = {}
    document["stages"].update(entries)
    return yamltext.dump(document)
