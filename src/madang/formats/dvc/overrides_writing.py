"""Overrides of parameters as text in Hydra's grammar: `overrides.parse` reads the same again."""

from __future__ import annotations

import re
from typing import Any

from madang.formats.dvc.overrides import Override

_SIGNS = {"change": "", "add": "+", "force": "++", "delete": "~"}
_SPECIAL = re.compile(r"([\\()\[\]{}:=, \t])")
_BEFORE_QUOTE = re.compile(r"(\\*)('|\Z)")


def as_text(override: Override) -> str:
    """``KEY=VALUE`` with its sign, without the file."""
    sign = _SIGNS[override.how]
    return f"{sign}{override.key}={_value(override.value)}" if override.has_value else f"{sign}{override.key}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return f"[{','.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_key(key)}:{_value(item)}' for key, item in value.items())}}}"
    return _plain(value)


def _plain(value: Any) -> str:
    """A number, a truth or nothing."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _key(key: Any) -> str:
    return _SPECIAL.sub(r"\\\1", key) if isinstance(key, str) else _plain(key)


def _quoted(text: str) -> str:
    """In quotes, where a backslash counts in front of a quote only: it is doubled there, and at the end."""
    body = _BEFORE_QUOTE.sub(lambda run: run[1] * 2 + ("\\'" if run[2] else ""), text)
    return f"'{body}'"
