"""`meta.yaml` files of MLflow's file store: PyYAML's block style, nearly always one line a field.

Texts are read as they are written, whatever they look like: a name may be `1e3`, and each field knows what it is.
"""

from __future__ import annotations

import re
from typing import Any

from madang.errors import CorruptData

_LINE = re.compile(r"([A-Za-z_]\w*):(?: (.*))?\Z")
_NOT_PLAIN = frozenset('[{&*!|>%@`"#,?-]}')
_NOTHING = frozenset(("", "null", "Null", "NULL", "~"))


def load(text: str, where: str) -> dict[str, Any]:
    """The fields of a file; a value is a text, None, a list or another mapping. ``where`` names it in messages.

    Raises:
        CorruptData: it is no mapping.
    """
    plain = _plain(text)
    return _parsed(text, where) if plain is None else plain


def _plain(text: str) -> dict[str, Any] | None:
    """The fields when every line is one of them; None: a real parser is needed."""
    found: dict[str, Any] = {}
    for line in text.split("\n"):
        if not line:
            continue
        match = _LINE.match(line)
        if match is None:
            return None
        value = match[2] or ""
        if value in ("{}", "[]"):
            found[match[1]] = {} if value == "{}" else []
        elif value.startswith("'"):
            inner = value[1:-1]
            if len(value) < 2 or not value.endswith("'") or "'" in inner.replace("''", ""):
                return None
            found[match[1]] = inner.replace("''", "'")
        elif (
            (value[:1] in _NOT_PLAIN and not value.lstrip("-").isdigit())
            or ": " in value
            or " #" in value
            or value.endswith(":")
            or value != value.strip()
            or not value
        ):
            return None
        else:
            found[match[1]] = None if value in _NOTHING else value
    return found or None


def _parsed(text: str, where: str) -> dict[str, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - most files need no parser
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - as above

    try:
        found = YAML(typ="base", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise CorruptData(f"{where} is no YAML: {str(error).splitlines()[0] if str(error) else error!r}.") from None
    if not isinstance(found, dict):
        raise CorruptData(f"{where} holds no fields.")
    return {str(key): None if isinstance(item, str) and item in _NOTHING else item for key, item in found.items()}


def text_of(meta: dict[str, Any], *names: str) -> str:
    """The first of some fields that has a text; empty when none has."""
    for name in names:
        found = meta.get(name)
        if isinstance(found, str) and found:
            return found
    return ""


def number_of(meta: dict[str, Any], name: str) -> int:
    """A whole number; 0 where there is none."""
    found = meta.get(name)
    try:
        return int(found) if isinstance(found, str) else 0
    except ValueError:
        return 0


def texts_of(meta: dict[str, Any], name: str) -> dict[str, str]:
    """A mapping of texts."""
    found = meta.get(name)
    return {str(key): str(item) for key, item in found.items()} if isinstance(found, dict) else {}
