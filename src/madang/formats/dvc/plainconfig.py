"""A fast reader for configurations as `remote add` and `config` write them.

What it reads means exactly what configobj makes of it, which takes 3 ms to load; a property test holds that. Comments,
quotes, lists and everything else it leaves to configobj.
"""

from __future__ import annotations

_ODD = frozenset("'\"#,")
_ODD_IN_NAME = frozenset("'#,[]=")


def load(text: str) -> dict[str, dict[str, str]] | None:
    """Section name → key → value; None when only configobj can judge the text."""
    sections: dict[str, dict[str, str]] = {}
    values: dict[str, str] | None = None
    for line in text.removesuffix("\n").split("\n") if text else ():
        if not line.isprintable():
            return None
        if line.startswith("["):
            name = _name(line)
            if name is None or name in sections:
                return None
            values = sections[name] = {}
            continue
        key, equals, value = line.removeprefix("    ").partition(" = ")
        is_plain = equals and key.isidentifier() and value and value == value.strip() and not _ODD & set(value)
        if values is None or not is_plain or key in values:
            return None
        values[key] = value
    return sections


def _name(line: str) -> str | None:
    """The name in ``[core]`` or ``['remote "x"']``."""
    name = line[1:-1]
    if name.startswith("'") and name.endswith("'"):
        name = name[1:-1]
    elif '"' in name:
        return None
    is_plain = line.endswith("]") and name and name == name.strip() and not _ODD_IN_NAME & set(name)
    return name if is_plain else None
