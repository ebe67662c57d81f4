"""A fast writer for the plain part of YAML that DVC's files consist of: block mappings and lists of simple scalars.

Anything else (texts that need quotes or folding, odd numbers, an object that stands twice) it does not write: it raises
`NotPlain`, and the caller takes ruamel. What it does write is what ruamel's round-trip writer makes of it, byte by
byte; a property test holds that.
"""

from __future__ import annotations

import re
from typing import Any

from madang.formats.dvc.plainvalues import NotPlain, is_text

_PLAIN = re.compile(r"[A-Za-z0-9_/$.](?:[!-\"$-9;-~]| (?=[!-\"$-9;-~]))*")  # no ':' nor '#', single blanks inside
_FLOAT = re.compile(r"-?[0-9]+\.[0-9]+")
_KEY, _LINE = 60, 76  # characters: nothing is folded, and no key becomes a complex one


def dump(value: Any) -> str:
    """Text of a mapping. Raises `NotPlain`: ask the full writer."""
    if type(value) is not dict or not value:
        raise NotPlain
    lines: list[str] = []
    _mapping(value, "", "", lines, set())
    return "\n".join(lines) + "\n"


def _mapping(value: dict[Any, Any], first: str, indent: str, lines: list[str], seen: set[int]) -> None:
    """Lines of a mapping; ``first`` stands before its first key, ``indent`` before the others."""
    _once(value, seen)
    for key, item in value.items():
        if type(key) is not str or len(key) > _KEY or not _is_plain(key):
            raise NotPlain
        _below(item, f"{first}{key}:", indent, indent + "  ", lines, seen)
        first = indent


def _below(item: Any, head: str, level: str, deeper: str, lines: list[str], seen: set[int]) -> None:
    if type(item) is dict and item:
        lines.append(head)
        _mapping(item, deeper, deeper, lines, seen)
    elif type(item) is list and item:
        lines.append(head)
        _list(item, level, lines, seen)
    elif item is None:
        lines.append(head)
    else:
        lines.append(_fitting(f"{head} {_scalar(item)}"))


def _list(items: list[Any], indent: str, lines: list[str], seen: set[int]) -> None:
    _once(items, seen)
    for item in items:
        if type(item) is dict and item:
            _mapping(item, f"{indent}- ", f"{indent}  ", lines, seen)
        else:
            lines.append(_fitting(f"{indent}- {_scalar(item)}"))


def _once(value: Any, seen: set[int]) -> None:
    """An object that stands twice becomes an alias."""
    if id(value) in seen:
        raise NotPlain
    seen.add(id(value))


def _fitting(line: str) -> str:
    if len(line) > _LINE:
        raise NotPlain
    return line


def _scalar(value: Any) -> str:
    kind = type(value)
    if kind is str and _is_plain(value):
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float and _FLOAT.fullmatch(repr(value)):
        return repr(value)
    if (kind is dict or kind is list) and not value:
        return "{}" if kind is dict else "[]"
    raise NotPlain


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and is_text(text) and not text.startswith("...")
