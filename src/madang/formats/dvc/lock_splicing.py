"""Put one stage into the text of a ``dvc.lock`` without writing the rest of it anew.

The full way (`lockfile.updated`) reads and writes the whole file with a parser that keeps comments, which takes longer
than many a stage. Here only the lines of the one stage are exchanged, in a file of the plain part of YAML that dvc
writes. The result is read back: when it does not hold exactly what it should, the full way is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from madang.formats.dvc import lockfile, plainyaml, yamltext
from madang.formats.dvc.plainyaml import NotPlain

_HEAD = "stages:\n"


def updated(text: str, where: str, name: str, entry: Mapping[str, Any], *, is_ours: bool = False) -> str:
    """The text with this stage; all else stays as it is. Errors and an empty text as in `lockfile.updated`.

    ``is_ours`` says that the text is the result of the call before: then only the new lines are read back.
    """
    return _spliced(text, name, entry, is_ours) or lockfile.updated(text, where, {name: entry})


def _spliced(text: str, name: str, entry: Mapping[str, Any], is_ours: bool) -> str:
    """The new text, or nothing when it has to be made the full way."""
    start = 0 if text.startswith(_HEAD) else text.find("\n" + _HEAD) + 1
    if not text.endswith("\n") or (start == 0 and not text.startswith(_HEAD)):
        return ""
    try:
        lines = _block(name, entry)
        if plainyaml.load(_HEAD + "".join(lines)) != {"stages": {name: entry}}:
            return ""
        before, after = _around(text, start + len(_HEAD), lines[0])
        result = before + "".join(lines) + after
        if is_ours:
            return result
        value = plainyaml.load(text)
        value["stages"][name] = entry
        return result if plainyaml.load(result) == value else ""
    except (NotPlain, TypeError, KeyError):
        return ""


def _block(name: str, entry: Mapping[str, Any]) -> list[str]:
    whole = yamltext.dump({"stages": {name: entry}})
    return whole.splitlines(keepends=True)[1:]


def _around(text: str, start: int, key: str) -> tuple[str, str]:
    """What stands before and behind the lines of a stage, or behind the last stage when there is none of its name."""
    first = -1
    at = start
    while at < len(text):
        end = text.find("\n", at) + 1
        line = text[at:end]
        is_deeper = line.startswith("   ") or not line.strip()
        if not is_deeper and first >= 0:
            return text[:first], text[at:]
        if not line.startswith("  ") and line.strip():
            break  # another section
        if line == key:
            first = at
        at = end
    return (text[:first], text[at:]) if first >= 0 else (text[:at], text[at:])
